/**
 * The command tree of `ephor-supervisor`.
 */
import { Settings, Telemetry } from "@ephor/cli"
import { Supervisor } from "@ephor/safety"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import * as Program from "./Program.ts"
import { environmentPrefixes, settings } from "./SupervisorConfig.ts"

const resolve = (flags: { readonly [name: string]: ReadonlyArray<string> }) =>
  Settings.resolve(settings, { flags, environment: process.env, prefixes: environmentPrefixes })

const run = Command.make("run", Settings.flags(settings), (flags) =>
  Effect.gen(function* () {
    const config = yield* resolve(flags)
    const inputs = yield* Program.load(config)
    return yield* Effect.gen(function* () {
      const supervisor = yield* Supervisor.Supervisor
      yield* Effect.logInfo("the supervisor is running", {
        nodes: config.l2ConsensusNodes,
        datadir: config.dataDir
      })
      return yield* supervisor.join
    }).pipe(
      Effect.provide(Program.layer(config, inputs)),
      Effect.provide(Telemetry.layer(config.logFormat, { isTerminal: process.stderr.isTTY }))
    )
  })
).pipe(Command.withDescription("Supervise the chains of a dependency set"))

const checkConfig = Command.make("check-config", Settings.flags(settings), (flags) =>
  Effect.flatMap(resolve(flags), (config) => Console.log(Settings.render(config)))
).pipe(Command.withDescription("Print the effective settings of run, or say what is wrong with them"))

/** `ephor-supervisor` with all its commands. */
export const command = Command.make("ephor-supervisor").pipe(
  Command.withDescription("Promote the blocks of many chains to safety"),
  Command.withSubcommands([run, checkConfig])
)
