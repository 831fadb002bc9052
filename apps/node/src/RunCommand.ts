/**
 * `ephor-node run`: its settings. What it does is loaded when it runs.
 */
import { Settings, Telemetry } from "@ephor/cli"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { environmentPrefix, settings } from "./NodeConfig.ts"

/** Resolves the settings of `run` from all sources. */
export const resolve = (flags: { readonly [name: string]: ReadonlyArray<string> }) =>
  Settings.resolve(settings, { flags, environment: process.env, prefixes: [environmentPrefix] })

/** The `run` command. */
export const runCommand = Command.make("run", Settings.flags(settings), (flags) =>
  Effect.gen(function* () {
    const config = yield* resolve(flags)
    const { run } = yield* Effect.promise(() => import("./Run.ts"))
    const telemetry = Telemetry.layer(config.logFormat, { isTerminal: process.stderr.isTTY })
    return yield* Effect.provide(run(config), telemetry)
  })
).pipe(Command.withDescription("Run a node"))
