/**
 * Misbehaviour arbitration: passes on, once, the reports that prove what they say.
 *
 * The protocol decides no more than that; punishing is up to the chain. (Overseer protocol, "Misbehavior
 * Arbitration Message".)
 */
import { Effect, type Layer, Metric } from "effect"
import { Keystore, RuntimeApi } from "@ephor/chain"
import {
  MisbehaviorArbitration,
  type MisbehaviorArbitrationMessage,
  Overseer,
  Provisioner
} from "@ephor/overseer"
import type { MisbehaviorReport } from "@ephor/types"
import { Recent } from "./internal/Recent.ts"
import { sessionAt, verifyFullStatement } from "./internal/session.ts"
import * as Metrics from "./Metrics.ts"
import * as Misbehavior from "./Misbehavior.ts"

/** Limits of misbehaviour arbitration. */
export interface Limits {
  /** Reports remembered, so that none is passed on twice. */
  readonly remembered: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { remembered: 4096 }

const toReport = (message: MisbehaviorArbitrationMessage): MisbehaviorReport => {
  const { relayParent: _, ...report } = message
  return report
}

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const runtime = yield* RuntimeApi.RuntimeApi
    const keystore = yield* Keystore.Keystore
    const seen = new Recent<string>(limits.remembered)

    const isSigned = Effect.fnUntraced(function* (message: MisbehaviorArbitrationMessage) {
      const session = yield* sessionAt(runtime, keystore, message.relayParent)
      for (const statement of Misbehavior.statementsOf(message)) {
        if (!(yield* verifyFullStatement(keystore, session, statement))) return false
      }
      return true
    })

    const arbitrate = Effect.fnUntraced(function* (message: MisbehaviorArbitrationMessage) {
      const key = Misbehavior.keyOf(message)
      if (seen.has(key)) return
      const fault =
        Misbehavior.fault(message) ?? ((yield* isSigned(message)) ? undefined : "a signature does not verify")
      if (fault !== undefined)
        return yield* Effect.logWarning("a report proves nothing", { report: message._tag, why: fault })
      seen.add(key)
      yield* Metric.update(Metrics.misbehaviors(message._tag), 1)
      yield* Provisioner.send({
        _tag: "ProvisionableData",
        relayParent: message.relayParent,
        data: { _tag: "MisbehaviorReport", relayParent: message.relayParent, report: toReport(message) }
      })
    })

    return {
      message: (message: MisbehaviorArbitrationMessage) =>
        arbitrate(message).pipe(
          Effect.catchTag("RuntimeApiError", (error) =>
            Effect.logWarning("a report could not be checked", error.message)
          )
        )
    }
  })

/** Everything misbehaviour arbitration needs to run. */
export type Requirements =
  | MisbehaviorArbitration
  | Provisioner
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore

/** Arbitrates reports of misbehaviour. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  MisbehaviorArbitration.toLayer(make({ ...defaults, ...options }))
