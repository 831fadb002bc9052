/** What a new leaf means to the coordinator: a new session, votes and candidates on chain, disputes to take up again. */
import { type Signal, Subsystem } from "@ephor/overseer"
import type { CandidateHash } from "@ephor/types"
import { Effect, Metric, Option } from "effect"
import { isInactive } from "../DisputeStatus.ts"
import { oldestSession } from "../SessionWindow.ts"
import type { DisputeConclusion } from "../Disputes.ts"
import * as Metrics from "../Metrics.ts"
import type { Sighting } from "../Scraping.ts"
import { byzantine } from "../Thresholds.ts"
import {
  isSpam,
  keyOf,
  noteLosers,
  seconds,
  sessionInfoOf,
  type State,
  storeFailed,
  tellActive,
  votesOf
} from "./State.ts"
import { closeHearings, hear } from "./Hearings.ts"
import { importVotes, settle } from "./Importing.ts"
import { issueAgain } from "./LocalStatement.ts"
import { ownVotes, participate, reconsider, tellOthers } from "./OwnVotes.ts"

/** Follows the chain to a leaf. */
export const onLeaf = Effect.fn("DisputeCoordinator.leaf")(function* (state: State, leaf: Signal.Leaf) {
  state.leaf = leaf.hash
  yield* enterSession(state, leaf)
  const { sightings, votes } = yield* state.scraper.scrape(leaf)
  yield* tellActive(state)
  const recovered = yield* recover(state)
  for (const onChain of votes) yield* importVotes(state, onChain)
  yield* settle(state)
  yield* issueAgain(state)
  yield* onSightings(state, sightings, recovered)
  yield* closeHearings(state)
  yield* tellActive(state)
  yield* Metric.update(Metrics.spamSlots, state.slots.size)
})

/** Forgets what the window of sessions has left behind. */
const enterSession = Effect.fnUntraced(function* (state: State, leaf: Signal.Leaf) {
  const session = yield* Effect.option(state.runtime.sessionIndexForChild(leaf.hash))
  if (Option.isNone(session) || session.value <= state.highest) return
  state.highest = session.value
  const oldest = oldestSession(state.highest, state.options.disputeWindow, state.options.era)
  state.slots.prune(oldest)
  state.offchainDisabled.prune(oldest)
  for (const past of state.droppedFor.keys()) if (past < oldest) state.droppedFor.delete(past)
  for (const [key, dispute] of state.recent) if (dispute.session < oldest) state.recent.delete(key)
  yield* settle(state)
  yield* Effect.mapError(state.db.forget(oldest), storeFailed)
  // Beside everything else: it may take long, and what is asked for meanwhile is not in it.
  yield* Subsystem.spawn(Effect.mapError(state.cleaning.withPermits(1)(state.db.clean(oldest)), storeFailed))
})

/** Candidates were backed or included: disputes about them are real and urgent, and verdicts against them apply. */
const onSightings = Effect.fnUntraced(function* (
  state: State,
  sightings: ReadonlyArray<Sighting>,
  recovered: ReadonlySet<string>
) {
  if (sightings.length === 0) return
  const seen = new Map<CandidateHash, Array<Sighting>>()
  for (const sighting of sightings) {
    const others = seen.get(sighting.candidateHash)
    if (others === undefined) seen.set(sighting.candidateHash, [sighting])
    else others.push(sighting)
  }
  for (const { candidateHash, session, status } of state.recent.values()) {
    const here = seen.get(candidateHash)
    if (here === undefined) continue
    if (!recovered.has(keyOf(session, candidateHash))) yield* reconsider(state, session, candidateHash)
    const including = here.filter(({ included }) => included).map(({ block }) => block)
    if (including.length === 0 || status._tag === "ConcludedFor") continue
    const votes = yield* votesOf(state, session, candidateHash)
    if (votes === undefined) continue
    if (status._tag !== "ConcludedAgainst") {
      const info = yield* sessionInfoOf(state, session, votes.candidateReceipt)
      const isAgainst = info !== undefined && votes.invalid.length > byzantine(info.validators.length)
      if (isAgainst && state.options.era === "current")
        yield* state.disputes.revert({ session, candidateHash, including })
      continue
    }
    const candidate = votes.candidateReceipt
    const late = { session, candidateHash, candidate, valid: false, including }
    yield* rememberIncluding(state, late)
    yield* state.disputes.includeLate(late)
  }
})

/** Writes down the blocks that were found to include a candidate after its verdict. */
const rememberIncluding = Effect.fnUntraced(function* ({ db }: State, late: DisputeConclusion) {
  const { candidateHash, session } = late
  const before = yield* Effect.mapError(db.conclusion(session, candidateHash), storeFailed)
  const known = Option.match(before, { onNone: () => [], onSome: ({ including }) => including })
  const hashes = new Set(known.map(({ hash }) => hash))
  const including = [...known, ...late.including.filter(({ hash }) => !hashes.has(hash))]
  if (including.length > known.length)
    yield* Effect.mapError(db.conclude({ ...late, including }), storeFailed)
})

/**
 * Remembers again who was wrong in disputes of an earlier run, and tells again what was found invalid: that run may have
 * ended before anybody acted upon it.
 */
const recoverVerdicts = Effect.fnUntraced(function* (state: State) {
  const { db, disputes, recent, unrecovered } = state
  for (const key of unrecovered) {
    const dispute = recent.get(key)
    if (dispute === undefined || !dispute.status._tag.startsWith("Concluded")) continue
    const { candidateHash, session, status } = dispute
    const votes = yield* votesOf(state, session, candidateHash)
    if (votes !== undefined) noteLosers(state, session, status, votes)
    if (status._tag !== "ConcludedAgainst") continue
    const conclusion = yield* Effect.mapError(db.conclusion(session, candidateHash), storeFailed)
    if (Option.isSome(conclusion)) yield* disputes.includeLate(conclusion.value)
  }
})

/**
 * After a restart: goes on with the disputes that were open, as soon as their session can be asked for. Charges spam
 * slots again, asks for missing votes of our own, tells others of those we made, and has what is decided heard again.
 * Gives the disputes it took up.
 */
const recover = Effect.fnUntraced(function* (state: State) {
  const recovered = new Set<string>()
  yield* recoverVerdicts(state)
  for (const key of state.unrecovered) {
    const dispute = state.recent.get(key)
    if (dispute === undefined || isInactive(dispute.status, yield* seconds)) {
      state.unrecovered.delete(key)
      state.closed.add(key)
      continue
    }
    const { candidateHash, session } = dispute
    const votes = yield* votesOf(state, session, candidateHash)
    const info = yield* sessionInfoOf(state, session, votes?.candidateReceipt)
    if (info === undefined) continue
    state.unrecovered.delete(key)
    recovered.add(key)
    if (votes === undefined) continue
    if (yield* isSpam(state, session, candidateHash, votes, info)) {
      for (const [, voter] of [...votes.valid, ...votes.invalid])
        state.slots.add(session, candidateHash, voter)
      continue
    }
    yield* participate(state, session, votes, info)
    const own = new Set(yield* state.keystore.owned(info.validators))
    yield* tellOthers(state, session, votes, ownVotes(votes, own))
    yield* hear(state, dispute, votes, info.validators.length)
  }
  return recovered
})
