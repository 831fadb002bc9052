/**
 * The collator protocol, on the side of a validator: collators of any parachain connect, declare themselves and advertise.
 * When it is our turn to second, what is advertised is fetched, checked against its advertisement, and handed to selection.
 *
 * A collator answers for what it offers by its key, which it has proved: a new connection does not make it a new collator.
 * Those that have brought good candidates come first. (Collation protocol 2 of polkadot-sdk.)
 */
import { Effect, type Layer, Metric, Result, Stream } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { Network, Protocol, Reputation } from "@ephor/network"
import {
  type CandidateBacking,
  type CandidateSelection,
  CollatorProtocol,
  type InvalidCollation,
  Overseer,
  type SecondedCollation,
  Signal,
  Subsystem
} from "@ephor/overseer"
import {
  candidateHash,
  type CollationAdvertisement,
  collatorDeclarationPayload,
  type CollatorId,
  Elapsed,
  type ParaId,
  type Signature,
  statementCandidate,
  toCompact
} from "@ephor/types"
import * as Assignment from "./Assignment.ts"
import * as Selection from "./CandidateSelection.ts"
import * as CollationMessage from "./collators/CollationMessage.ts"
import * as Declarations from "./collators/Declarations.ts"
import { pump } from "./collators/Fetching.ts"
import * as Offers from "./collators/Offers.ts"
import { Standing } from "./collators/Standing.ts"
import { ban, banOf, blame, counted, type Early, type State, tell } from "./collators/State.ts"
import * as Metrics from "./Metrics.ts"
import * as FairList from "./offers/FairList.ts"
import { Recent } from "./shared/Recent.ts"
import { sessionAt } from "./shared/Session.ts"

