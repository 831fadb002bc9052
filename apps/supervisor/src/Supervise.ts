/**
 * A supervisor by its settings, until it is interrupted or a part of it ends.
 */
import { Supervisor } from "@ephor/safety"
import { Effect } from "effect"
import * as Program from "./Program.ts"
import type { SupervisorConfig } from "./SupervisorConfig.ts"

/** Runs a supervisor. */
export const supervise = (config: SupervisorConfig) =>
  Effect.gen(function* () {
    const inputs = yield* Program.load(config)
    return yield* Effect.gen(function* () {
      const supervisor = yield* Supervisor.Supervisor
      yield* Effect.logInfo("the supervisor is running", {
        nodes: config.l2ConsensusNodes.map(String),
        followed: inputs.passive.map(({ opNode }) => String(opNode)),
        datadir: config.dataDir
      })
      if (config.pprofEnabled) {
        yield* Effect.logWarning(
          "--pprof.enabled has no effect: profile with `node --inspect` or `node --cpu-prof`"
        )
      }
      return yield* supervisor.join
    }).pipe(Effect.provide(Program.layer(config, inputs)))
  })
