/**
 * Bringing together what a dispute is about: the candidate with its commitments, from the block that backed it or from whoever
 * gossiped it, then its proof of validity, which is recovered from those who have it.
 */
import { Subsystem, type RecoveryOutcome } from "@ephor/overseer"
import {
  type CandidateHash,
  type CommittedCandidateReceipt,
  povHash,
  type SessionIndex,
  toPlain
} from "@ephor/types"
import { Effect, Metric, Option } from "effect"
import * as Metrics from "../Metrics.ts"
import { isOpen, keyOf, type State, stored } from "./State.ts"

/** A disputed candidate as a block has it, and the number of that block. */
export interface Found {
  readonly candidate: CommittedCandidateReceipt
  readonly blockNumber: number
}

/** Finds a disputed candidate with its commitments: what is kept, else what the blocks say that included or backed it. */
export const find = Effect.fnUntraced(function* (
  { db, leaf, runtime }: State,
  session: SessionIndex,
  candidateHash: CandidateHash
) {
  const votes = yield* stored(db.votes(session, candidateHash))
  if (Option.isNone(votes) || leaf === undefined) return undefined
  const receipt = votes.value.candidateReceipt
  const including = yield* Effect.orElseSucceed(runtime.inclusions(receipt), () => [])
  for (const at of [...including.map(({ hash }) => hash), leaf]) {
    const found = yield* Effect.orElseSucceed(runtime.committedCandidate(at, receipt), Option.none)
    if (Option.isSome(found))
      return { candidate: found.value.candidate, blockNumber: found.value.block.number } satisfies Found
  }
  const kept = yield* stored(db.proof(session, candidateHash))
  if (Option.isSome(kept) && including[0] !== undefined)
    return { candidate: kept.value.candidate, blockNumber: including[0].number } satisfies Found
  return undefined
})

/** Keeps a candidate at once, and its proof when it is recovered; tries again as long as the dispute is open. */
export const gather = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  candidate: CommittedCandidateReceipt
) {
  const { db, gathering, limits, recovering, recovery } = state
  const key = keyOf(session, candidateHash)
  const known = yield* stored(db.proof(session, candidateHash))
  if (Option.isSome(known) && known.value.pov !== null) return
  if (!(yield* stored(db.keepProof({ session, candidateHash, candidate, pov: null })))) return
  yield* Metric.update(Metrics.proofsKept, 1)
  if (gathering.has(key) || gathering.size >= limits.maxGathering) return
  gathering.add(key)
  const recover = recovery.ask<RecoveryOutcome>((reply) => ({
    _tag: "RecoverAvailableData",
    candidate: toPlain(candidate),
    session,
    reply
  }))
  yield* Subsystem.spawn(
    Effect.gen(function* () {
      let pauseMs = limits.retryDelayMs
      while (true) {
        const outcome = yield* recovering.withPermits(1)(recover)
        if (outcome._tag === "Recovered" && povHash(outcome.data.pov) === candidate.descriptor.povHash) {
          const { pov } = outcome.data
          if (yield* stored(db.keepProof({ session, candidateHash, candidate, pov })))
            yield* Metric.update(Metrics.proofsKept, 1)
          return
        }
        if (outcome._tag === "InvalidData" || !(yield* isOpen(state, session, candidateHash))) return
        yield* Effect.sleep(pauseMs)
        pauseMs = Math.min(pauseMs * 2, limits.retryLimitMs)
      }
    }).pipe(Effect.ensuring(Effect.sync(() => gathering.delete(key))))
  )
})