/** Limits of the collator protocol. Times are milliseconds. */
export interface Limits extends Declarations.Limits, Reputation.ReputationLimits {
  /** Collations that one peer may advertise at one relay parent. */
  readonly advertisementsPerPeer: number
  /** Advertisements for relay parents that are not active here yet; beyond it whoever has most of them loses the oldest. */
  readonly maxEarly: number
  /** Collations that are fetched at a time at one relay parent. */
  readonly fetchesPerHead: number
  /** How long one collation is waited for before another one is fetched beside it. */
  readonly unsharedMs: number
  /** Pause between the turns of two members of a group, as selection has it. */
  readonly turnMs: number
  /** Collators whose standing is remembered; the one that changed longest ago is forgotten first. */
  readonly maxCollators: number
  /** Candidates whose collators are remembered, to tell them what became of them. */
  readonly maxSources: number
  /** Relay parents we have left for which late advertisements cost nothing. */
  readonly recentHeads: number
  /** Between telling a collator that its candidate is invalid, and leaving it. */
  readonly farewellMs: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = {
  ...Reputation.defaults,
  peersPerPara: 32,
  peersPerCollator: 2,
  parasPerPeer: 4,
  advertisementsPerPeer: 2,
  maxEarly: 64,
  fetchesPerHead: 3,
  unsharedMs: 400,
  turnMs: Selection.defaults.turnMs,
  maxCollators: 1024,
  maxSources: 64,
  recentHeads: 32,
  farewellMs: 250
}

const onDeclare = Effect.fnUntraced(function* (
  state: State,
  peer: Network.PeerId,
  [collator, paraId, signature]: readonly [CollatorId, ParaId, Signature]
) {
  const payload = collatorDeclarationPayload(CollationMessage.peerBytes(peer))
  if (!(yield* state.keystore.verify(collator, payload, signature)))
    return yield* blame(state, peer, "bad signature")
  const banned = yield* banOf(state, collator)
  if (banned !== undefined) {
    yield* counted("banned")
    yield* tell(state, peer, { _tag: "CollationRefused", value: [null, banned] })
    return yield* state.network.report(peer, Reputation.changes.majorRepeated, "collator: banned")
  }
  // It may have gone while its signature was checked.
  if (!state.declarations.has(peer)) return
  const nowMs = yield* Elapsed.ms
  const standingOf = (one: CollatorId) => state.standing.valueAt(one, nowMs)
  const declared = Declarations.declare(
    state.declarations,
    { peer, collator, paraId },
    state.limits,
    standingOf
  )
  if (declared._tag === "Duplicate") return yield* blame(state, peer, "duplicate", collator)
  if (declared._tag === "Flood") return yield* blame(state, peer, "flood", collator)
  const without = declared._tag === "Taken" ? declared.evicted : peer
  if (without !== undefined) {
    yield* counted("full")
    yield* tell(state, without, { _tag: "CollationRefused", value: [null, { _tag: "Full", value: paraId }] })
  }
  if (declared._tag === "Taken") yield* counted("declared")
  yield* Metric.update(Metrics.collators, Declarations.count(state.declarations))
})

const onAdvertise = Effect.fnUntraced(function* (
  state: State,
  peer: Network.PeerId,
  { candidateHash, parentHeadDataHash, relayParent }: CollationAdvertisement
) {
  const declared = state.declarations.get(peer)
  if (declared === undefined || declared.size === 0) return yield* blame(state, peer, "unexpected")
  const head = state.heads.get(relayParent)
  if (head === undefined) {
    if (state.left.has(relayParent)) return
    const early: Early = { peer, relayParent, candidateHash, parentHeadDataHash }
    const dropped = FairList.add(state.early, early, state.limits.maxEarly, (one) => one.peer, "oldest")
    return dropped === undefined ? undefined : yield* Metric.update(Metrics.earlyDropped, 1)
  }
  const collator = declared.get(head.assignment.paraId)
  if (collator === undefined) return yield* counted("another para")
  const offer = { peer, collator, candidateHash, parentHeadDataHash }
  const outcome = Offers.advertise(head, offer, state.limits.advertisementsPerPeer)
  if (outcome !== "queued") return yield* blame(state, peer, outcome, collator)
  yield* counted("advertised")
  yield* pump(state, head)
})

const onBytes = (state: State, peer: Network.PeerId, bytes: Uint8Array) => {
  const message = CollationMessage.decode(bytes)
  if (Result.isFailure(message)) return blame(state, peer, "malformed")
  switch (message.success._tag) {
    case "Declare":
      return onDeclare(state, peer, message.success.value)
    case "AdvertiseCollation":
      return onAdvertise(state, peer, message.success.value)
    // Reports of other validators: for the collator of this process, if there is one.
    case "CollationSeconded":
    case "CollationRefused":
      return Effect.void
  }
}

const onEvent = (state: State, event: Network.NetworkEvent) => {
  switch (event._tag) {
    case "PeerConnected":
      return Effect.sync(() => void state.declarations.set(event.peer, new Map()))
    case "PeerDisconnected":
      return Effect.suspend(() => {
        state.declarations.delete(event.peer)
        const others = state.early.filter(({ peer }) => peer !== event.peer)
        state.early.splice(0, state.early.length, ...others)
        for (const head of state.heads.values()) Offers.forget(head, ({ peer }) => peer === event.peer)
        return Metric.update(Metrics.collators, Declarations.count(state.declarations))
      })
    case "PeerMessage":
      return onBytes(state, event.peer, event.bytes)
    case "PeerViewChange":
      return Effect.void
  }
}

/** At a new leaf: what our group may back, and when it is our turn. */
const enter = Effect.fnUntraced(
  function* (state: State, { hash: relayParent, number }: Signal.Leaf) {
    const { own } = yield* sessionAt(state.runtime, state.keystore, relayParent)
    const cores = yield* state.runtime.availabilityCores(relayParent)
    const all = Assignment.assignments(cores, yield* state.runtime.validatorGroups(relayParent))
    const assignment = own === undefined ? undefined : Assignment.assignmentOf(all, own.index)
    if (own === undefined || assignment === undefined) return
    const head = Offers.make(relayParent, assignment)
    state.heads.set(relayParent, head)
    const waitMs = state.limits.turnMs * Assignment.turnOf(assignment, own.index, number)
    const open = Effect.suspend(() => {
      head.isOpen = true
      return pump(state, head)
    })
    yield* Subsystem.spawn(Effect.andThen(Effect.sleep(waitMs), open), { leaf: relayParent })
    const waited = state.early.filter((early) => early.relayParent === relayParent)
    const rest = state.early.filter((early) => early.relayParent !== relayParent)
    state.early.splice(0, state.early.length, ...rest)
    for (const early of waited) yield* onAdvertise(state, early.peer, early)
  },
  Effect.catchTag("RuntimeApiError", (error) =>
    Effect.logWarning("no collations at this leaf", error.message)
  )
)

const onSeconded = Effect.fnUntraced(function* (
  state: State,
  { relayParent, statement: { payload, signature, validatorIndex } }: SecondedCollation
) {
  const source = state.sources.get(statementCandidate(payload))
  if (source === undefined) return
  yield* counted("seconded")
  state.standing.change(source.collator, Reputation.changes.benefitMajor, yield* Elapsed.ms)
  yield* state.network.report(source.peer, Reputation.changes.benefitMinorFirst, "collator: a good candidate")
  const statement = { payload: toCompact(payload), validatorIndex, signature }
  yield* tell(state, source.peer, { _tag: "CollationSeconded", value: [relayParent, statement] })
})

const onInvalid = Effect.fnUntraced(function* (state: State, { candidate }: InvalidCollation) {
  const hash = candidateHash(candidate)
  const source = state.sources.get(hash)
  if (source === undefined) return
  state.sources.delete(hash)
  yield* ban(state, hash, source)
  const head = state.heads.get(source.relayParent)
  if (head === undefined || head.taken !== hash) return
  head.taken = undefined
  yield* pump(state, head)
})

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const state: State = {
      limits,
      runtime: yield* RuntimeApi.RuntimeApi,
      keystore: yield* Keystore.Keystore,
      network: yield* Network.Network,
      declarations: new Map(),
      standing: new Standing(limits, limits.maxCollators),
      heads: new Map(),
      left: new Recent(limits.recentHeads),
      early: [],
      sources: new Recent(limits.maxSources)
    }
    const events = state.network.eventsOf(Protocol.collation)
    yield* Subsystem.spawn(Stream.runForEach(events, (event) => onEvent(state, event)))
    return {
      signal: Signal.match({
        ActiveLeaves: Effect.fnUntraced(function* ({ activated, deactivated }) {
          for (const hash of deactivated) if (state.heads.delete(hash)) state.left.add(hash)
          if (activated !== null) yield* enter(state, activated)
        }),
        BlockFinalized: () => Effect.void,
        Conclude: () => Effect.void
      }),
      message: CollatorProtocol.match({
        Seconded: (message) => onSeconded(state, message),
        Invalid: (message) => onInvalid(state, message)
      })
    }
  })

/** Everything the collator protocol needs to run. */
export type Requirements =
  | CollatorProtocol
  | CandidateBacking
  | CandidateSelection
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore
  | Network.Network

/** Takes collations of whoever brings them. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  CollatorProtocol.toLayer(make({ ...defaults, ...options }))
