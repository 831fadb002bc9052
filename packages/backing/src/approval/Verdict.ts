/**
 * What comes of executing an included candidate once more.
 */
import {
  AvailabilityRecovery,
  CandidateValidation,
  type RecoveryOutcome,
  type ValidationOutcome
} from "@ephor/overseer"
import type { AvailableData, CandidateReceipt, SessionIndex } from "@ephor/types"
import { type Deferred, Effect } from "effect"

/** `Failed`: we could not tell, and say nothing. */
export type Verdict = "Valid" | "Invalid" | "Failed"

const recover = (candidate: CandidateReceipt, session: SessionIndex) =>
  AvailabilityRecovery.ask((reply: Deferred.Deferred<RecoveryOutcome>) => ({
    _tag: "RecoverAvailableData",
    candidate,
    session,
    reply
  }))

/** In the context of its relay parent, as in a dispute: the including block may be gone by then. */
const execute = (candidate: CandidateReceipt, data: AvailableData) =>
  CandidateValidation.ask((reply: Deferred.Deferred<ValidationOutcome>) => ({
    _tag: "Validate",
    candidate,
    relayParent: candidate.descriptor.relayParent,
    povOrigin: { _tag: "Included", pov: data.pov },
    kind: "Approval",
    persistedValidationData: data.validationData,
    reply
  }))

/** Recovers the data of a candidate and executes it. */
export const judge = Effect.fnUntraced(function* (candidate: CandidateReceipt, session: SessionIndex) {
  const recovered = yield* recover(candidate, session)
  if (recovered._tag === "InvalidData") return "Invalid" satisfies Verdict
  if (recovered._tag === "Unavailable") return "Failed" satisfies Verdict
  return (yield* execute(candidate, recovered.data))._tag satisfies Verdict
})
