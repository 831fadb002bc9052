/**
 * The command tree of `ephor-supervisor`.
 */
import { Secrets, Settings, Telemetry } from "@ephor/cli"
import { Supervisor } from "@ephor/safety"
import { Console, Effect, Layer, References } from "effect"
import { Command } from "effect/cli"
import * as Program from "./Program.ts"
import {
  environmentPrefixes,
  logFormatOf,
  logLevelOf,
  settings,
  type SupervisorConfig
} from "./SupervisorConfig.ts"

const resolve = (flags: { readonly [name: string]: ReadonlyArray<string> }) =>
  Settings.resolve(settings, { flags, environment: process.env, prefixes: environmentPrefixes })

const telemetry = ({ logColor, logFormat, logLevel, logPid }: SupervisorConfig) =>
  Layer.merge(
    Telemetry.layer(logFormatOf(logFormat), {
      isTerminal: process.stderr.isTTY,
      level: logLevelOf(logLevel),
      colors: logColor && process.stderr.isTTY
    }),
    logPid ? Layer.succeed(References.CurrentLogAnnotations, { pid: process.pid }) : Layer.empty
  )

const supervise = (flags: { readonly [name: string]: ReadonlyArray<string> }) =>
  Effect.gen(function* () {
    const config = yield* resolve(flags)
    const inputs = yield* Program.load(config)
    return yield* Effect.gen(function* () {
      const supervisor = yield* Supervisor.Supervisor
      yield* Effect.logInfo("the supervisor is running", {
        nodes: config.l2ConsensusNodes.map(Secrets.showUrl),
        datadir: config.dataDir
      })
      if (config.pprofEnabled) {
        yield* Effect.logWarning(
          "--pprof.enabled has no effect: profile with `node --inspect` or `node --cpu-prof`"
        )
      }
      return yield* supervisor.join
    }).pipe(Effect.provide(Program.layer(config, inputs)), Effect.provide(telemetry(config)))
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
  Command.withSubcommands([run, checkConfig])
)
