/**
 * `ephor-node devnet`: some chains, a supervisor and observers on this machine.
 */
import { NodeCommand, NodeEnding, Settings } from "@ephor/cli"
import { Console, Effect, FileSystem, Logger, References } from "effect"
import { Command } from "effect/cli"
import { resolve } from "node:path"
import { environmentOf } from "../Environment.ts"
import * as History from "../History.ts"
import { DevnetError } from "./NodeCommands.ts"

/** Settings of `devnet`. */
const settings = {
  duration: Settings.integer("duration", { description: "Seconds to run; 0 runs until Ctrl-C", default: 0 }),
  json: Settings.boolean("json", { description: "End with one line of JSON on stdout", default: false }),
  execution: Settings.choice("execution", ["dev", "anvil"], {
    description: "Where blocks come from: our own development chains, or real execution clients",
    default: "dev"
  }),
  dataDir: Settings.optionalPath("data-dir", {
    description:
      "Keep everything here and go on from it next time (default: a temporary directory, removed at the end)"
  }),
  processes: Settings.boolean("processes", {
    description: "Run each validator of a chain as a process of its own, over libp2p",
    default: false
  }),
  chains: Settings.integer("chains", { description: "Chains to run", default: 2, minimum: 1, maximum: 8 }),
  validators: Settings.integer("validators", {
    description: "Validators of each chain",
    default: 4,
    minimum: 4,
    maximum: 32
  }),
  malicious: Settings.integer("malicious", {
    description: "Validators of each chain that back invalid candidates: a group of their own",
    default: 1,
    minimum: 1
  }),
  sessionBlocks: Settings.integer("session-blocks", {
    description: "Blocks of a session: so long a validator stays disabled that backed an invalid candidate",
    default: 60,
    minimum: 10
  }),
  consolePort: Settings.port("console-port", {
    description: "Port of the page that shows all of it; 0 is any free port",
    default: 0
  }),
  historyBlocks: History.setting,
  garbageEvery: Settings.integer("garbage-every", {
    description: "Valid candidates between two invalid ones; 0 is never",
    default: 4
  })
}

const environment = environmentOf("DEVNET")

/** The `devnet` command. */
export const devnetCommand = Command.make(
  "devnet",
  Settings.flags(settings, environment.prefixes[0]),
  (flags) =>
    Effect.gen(function* () {
      const config = yield* NodeCommand.resolve(settings, environment, flags)
      for (const text of NodeCommand.outdated(settings, environment)) yield* Effect.logWarning(text)
      const fs = yield* FileSystem.FileSystem
      const dataDir =
        config.dataDir === undefined
          ? yield* Effect.orDie(fs.makeTempDirectoryScoped({ prefix: "ephor-devnet-" }))
          : resolve(config.dataDir)
      if (config.processes && config.execution !== "dev") {
        return yield* new DevnetError({
          message: "--processes runs on development chains only: leave out --execution anvil"
        })
      }
      const { malicious, validators } = config
      const ChainSpec = yield* Effect.promise(() => import("../ChainSpec.ts"))
      const tolerated = ChainSpec.toleratedMalicious(validators)
      if (malicious > tolerated) {
        return yield* new DevnetError({
          message: `${validators} validators outvote at most ${tolerated} malicious ones: correct --malicious, or give --validators ${3 * malicious + 1}`
        })
      }
      const Devnet = yield* Effect.promise(() => import("./Devnet.ts"))
      return yield* Devnet.run({
        dataDir,
        committee: { validators, malicious },
        processes: config.processes,
        execution: config.execution,
        chainIds: Array.from({ length: config.chains }, (_, at) => String(901 + at)),
        sessionBlocks: config.sessionBlocks,
        historyBlocks: config.historyBlocks,
        garbageEvery: config.garbageEvery,
        consolePort: config.consolePort,
        durationSeconds: config.duration === 0 ? undefined : config.duration,
        json: config.json,
        isTerminal: process.stderr.isTTY && process.env["TERM"] !== "dumb" && !config.json
      })
    }).pipe(
      Effect.scoped,
      Effect.onInterrupt(() => Console.error("stopped")),
      NodeEnding.longRunning,
      Effect.provideService(Logger.LogToStderr, true),
      Effect.provideService(References.MinimumLogLevel, "Warn")
    )
).pipe(Command.withDescription("Run a development network of chains, a supervisor and observers"))
