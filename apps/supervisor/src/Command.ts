/**
 * The command tree of `ephor-supervisor`.
 */
import { Settings } from "@ephor/cli"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { environmentPrefixes, settings } from "./SupervisorConfig.ts"
import { dbCommand } from "./DbCommand.ts"

const resolve = (flags: { readonly [name: string]: ReadonlyArray<string> }) =>
  Settings.resolve(settings, { flags, environment: process.env, prefixes: environmentPrefixes })

const supervise = (flags: { readonly [name: string]: ReadonlyArray<string> }) =>
  Effect.gen(function* () {
    const config = yield* resolve(flags)
    const { supervise: run } = yield* Effect.promise(() => import("./Supervise.ts"))
    return yield* run(config)
  })

const run = Command.make("run", Settings.flags(settings), supervise).pipe(
  Command.withDescription("Supervise the chains of a dependency set")
)

const checkConfig = Command.make("check-config", Settings.flags(settings), (flags) =>
  Effect.flatMap(resolve(flags), (config) => Console.log(Settings.render(config)))
).pipe(Command.withDescription("Print the effective settings of run, or say what is wrong with them"))

/** `ephor-supervisor` with all its commands; without one it runs, as op-supervisor does. */
export const command = Command.make("ephor-supervisor", Settings.flags(settings), supervise).pipe(
  Command.withDescription("Promote the blocks of many chains to safety"),
  Command.withSubcommands([run, dbCommand, checkConfig])
)
