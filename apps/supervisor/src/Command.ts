/**
 * The command tree of `ephor-supervisor`.
 */
import { NodeCommand, Settings, Telemetry } from "@ephor/cli"
import { Console, Effect, Layer, References } from "effect"
import { Command } from "effect/cli"
import { dbCommand } from "./DbCommand.ts"
import { environmentPrefixes, logFormatOf, logLevelOf, settings } from "./SupervisorConfig.ts"

const supervise = {
  prefixes: environmentPrefixes,
  load: () => import("./Supervise.ts").then((module) => module.supervise),
  telemetry: ({ logColor, logFormat, logLevel, logPid }: Settings.Resolved<typeof settings>) =>
    Layer.merge(
      Telemetry.layer(logFormatOf(logFormat), {
        isTerminal: process.stderr.isTTY,
        level: logLevelOf(logLevel),
        colors: logColor && process.stderr.isTTY
      }),
      logPid ? Layer.succeed(References.CurrentLogAnnotations, { pid: process.pid }) : Layer.empty
    )
}

const run = NodeCommand.make("run", settings, {
  ...supervise,
  description: "Supervise the chains of a dependency set"
})

const checkConfig = Command.make("check-config", Settings.flags(settings), (flags) =>
  Effect.flatMap(NodeCommand.resolve(settings, environmentPrefixes, flags), (config) =>
    Console.log(Settings.render(config))
  )
).pipe(Command.withDescription("Print the effective settings of run, or say what is wrong with them"))

/** `ephor-supervisor` with all its commands; without one it runs, as op-supervisor does. */
export const command = NodeCommand.make("ephor-supervisor", settings, {
  ...supervise,
  description: "Promote the blocks of many chains to safety"
}).pipe(Command.withSubcommands([run, dbCommand, checkConfig]))
