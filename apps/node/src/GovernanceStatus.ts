/**
 * What a node says of governance mode: that it is not ready, what happened, and which command ends it.
 */
import { Health } from "@ephor/cli"
import type { ValidatorIndex } from "@ephor/types"
import { Effect, Layer } from "effect"
import type { NodeConfig } from "./NodeConfig.ts"
import { type Service, Validators } from "./Validators.ts"

/** Whether people are waited for, as `/status` tells it. */
export interface Report {
  readonly frozen: boolean
  /** The validators of this node that wait. */
  readonly validators: ReadonlyArray<ValidatorIndex>
  /** What happened; nothing while nobody waits. */
  readonly why: string | null
  /** The command that ends it, once people have decided. */
  readonly endedBy: string | null
}

type Config = Pick<NodeConfig, "adminAddr" | "adminPort" | "dataDir">

/** How a person ends governance mode of this node. */
export const commandOf = ({ adminAddr, adminPort, dataDir }: Config) => {
  const url = adminPort === 0 ? "URL of the admin endpoint" : `http://${adminAddr}:${adminPort}`
  return `ephor-node governance unfreeze --data-dir ${dataDir} --rpc ${url}`
}

/** What these validators wait for. */
export const report = Effect.fnUntraced(function* (config: Config, governance: Service["governance"]) {
  const modes = yield* Effect.forEach(governance, ({ index, mode }) =>
    Effect.map(mode, (known) => ({ index, ...known }))
  )
  const waiting = modes.filter(({ frozen }) => frozen)
  const conclusion = waiting[0]?.conclusion
  const blocks = (conclusion?.including ?? []).map(({ number }) => `block ${number}`).join(", ")
  const made: Report = {
    frozen: waiting.length > 0,
    validators: waiting.map(({ index }) => index),
    why:
      conclusion === undefined
        ? null
        : `candidate ${conclusion.candidateHash} was found invalid after ${blocks === "" ? "its block" : blocks} was final`,
    endedBy: waiting.length === 0 ? null : commandOf(config)
  }
  return made
})

/** A node with a validator that waits for people is not ready. */
export const readiness = (config: Config) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const health = yield* Health.Health
      const { governance } = yield* Validators
      yield* health.check(
        "governance",
        Effect.map(report(config, governance), ({ endedBy, why }) =>
          endedBy === null ? undefined : `${why}: people have to decide, then ${endedBy}`
        )
      )
    })
  )
