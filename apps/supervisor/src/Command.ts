/**
 * The command tree of `ephor-supervisor`.
 */
import { NodeCommand, NodeOtlp, type Settings, Telemetry } from "@ephor/cli"
import { Layer, References } from "effect"
import { Command } from "effect/cli"
import { dbCommand } from "./DbCommand.ts"
import {
  environmentPrefixes,
  formerEnvironmentPrefixes,
  logFormatOf,
  logLevelOf,
  settings
} from "./SupervisorConfig.ts"
import { version } from "./version.ts"

const environment = { prefixes: environmentPrefixes, formerPrefixes: formerEnvironmentPrefixes }

const supervise = {
  environment,
  load: () => import("./Supervise.ts").then((module) => module.supervise),
  telemetry: ({ logColor, logFormat, logLevel, logPid, otlpEndpoint }: Settings.Resolved<typeof settings>) =>
    Layer.mergeAll(
      Telemetry.layer(logFormatOf(logFormat), {
        isTerminal: process.stderr.isTTY,
        level: logLevelOf(logLevel),
        colors: logColor && process.stderr.isTTY
      }),
      logPid ? Layer.succeed(References.CurrentLogAnnotations, { pid: process.pid }) : Layer.empty,
      NodeOtlp.layer(otlpEndpoint, { name: "ephor-supervisor", version })
    )
}

const run = NodeCommand.make("run", settings, {
  ...supervise,
  description: "Supervise the chains of a dependency set"
})

const checkConfig = NodeCommand.checkConfig(settings, {
  environment,
  check: () => import("./Program.ts").then((module) => module.load)
})

/** `ephor-supervisor` with all its commands; without one it runs, as op-supervisor does. */
export const command = NodeCommand.make("ephor-supervisor", settings, {
  ...supervise,
  description: "Promote the blocks of many chains to safety"
}).pipe(Command.withSubcommands([run, dbCommand, checkConfig]))
