/**
 * Candidate selection: of what collators offer for the para our group serves, proposes at most one candidate
 * per relay parent. The members of a group take turns, so that one seconds and the others agree.
 *
 * A proposal that turns out invalid costs whoever offered it: the peer that sent it, or the collator of this process. That
 * one is not listened to for a while, and another candidate may take the place. The name in an offer is believed only with
 * its signature; even then it does not cover all of the receipt, so that a peer answers for what it sends. (Overseer protocol, "Candidate Selection Message".)
 */
import { Effect, type Layer, Metric, Random } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import {
  CandidateBacking,
  CandidateSelection,
  CollatorProtocol,
  type InvalidCandidate,
  type NewCandidate,
  Overseer,
  Signal,
  Subsystem
} from "@ephor/overseer"
import {
  Elapsed,
  type CandidateHash,
  candidateHash,
  type CollatorId,
  collatorSignaturePayload,
  type Hash
} from "@ephor/types"
import * as Assignment from "./Assignment.ts"
import { Recent } from "./shared/Recent.ts"
import { sessionAt } from "./shared/Session.ts"
import * as Metrics from "./Metrics.ts"
import * as FairList from "./offers/FairList.ts"
import * as SelectionPolicy from "./SelectionPolicy.ts"

/** Options and limits of candidate selection. Times are milliseconds. */
export interface Options {
  readonly policy: SelectionPolicy.SelectionPolicy
  /**
   * Pause between the turns of two members of a group. The first seconds at once, the others wait for what they can agree to,
   * and second only where nothing has come. 0: everybody at once.
   */
  readonly turnMs: number
  /** Candidates that wait at one relay parent for the policy to decide; beyond it whoever has most of them loses the newest. */
  readonly maxWaiting: number
  /** Candidates that came before their relay parent was active here; beyond it whoever has most of them loses the oldest. */
  readonly maxEarly: number
  /** How long whoever offered an invalid candidate is not listened to. */
  readonly penaltyMs: number
  /** Those that are remembered; the oldest is forgiven first. */
  readonly maxPenalised: number
}

/** Defaults of `Options`: the first candidate, and one Polkadot slot of silence. */
export const defaults: Options = {
  policy: SelectionPolicy.first,
  turnMs: 400,
  maxWaiting: 64,
  maxEarly: 16,
  penaltyMs: 6000,
  maxPenalised: 1024
}

interface Work {
  readonly assignment: Assignment.Assignment
  /** When our turn begins. */
  readonly turnAtMs: number
  readonly waiting: Array<NewCandidate>
  proposed: { readonly hash: CandidateHash; readonly source: Source } | undefined
}

/** Who answers for an offer: the peer that sent it, whatever name it gives, or the collator of this process. */
type Source = `peer ${string}` | `collator ${CollatorId}`

const sourceOf = ({ collator, peer }: NewCandidate): Source =>
  peer === undefined ? `collator ${collator}` : `peer ${peer}`

/** What the subsystem knows while it runs. */
interface State {
  readonly options: Options
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly works: Map<Hash, Work>
  /** A collator may be faster than the block that it builds upon. The oldest first. */
  readonly early: Array<NewCandidate>
  /** Until when someone is not listened to. */
  readonly penalised: Recent<Source, number>
}

const propose = Effect.fnUntraced(function* (work: Work, chosen: NewCandidate) {
  const { candidate, pov, relayParent } = chosen
  work.proposed = { hash: candidateHash(candidate), source: sourceOf(chosen) }
  yield* CandidateBacking.send({ _tag: "Second", relayParent, candidate, pov })
})

const decide = Effect.fnUntraced(function* ({ options }: State, work: Work) {
  if (work.proposed !== undefined) return
  const chosen = SelectionPolicy.atDeadline(
    options.policy,
    work.waiting,
    yield* Random.nextIntBetween(0, 2 ** 31)
  )
  if (chosen === undefined) return
  work.waiting.splice(work.waiting.indexOf(chosen), 1)
  yield* propose(work, chosen)
})

const start = Effect.fnUntraced(
  function* (state: State, { hash: relayParent, number }: Signal.Leaf) {
    const { options, runtime } = state
    const { own } = yield* sessionAt(runtime, state.keystore, relayParent)
    const cores = yield* runtime.availabilityCores(relayParent)
    const all = Assignment.assignments(cores, yield* runtime.validatorGroups(relayParent))
    const assignment = own === undefined ? undefined : Assignment.assignmentOf(all, own.index)
    if (own === undefined || assignment === undefined) return
    const waitMs = options.turnMs * Assignment.turnOf(assignment, own.index, number)
    const turnAtMs = (yield* Elapsed.ms) + waitMs
    const work: Work = { assignment, turnAtMs, waiting: [], proposed: undefined }
    state.works.set(relayParent, work)
    const deadlineMs = waitMs + SelectionPolicy.deadlineMs(options.policy)
    if (deadlineMs > 0) {
      yield* Subsystem.spawn(Effect.andThen(Effect.sleep(deadlineMs), decide(state, work)), {
        leaf: relayParent
      })
    }
  },
  Effect.catchTag("RuntimeApiError", (error) => Effect.logWarning("no selection at this leaf", error.message))
)

