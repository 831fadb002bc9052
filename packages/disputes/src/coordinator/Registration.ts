/** Registering gossiped votes (votes-db, "Incoming message"). */
import type { ImportRefusal, RegisterVotes, RegisterVotesResult } from "@ephor/overseer"
import { candidateHash as hashOf } from "@ephor/types"
import { Deferred, Effect } from "effect"
import type { DisputeError } from "../DisputeError.ts"
import { keyOf, sessionInfoOf, type State } from "./State.ts"
import { hearLate } from "./Hearings.ts"
import { importVotes } from "./Importing.ts"

/** What an import can be refused for; whatever else may be wrong was found before, or ends the coordinator. */
const refusalOf = ({ reason }: DisputeError): ImportRefusal | undefined => {
  switch (reason._tag) {
    case "AncientSession":
    case "UnknownSession":
    case "UnknownCandidate":
    case "Spam":
      return reason
    default:
      return undefined
  }
}

const resultOf = (refusal: DisputeError | undefined): RegisterVotesResult => {
  const reason = refusal === undefined ? undefined : refusalOf(refusal)
  return reason === undefined ? { _tag: "Stored" } : { _tag: "Refused", reason }
}

/**
 * Stores the votes, after which everybody who voted is judged if the dispute is decided, with all that follows; or, if a
 * supermajority has decided before, has only the validators of these votes judged.
 */
export const registerVotes = Effect.fnUntraced(function* (
  state: State,
  { candidateReceipt, reply, session, statements }: RegisterVotes
) {
  const candidateHash = hashOf(candidateReceipt)
  const dispute = state.recent.get(keyOf(session, candidateHash))
  if (dispute === undefined || !dispute.status._tag.startsWith("Concluded")) {
    const votes = { session, candidateHash, candidate: candidateReceipt, votes: statements }
    return yield* importVotes(state, votes, (refusal) => Deferred.succeed(reply, resultOf(refusal)))
  }
  const info = yield* sessionInfoOf(state, session, candidateReceipt)
  if (info === undefined)
    return void (yield* Deferred.succeed(reply, {
      _tag: "Refused",
      reason: { _tag: "UnknownSession", session }
    }))
  yield* hearLate(state, dispute, statements, info.validators.length)
  yield* Deferred.succeed(reply, { _tag: "Late", isValid: dispute.status._tag === "ConcludedFor" })
})
