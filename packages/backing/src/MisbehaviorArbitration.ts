/**
 * Misbehaviour arbitration: passes on, once, the reports that prove what they say, and the verdicts of its policy
 * about whoever voted when all validators were called in. (Overseer protocol, "Misbehavior Arbitration Message".)
 */
import { Effect, type Layer, Metric, Stream } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { Store } from "@ephor/store"
import {
  type Hearing,
  MisbehaviorArbitration,
  type MisbehaviorArbitrationMessage,
  type MisbehaviorReportMessage,
  Overseer,
  Provisioner
} from "@ephor/overseer"
import type { MisbehaviorReport, ProvisionableData, ValidatorIndex } from "@ephor/types"
import { ArbitrationPolicy } from "./ArbitrationPolicy.ts"
import { Recent } from "./shared/Recent.ts"
import { sessionAt, verifyFullStatement } from "./shared/Session.ts"
import * as Metrics from "./Metrics.ts"
import * as Misbehavior from "./Misbehavior.ts"
import * as StoredVerdicts from "./verdicts/StoredVerdicts.ts"

/** Limits of misbehaviour arbitration. */
export interface Limits {
  /** Reports and candidates remembered, so that none is passed on and nobody judged twice. */
  readonly remembered: number
  /** Sessions below the newest in which somebody was judged whose judged are remembered across restarts. */
  readonly keptSessions: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { remembered: 4096, keptSessions: 6 }

const toReport = (message: MisbehaviorReportMessage): MisbehaviorReport => {
  const { relayParent: _, ...report } = message
  return report
}

const provide = (data: Extract<ProvisionableData, { readonly relayParent: unknown }>) =>
  Provisioner.send({ _tag: "ProvisionableData", relayParent: data.relayParent, data })

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const runtime = yield* RuntimeApi.RuntimeApi
    const keystore = yield* Keystore.Keystore
    const policy = yield* ArbitrationPolicy
    const seen = new Recent<string>(limits.remembered)
    const store = yield* Store.Store
    const judged = new Recent<string, ReadonlySet<ValidatorIndex>>(limits.remembered)
    yield* Stream.runForEach(StoredVerdicts.readJudged(store), ({ candidate, session, validators }) =>
      Effect.sync(() => judged.set(`${session}/${candidate}`, new Set(validators)))
    )

    const isSigned = Effect.fnUntraced(function* (message: MisbehaviorReportMessage) {
      const session = yield* sessionAt(runtime, keystore, message.relayParent)
      for (const statement of Misbehavior.statementsOf(message)) {
        if (!(yield* verifyFullStatement(keystore, session, statement))) return false
      }
      return true
    })

    const onReport = Effect.fnUntraced(function* (message: MisbehaviorReportMessage) {
      const key = Misbehavior.keyOf(message)
      if (seen.has(key)) return
      const fault =
        Misbehavior.fault(message) ?? ((yield* isSigned(message)) ? undefined : "a signature does not verify")
      if (fault !== undefined)
        return yield* Effect.logWarning("a report proves nothing", { report: message._tag, why: fault })
      seen.add(key)
      yield* Metric.update(Metrics.misbehaviors(message._tag), 1)
      const report = toReport(message)
      if (!policy.isReported(report)) return
      yield* provide({ _tag: "MisbehaviorReport", relayParent: message.relayParent, report })
    })

    const onHearing = Effect.fnUntraced(function* (hearing: Hearing) {
      const { candidateHash, relayParent, session } = hearing
      const key = `${session}/${candidateHash}`
      const before = judged.get(key) ?? new Set()
      const verdicts = policy.judge(hearing).filter(({ validatorIndex }) => !before.has(validatorIndex))
      if (verdicts.length === 0) return
      const all = new Set([...before, ...verdicts.map(({ validatorIndex }) => validatorIndex)])
      judged.set(key, all)
      for (const { judgement } of verdicts) yield* Metric.update(Metrics.verdicts(judgement._tag), 1)
      const votes = hearing.votes ?? []
      yield* provide({ _tag: "Verdicts", relayParent, session, candidateHash, verdicts, votes })
      // After they were given: rather twice than never.
      yield* StoredVerdicts.putJudged(
        store,
        [session, candidateHash],
        all,
        session - limits.keptSessions,
        limits.remembered
      ).pipe(Effect.catch((error) => Effect.logError("who was judged is not on disk", error.message)))
    })

    return {
      message: (message: MisbehaviorArbitrationMessage) =>
        message._tag === "Hearing"
          ? onHearing(message)
          : onReport(message).pipe(
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
  | Store.Store

/** Arbitrates reports of misbehaviour. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, Store.StoreError, Requirements> =>
  MisbehaviorArbitration.toLayer(make({ ...defaults, ...options }))