/** Takes up what came for a relay parent before it was active. */
const takeEarly = Effect.fnUntraced(function* (state: State, relayParent: Hash) {
  const waited = state.early.filter((message) => message.relayParent === relayParent)
  if (waited.length === 0) return
  const rest = state.early.filter((message) => message.relayParent !== relayParent)
  state.early.splice(0, state.early.length, ...rest)
  if (!state.works.has(relayParent)) return
  yield* Effect.forEach(waited, (message) => onNewCandidate(state, message), { discard: true })
})

/** Whether the collator that the offer names has signed it. The second version of descriptors names none. */
const isSigned = ({ keystore }: State, { candidate: { descriptor } }: NewCandidate) =>
  descriptor._tag === "V2"
    ? Effect.succeed(true)
    : keystore.verify(descriptor.collator, collatorSignaturePayload(descriptor), descriptor.signature)

const onNewCandidate = Effect.fnUntraced(function* (state: State, message: NewCandidate) {
  const work = state.works.get(message.relayParent)
  const { options, penalised } = state
  if (work === undefined) {
    const dropped = FairList.add(state.early, message, options.maxEarly, sourceOf, "oldest")
    return dropped === undefined ? undefined : yield* Metric.update(Metrics.earlyDropped, 1)
  }
  const { descriptor } = message.candidate
  const nowMs = yield* Elapsed.ms
  const signer = descriptor._tag === "V1" ? descriptor.collator : message.collator
  const required = work.assignment.requiredCollator
  if (descriptor.paraId !== work.assignment.paraId || descriptor.relayParent !== message.relayParent) return
  if (signer !== message.collator || (required !== null && required !== signer)) return
  if ((penalised.get(sourceOf(message)) ?? 0) > nowMs) return
  // Signatures are checked by threads: signals do not wait for them.
  yield* Subsystem.spawn(consider(state, work, message), { leaf: message.relayParent })
})

/** Takes an offer if it is signed: at once, or to the others that wait for the decision. */
const consider = Effect.fnUntraced(function* (state: State, work: Work, message: NewCandidate) {
  if (!(yield* isSigned(state, message))) return yield* Metric.update(Metrics.offersRefused("signature"), 1)
  const { options, penalised } = state
  const nowMs = yield* Elapsed.ms
  if ((penalised.get(sourceOf(message)) ?? 0) > nowMs) return
  const elapsedMs = nowMs - work.turnAtMs
  if (work.proposed === undefined && elapsedMs >= 0 && SelectionPolicy.takesNow(options.policy, elapsedMs)) {
    yield* propose(work, message)
  } else FairList.add(work.waiting, message, options.maxWaiting, sourceOf, "newest")
})

const onInvalid = Effect.fnUntraced(function* (state: State, { candidate, relayParent }: InvalidCandidate) {
  // It knows whether somebody else's collator is to blame, and for how long.
  yield* CollatorProtocol.sendNow({ _tag: "Invalid", relayParent, candidate })
  const work = state.works.get(relayParent)
  const proposed = work?.proposed
  if (work === undefined || proposed === undefined || proposed.hash !== candidateHash(candidate)) {
    return yield* Effect.logWarning("an invalid candidate was reported that was not proposed here", {
      relayParent
    })
  }
  const { source } = proposed
  yield* Effect.logInfo("whoever offered an invalid candidate is not listened to for a while", {
    source,
    candidate: proposed.hash
  })
  state.penalised.set(source, (yield* Elapsed.ms) + state.options.penaltyMs)
  work.proposed = undefined
  work.waiting.splice(
    0,
    work.waiting.length,
    ...work.waiting.filter((waiting) => sourceOf(waiting) !== source)
  )
  yield* decide(state, work)
})

const make = (options: Options) =>
  Effect.gen(function* () {
    const state: State = {
      options,
      runtime: yield* RuntimeApi.RuntimeApi,
      keystore: yield* Keystore.Keystore,
      works: new Map(),
      early: [],
      penalised: new Recent(options.maxPenalised)
    }
    return {
      signal: Signal.match({
        ActiveLeaves: Effect.fnUntraced(function* ({ activated, deactivated }) {
          for (const hash of deactivated) state.works.delete(hash)
          if (activated === null) return
          yield* start(state, activated)
          yield* takeEarly(state, activated.hash)
        }),
        BlockFinalized: () => Effect.void,
        Conclude: () =>
          Effect.sync(() => {
            state.works.clear()
            state.early.length = 0
          })
      }),
      message: CandidateSelection.match({
        NewCandidate: (message) => onNewCandidate(state, message),
        Invalid: (message) => onInvalid(state, message)
      })
    }
  })

/** Everything candidate selection needs to run. */
export type Requirements =
  | CandidateSelection
  | CandidateBacking
  | CollatorProtocol
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore

/** Selects candidates. */
export const layer = (options: Partial<Options> = {}): Layer.Layer<never, never, Requirements> =>
  CandidateSelection.toLayer(make({ ...defaults, ...options }))
