/**
 * Disputed candidates with their proofs of validity (votes-db, "Storage", the third table): kept in the session of their votes,
 * and for as long as those.
 */
import { Store, Table } from "@ephor/store"
import { CandidateHash, CommittedCandidateReceipt, PoV, Scale, type SessionIndex, Wire } from "@ephor/types"
import { Effect, Metric, Option, Schema, Semaphore } from "effect"
import * as Metrics from "../Metrics.ts"
import type { Limits } from "../VotesDb.ts"

/** A disputed candidate; its proof is `null` until it could be recovered. */
export const Proof = Wire.record({
  candidate: CommittedCandidateReceipt,
  pov: Schema.NullOr(PoV)
})
export interface Proof extends Schema.Schema.Type<typeof Proof> {}

/** A proof with its place. */
export interface ProofRecord extends Proof {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
}

/** Session and candidate; the session comes first, so that a row goes with the votes. */
export const proofs = Table.make({
  name: "disputed-candidates",
  key: [Table.u32, Table.hash],
  value: Proof,
  codec: { encode: Scale.encode(Proof), decode: Scale.decode(Proof) }
})

/** Bytes of the rows of a session in `proofs`, so that they can be bounded without reading them. */
export const proofBytes = Table.make({
  name: "disputed-candidates-bytes",
  key: [Table.u32],
  value: Schema.Natural
})

const encode = Scale.encode(Proof)

/** Writes proofs one after the other: what a session holds is read, and written with the row. */
export const makeKeeper = (
  store: Store.Service,
  limits: Limits,
  isKept: (session: SessionIndex, candidate: CandidateHash) => Effect.Effect<boolean, Store.StoreError>
) => {
  const turn = Semaphore.makeUnsafe(1)
  return Effect.fn("VotesDb.keepProof")(function* ({ candidate, candidateHash, pov, session }: ProofRecord) {
    if (!(yield* isKept(session, candidateHash))) return false
    const known = yield* proofs.get(store, [session, candidateHash])
    // What is known is the same candidate: only its proof may be news.
    if (Option.isSome(known) && (known.value.pov !== null || pov === null)) return true
    const before = Option.isSome(known) ? encode(known.value).length : 0
    const held = Option.getOrElse(yield* proofBytes.get(store, [session]), () => 0)
    const bytes = held - before + encode({ candidate, pov }).length
    if (bytes > limits.proofBytesPerSession) {
      yield* Metric.update(Metrics.proofsDropped, 1)
      return false
    }
    yield* store.batch([
      proofs.put([session, candidateHash], { candidate, pov }),
      proofBytes.put([session], bytes)
    ])
    return true
  }, turn.withPermits(1))
}
