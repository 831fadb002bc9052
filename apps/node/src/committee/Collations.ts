/**
 * Collations between processes: announced to the validators of other processes, who check the collator's signature and
 * then ask for the proof. What does not hold is the fault of who sent it; a name that anybody can write is nobody's fault.
 */
import { Keystore } from "@ephor/keystore"
import { Network, Protocol, Refusal, Role } from "@ephor/network"
import type { Collator } from "@ephor/backing"
import type { NewCandidate } from "@ephor/overseer"
import {
  type CandidateHash,
  candidateHash,
  collatorSignaturePayload,
  type PoV,
  povHash,
  type ValidatorId
} from "@ephor/types"
import { Effect, FiberSet, Layer, Metric, Option, Result, Semaphore, Stream } from "effect"
import { Validators } from "../Validators.ts"
import type { OwnValidator } from "./Membership.ts"
import * as Protocols from "./Protocols.ts"

/** Bounds of what is kept and fetched. */
export interface Limits {
  /** Bytes of proofs that are kept for validators who ask; beyond it the oldest are dropped. */
  readonly keptBytes: number
  /** Proofs that are fetched from validators at a time; further announcements are dropped and counted. */
  readonly fetches: number
  /** The same for all other peers together. */
  readonly otherFetches: number
  /** Proofs that are fetched from one peer at a time. */
  readonly fetchesPerPeer: number
}

/** What applies where nothing is given. */
export const defaults: Limits = {
  keptBytes: 64 * 1024 * 1024,
  fetches: 16,
  otherFetches: 16,
  fetchesPerPeer: 4
}

/** Changes of the reputation of a peer whose collation is none, or is not what it said. */
const costs = { malformed: -500, "bad signature": -500, "another proof": -500 } as const

const outcomes = Metric.counter("node_collations_total", {
  description: "Collations that peers announced, by outcome",
  incremental: true
})
const counted = (outcome: string) => Metric.update(Metric.withAttributes(outcomes, { outcome }), 1)

/** Proofs for those who ask, up to so many bytes. */
class Kept {
  readonly #limitBytes: number
  readonly #proofs = new Map<CandidateHash, PoV>()
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get(hash: CandidateHash): PoV | undefined {
    return this.#proofs.get(hash)
  }

  add(hash: CandidateHash, pov: PoV): void {
    if (this.#proofs.has(hash)) return
    this.#proofs.set(hash, pov)
    this.#bytes += pov.blockData.length
    for (const [oldest, { blockData }] of this.#proofs) {
      if (this.#bytes <= this.#limitBytes) break
      this.#proofs.delete(oldest)
      this.#bytes -= blockData.length
    }
  }
}

/** Announces collations to the processes of validators, and gives them the proofs; one that is not connected misses it. */
export const sender = (limits: Limits = defaults) =>
  Effect.gen(function* () {
    const network = yield* Network.Network
    const kept = new Kept(limits.keptBytes)
    // One collator per process: nobody else serves this.
    const served = network.serve(Protocol.collationFetch, (_, bytes) => {
      const hash = Protocols.proofQuery.decode(bytes)
      return Result.isSuccess(hash)
        ? Effect.sync(() => Protocols.proof.encode(kept.get(hash.success) ?? null))
        : Effect.fail(new Refusal({ why: "not a candidate hash" }))
    })
    yield* Effect.orDie(served)
    return Effect.fnUntraced(function* (target: Collator.Target, offer: NewCandidate) {
      const peer = yield* network.peerOf(target.key)
      if (Option.isNone(peer)) return
      kept.add(candidateHash(offer.candidate), offer.pov)
      yield* network
        .notify(Protocol.collation, [peer.value.id], Protocols.announcement.encode(offer))
        .pipe(
          Effect.catch((error) =>
            Effect.logWarning(`a collation is not sent to validator ${target.index}: ${error.message}`)
          )
        )
    })
  })

/** Whether the receipt is for this relay parent, and signed by the collator that it names; the second version names none. */
const holds = ({ candidate: { descriptor }, collator, relayParent }: Protocols.Announcement): boolean =>
  descriptor.relayParent === relayParent &&
  (descriptor._tag === "V2" ||
    (descriptor.collator === collator &&
      Keystore.sr25519Verify(collator, collatorSignaturePayload(descriptor), descriptor.signature)))

/** Takes collations from peers to our validator: announcement, signature, proof, and only then a candidate. */
export const layer = (
  { index, key }: OwnValidator,
  validators: ReadonlyArray<ValidatorId>,
  limits: Limits = defaults
): Layer.Layer<never, never, Network.Network | Validators> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const network = yield* Network.Network
      const { offer } = yield* Validators
      yield* Keystore.sr25519Ready
      const fetching = yield* FiberSet.make<void>()
      const named = new Set(validators)
      const permits = {
        validator: Semaphore.makeUnsafe(limits.fetches),
        other: Semaphore.makeUnsafe(limits.otherFetches)
      }
      const ofPeer = new Map<Network.PeerId, number>()

      const blame = (peer: Network.PeerId, why: keyof typeof costs) =>
        Effect.andThen(counted(why), network.report(peer, costs[why], `a collation: ${why}`))

      const fetch = Effect.fnUntraced(
        function* (peer: Network.PeerId, announced: Protocols.Announcement) {
          const { candidate } = announced
          const query = Protocols.proofQuery.encode(candidateHash(candidate))
          const answer = Protocols.proof.decode(yield* network.request(Protocol.collationFetch, peer, query))
          if (Result.isFailure(answer)) return yield* blame(peer, "malformed")
          const pov = answer.success
          if (pov === null) return yield* counted("gone")
          if (povHash(pov) !== candidate.descriptor.povHash) return yield* blame(peer, "another proof")
          yield* counted("taken")
          const block = { block: pov.blockData }
          yield* offer({ index, key }, { _tag: "NewCandidate", ...announced, pov, block, peer })
        },
        Effect.catch((error) =>
          Effect.andThen(counted("not given"), Effect.logDebug(`no proof of a collation: ${error.message}`))
        )
      )

      /** Fetches beside the loop, within the share of the peer and of its role. */
      const fetchWithin = Effect.fnUntraced(function* (
        peer: Network.PeerId,
        announced: Protocols.Announcement
      ) {
        const found = (yield* network.peers).find(({ id }) => id === peer)
        if (found === undefined) return
        const held = ofPeer.get(peer) ?? 0
        if (held >= limits.fetchesPerPeer) return yield* counted("too many")
        ofPeer.set(peer, held + 1)
        const release = Effect.sync(() => {
          const left = (ofPeer.get(peer) ?? 1) - 1
          if (left > 0) ofPeer.set(peer, left)
          else ofPeer.delete(peer)
        })
        const role = Role.roleOf(found, named)
        const within = permits[role].withPermitsIfAvailable(1)(fetch(peer, announced))
        yield* within.pipe(
          Effect.flatMap((taken) => (Option.isNone(taken) ? counted("too many") : Effect.void)),
          Effect.ensuring(release),
          FiberSet.run(fetching)
        )
      })

      yield* network.eventsOf(Protocol.collation).pipe(
        Stream.runForEach((event) => {
          if (event._tag !== "PeerMessage") return Effect.void
          const announced = Protocols.announcement.decode(event.bytes)
          if (Result.isFailure(announced)) return blame(event.peer, "malformed")
          return holds(announced.success)
            ? fetchWithin(event.peer, announced.success)
            : blame(event.peer, "bad signature")
        }),
        Effect.forkScoped({ startImmediately: true })
      )
    })
  )
