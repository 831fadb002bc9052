/**
 * Commands that run by their settings: resolved from flags, environment, file and defaults, with the logs that they ask
 * for. What a command does is loaded when it runs.
 */
import { Effect, type Layer } from "effect"
import { Command } from "effect/cli"
import * as NodeEnding from "./NodeEnding.ts"
import * as Settings from "./Settings.ts"
import * as Telemetry from "./Telemetry.ts"

/** What a command is made of. */
export interface Options<T extends Settings.Table, E, R> {
  readonly description: string
  /** Of environment variables, the preferred one first. */
  readonly prefixes: ReadonlyArray<string>
  /** Loads what the command does. */
  readonly load: () => Promise<(config: Settings.Resolved<T>) => Effect.Effect<void, E, R>>
  /** Default: by the setting `logFormat`, to stderr. */
  readonly telemetry?: (config: Settings.Resolved<T>) => Layer.Layer<never>
}

/** Settings as a command without a description of its own resolves them. */
export const resolve = <const T extends Settings.Table>(
  settings: T,
  prefixes: ReadonlyArray<string>,
  flags: { readonly [name: string]: ReadonlyArray<string> }
) => Settings.resolve(settings, { flags, environment: process.env, prefixes })

const byFormat = (config: { readonly logFormat?: unknown }) =>
  Telemetry.layer((config.logFormat ?? "auto") as Telemetry.LogFormat, {
    isTerminal: process.stderr.isTTY
  })

/** A command of this name. */
export const make = <const Name extends string, const T extends Settings.Table, E, R>(
  name: Name,
  settings: T,
  { description, load, prefixes, telemetry = byFormat }: Options<T, E, R>
) =>
  Command.make(name, Settings.flags(settings), (flags) =>
    Effect.gen(function* () {
      const config = yield* resolve(settings, prefixes, flags)
      const run = yield* Effect.promise(load)
      return yield* run(config).pipe(
        Effect.onInterrupt(() => Effect.logInfo("stopped")),
        Effect.provide(telemetry(config))
      )
    }).pipe(NodeEnding.longRunning)
  ).pipe(Command.withDescription(description))
