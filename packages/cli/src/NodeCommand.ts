/**
 * Commands that run by their settings: resolved from flags, environment, file and defaults, with the logs that they ask
 * for. What a command does is loaded when it runs.
 */
import { Console, Effect, type Layer, References } from "effect"
import { Command } from "effect/cli"
import * as NodeEnding from "./NodeEnding.ts"
import * as Settings from "./Settings.ts"
import * as Telemetry from "./Telemetry.ts"

/** Prefixes of the environment variables of a command. */
export interface Environment {
  /** The preferred one first. */
  readonly prefixes: ReadonlyArray<string>
  /** Those of an earlier version, which are read with a warning. */
  readonly formerPrefixes?: ReadonlyArray<string>
}

/** What a command is made of. */
export interface Options<T extends Settings.Table, E, R> {
  readonly description: string
  readonly environment: Environment
  /** Loads what the command does. */
  readonly load: () => Promise<(config: Settings.Resolved<T>) => Effect.Effect<void, E, R>>
  /** Default: by the setting `logFormat`, to stderr. */
  readonly telemetry?: (config: Settings.Resolved<T>) => Layer.Layer<never>
}

/** Settings as a command without a description of its own resolves them. */
export const resolve = <const T extends Settings.Table>(
  settings: T,
  environment: Environment,
  flags: { readonly [name: string]: ReadonlyArray<string> }
) => Settings.resolve(settings, { flags, environment: process.env, ...environment })

/** What to tell a person whose environment uses names of an earlier version. */
export const outdated = (settings: Settings.Table, environment: Environment) =>
  Settings.outdated(settings, { flags: {}, environment: process.env, ...environment })

/** A command that says what the settings of another one come to, or what is wrong with them. */
export const checkConfig = <const T extends Settings.Table, E, R>(
  settings: T,
  {
    check,
    environment
  }: {
    readonly environment: Environment
    /** Loads what else the other command refuses. */
    readonly check: () => Promise<(config: Settings.Resolved<T>) => Effect.Effect<unknown, E, R>>
  }
) =>
  Command.make("check-config", Settings.flags(settings, environment.prefixes[0]), (flags) =>
    Effect.gen(function* () {
      const config = yield* resolve(settings, environment, flags)
      for (const text of outdated(settings, environment)) yield* Console.error(text)
      yield* (yield* Effect.promise(check))(config)
      yield* Console.log(Settings.render(config))
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  ).pipe(Command.withDescription("Print the effective settings of run, or say what run would refuse"))

/** Logs by the setting `logFormat`, to stderr. */
export const byFormat = (config: { readonly logFormat?: unknown }) =>
  Telemetry.layer((config.logFormat ?? "auto") as Telemetry.LogFormat, {
    isTerminal: process.stderr.isTTY
  })

/** A command of this name. */
export const make = <const Name extends string, const T extends Settings.Table, E, R>(
  name: Name,
  settings: T,
  { description, environment, load, telemetry = byFormat }: Options<T, E, R>
) =>
  Command.make(name, Settings.flags(settings, environment.prefixes[0]), (flags) =>
    Effect.gen(function* () {
      const config = yield* resolve(settings, environment, flags)
      const run = yield* Effect.promise(load)
      const warnings = Effect.forEach(outdated(settings, environment), (text) => Effect.logWarning(text))
      return yield* Effect.andThen(warnings, run(config)).pipe(
        Effect.onInterrupt(() => Effect.logInfo("stopped")),
        Effect.provide(telemetry(config))
      )
    }).pipe(NodeEnding.longRunning)
  ).pipe(Command.withDescription(description))
