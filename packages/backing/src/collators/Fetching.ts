/**
 * From an advertisement to a candidate for selection: one collation is fetched at a time, a second one only when the first
 * takes long, and nothing that our group has put forward already.
 */
import { type Deferred, Effect, Fiber, Option, Result } from "effect"
import { Protocol } from "@ephor/network"
import { CandidateBacking, CandidateSelection, type NewCandidate, Subsystem } from "@ephor/overseer"
import {
  candidateHash,
  type CandidateReceipt,
  type CollatorId,
  collatorSignaturePayload,
  Elapsed,
  headDataHash,
  type PoV,
  povHash
} from "@ephor/types"
import * as CollationMessage from "./CollationMessage.ts"
import * as Offers from "./Offers.ts"
import { blame, type costs, counted, type State } from "./State.ts"

/** What a collation that was fetched is not, if it is not what was advertised. */
const faultOf = Effect.fnUntraced(function* (
  { keystore }: State,
  { assignment, relayParent }: Offers.Head,
  offer: Offers.Offer,
  candidate: CandidateReceipt,
  pov: PoV
): Effect.fn.Return<keyof typeof costs | undefined> {
  const { descriptor } = candidate
  const isAdvertised =
    candidateHash(candidate) === offer.candidateHash &&
    descriptor.relayParent === relayParent &&
    descriptor.paraId === assignment.paraId &&
    povHash(pov) === descriptor.povHash
  if (!isAdvertised) return "malformed"
  if (descriptor._tag === "V2") return undefined
  if (descriptor.collator !== offer.collator) return "another collator"
  const payload = collatorSignaturePayload(descriptor)
  return (yield* keystore.verify(descriptor.collator, payload, descriptor.signature))
    ? undefined
    : "bad signature"
})

/** Asks for a collation; nothing, if it is not given or is not what was advertised. */
const request = Effect.fnUntraced(function* (state: State, head: Offers.Head, offer: Offers.Offer) {
  const { assignment, relayParent } = head
  const { candidateHash, collator, peer } = offer
  const query = CollationMessage.query.encode({ relayParent, paraId: assignment.paraId, candidateHash })
  const bytes = yield* Effect.result(state.network.request(Protocol.collationFetch, peer, query))
  if (Result.isFailure(bytes)) {
    // Who has gone meanwhile is not to blame; who lets us wait, or refuses what it advertised, is.
    if (bytes.failure.reason._tag === "NotConnected") yield* counted("gone")
    else yield* blame(state, peer, "not given", collator)
    return undefined
  }
  const answer = CollationMessage.answer.decode(bytes.success)
  if (Result.isFailure(answer)) {
    yield* blame(state, peer, "malformed", collator)
    return undefined
  }
  const [candidate, pov] =
    answer.success._tag === "Collation"
      ? answer.success.value
      : ([answer.success.value.receipt, answer.success.value.pov] as const)
  const fault = yield* faultOf(state, head, offer, candidate, pov)
  if (fault !== undefined) {
    yield* blame(state, peer, fault, collator)
    return undefined
  }
  const message: NewCandidate = {
    _tag: "NewCandidate",
    relayParent,
    collator,
    candidate,
    pov,
    block: { block: pov.blockData },
    peer
  }
  return message
})

/** Whether an offer is worth a download: it builds upon the head of the para, and could be seconded. */
const isWanted = Effect.fnUntraced(function* (state: State, head: Offers.Head, offer: Offers.Offer) {
  const { assignment, relayParent } = head
  const data = yield* state.runtime
    .persistedValidationData(relayParent, assignment.paraId)
    .pipe(Effect.orElseSucceed(() => Option.none()))
  if (Option.isNone(data) || headDataHash(data.value.parentHead) !== offer.parentHeadDataHash) {
    yield* counted("another head")
    return false
  }
  const wanted = yield* CandidateBacking.ask((reply: Deferred.Deferred<boolean>) => ({
    _tag: "CanSecond",
    relayParent,
    candidateHash: offer.candidateHash,
    reply
  }))
  if (!wanted) yield* counted("not needed")
  return wanted
})

const attempt = Effect.fnUntraced(function* (state: State, head: Offers.Head, offer: Offers.Offer) {
  const { relayParent } = head
  let isLate = false
  const impatient = yield* Effect.sleep(state.limits.unsharedMs).pipe(
    Effect.andThen(
      Effect.suspend(() => {
        isLate = true
        head.late++
        return pump(state, head)
      })
    ),
    Effect.forkChild
  )
  const candidate = yield* Effect.gen(function* () {
    return (yield* isWanted(state, head, offer)) ? yield* request(state, head, offer) : undefined
  }).pipe(
    Effect.ensuring(Fiber.interrupt(impatient)),
    Effect.ensuring(
      Effect.sync(() => {
        head.fetching--
        if (isLate) head.late--
      })
    )
  )
  if (candidate === undefined || head.taken !== undefined) return yield* pump(state, head)
  head.taken = offer.candidateHash
  state.sources.set(offer.candidateHash, { peer: offer.peer, collator: offer.collator, relayParent })
  yield* counted("taken")
  yield* CandidateSelection.send(candidate)
})

type Needs = CandidateBacking | CandidateSelection | Subsystem.Jobs

/** Fetches what is to be fetched next at a relay parent, if anything is. */
export const pump = (state: State, head: Offers.Head): Effect.Effect<void, never, Needs> =>
  Effect.flatMap(Elapsed.ms, (nowMs) => {
    const standingOf = (collator: CollatorId) => state.standing.valueAt(collator, nowMs)
    const offer = Offers.next(head, standingOf, state.limits.fetchesPerHead)
    if (offer === undefined) return Effect.void
    head.fetching++
    return Subsystem.spawn(
      attempt(state, head, offer).pipe(
        Effect.catch((error) => Effect.logDebug("a collation is not fetched", error))
      ),
      { leaf: head.relayParent }
    )
  })
