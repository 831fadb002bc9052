/**
 * Candidates that are too long to be sent: those that we give to validators who ask, and those that we still have to get
 * from validators who have announced them.
 */
import { Network, Protocol, Refusal } from "@ephor/network"
import {
  type CandidateHash,
  candidateHash,
  CommittedCandidateReceipt,
  type Hash,
  Scale,
  toPlain
} from "@ephor/types"
import { Effect, Metric, Result, Schema, Semaphore } from "effect"
import * as Metrics from "../Metrics.ts"
import { StatementQuery } from "./StatementMessage.ts"

/** Bounds of what is kept and fetched. */
export interface Limits {
  /** Bytes of candidates that are kept for those who ask; beyond it the oldest are dropped. */
  readonly largeCandidateBytes: number
  /** Candidates that are fetched at a time. */
  readonly largeFetches: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = {
  largeCandidateBytes: 64 * 1024 * 1024,
  largeFetches: 4
}

const encodeQuery = Scale.encode(StatementQuery)
const decodeQuery = Scale.decodeResult(StatementQuery)
const encodeAnswer = Scale.encode(Schema.NullOr(CommittedCandidateReceipt))
const decodeAnswer = Scale.decodeResult(Schema.NullOr(CommittedCandidateReceipt))

/** Long candidates by relay parent and hash, up to so many bytes. */
export interface Kept {
  readonly limitBytes: number
  readonly candidates: Map<string, { readonly candidate: CommittedCandidateReceipt; readonly bytes: number }>
  bytes: number
}

const keyOf = (relayParent: Hash, hash: CandidateHash) => `${relayParent}/${hash}`

/** Nothing is kept yet. */
export const make = ({ largeCandidateBytes }: Limits): Kept => ({
  limitBytes: largeCandidateBytes,
  candidates: new Map(),
  bytes: 0
})

/** Keeps a candidate that takes so many bytes. */
export const keep = (
  kept: Kept,
  relayParent: Hash,
  hash: CandidateHash,
  candidate: CommittedCandidateReceipt,
  bytes: number
): void => {
  const key = keyOf(relayParent, hash)
  if (kept.candidates.has(key)) return
  kept.candidates.set(key, { candidate, bytes })
  kept.bytes += bytes
  for (const [oldest, { bytes: freed }] of kept.candidates) {
    if (kept.bytes <= kept.limitBytes) break
    kept.candidates.delete(oldest)
    kept.bytes -= freed
  }
}

/** A candidate that is kept. */
export const find = (
  kept: Kept,
  relayParent: Hash,
  hash: CandidateHash
): CommittedCandidateReceipt | undefined => kept.candidates.get(keyOf(relayParent, hash))?.candidate

/** Gives validators the candidates that we keep, until the scope closes. */
export const serve = (network: Network.Service, kept: Kept) =>
  network.serve(Protocol.statementFetch, (_, bytes) => {
    const query = decodeQuery(bytes)
    return Result.isSuccess(query)
      ? Effect.sync(() => encodeAnswer(find(kept, ...query.success) ?? null))
      : Effect.fail(new Refusal({ why: "not a relay parent with a candidate hash" }))
  })

/** What came of asking one peer: the candidate, another one than was announced, or none. */
export type Fetched =
  | { readonly _tag: "Candidate"; readonly candidate: CommittedCandidateReceipt; readonly bytes: number }
  | { readonly _tag: "Wrong" }
  | { readonly _tag: "None" }

/** Asks a peer for a candidate that it has announced. */
export const fetch =
  (network: Network.Service, permits: Semaphore.Semaphore) =>
  (peer: Network.PeerId, relayParent: Hash, hash: CandidateHash): Effect.Effect<Fetched> =>
    permits
      .withPermits(1)(network.request(Protocol.statementFetch, peer, encodeQuery([relayParent, hash])))
      .pipe(
        Effect.map((bytes): Fetched => {
          const answer = decodeAnswer(bytes)
          if (Result.isFailure(answer)) return { _tag: "Wrong" }
          const candidate = answer.success
          if (candidate === null) return { _tag: "None" }
          return candidateHash(toPlain(candidate)) === hash
            ? { _tag: "Candidate", candidate, bytes: bytes.length }
            : { _tag: "Wrong" }
        }),
        Effect.catch((error) =>
          Effect.as(Effect.logDebug("a long candidate was not given", error.message), {
            _tag: "None"
          } as const)
        ),
        Effect.tap(({ _tag }) => Metric.update(Metrics.largeCandidates(_tag), 1))
      )
