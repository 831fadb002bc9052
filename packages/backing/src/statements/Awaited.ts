/**
 * Statements about long candidates that are still on their way, at one relay parent: whom to ask, and what to take up once
 * a candidate is here. (Plain data, changed by these functions only.)
 */
import type { CandidateHash, ValidatorIndex } from "@ephor/types"

/** A candidate that was announced. */
interface Candidate<Source, Item> {
  /** Who has it, and was not asked yet. */
  readonly sources: Array<Source>
  /** In order of arrival. */
  readonly parked: Array<Item>
}

/** What is awaited at one relay parent. */
export interface Awaited<Source, Item> {
  readonly candidates: Map<CandidateHash, Candidate<Source, Item>>
  /** Candidates of each signer that were ever asked for here. */
  readonly announced: Map<ValidatorIndex, Set<CandidateHash>>
}

/** Nothing is awaited. */
export const make = <Source, Item>(): Awaited<Source, Item> => ({
  candidates: new Map(),
  announced: new Map()
})

/** Whether statements about this candidate have to wait. */
export const isAwaited = (awaited: Awaited<unknown, unknown>, hash: CandidateHash): boolean =>
  awaited.candidates.has(hash)

/**
 * A source has a candidate, by the signature of a validator. `Fetch`: nobody is asked for it yet; `Parked`: somebody is;
 * `TooMany`: this validator has had so many candidates fetched already.
 */
export const announce = <Source, Item>(
  awaited: Awaited<Source, Item>,
  hash: CandidateHash,
  signer: ValidatorIndex,
  source: Source,
  item: Item,
  maxPerSigner: number
): "Fetch" | "Parked" | "TooMany" => {
  const known = awaited.candidates.get(hash)
  if (known !== undefined) {
    known.sources.push(source)
    known.parked.push(item)
    return "Parked"
  }
  const announced = awaited.announced.get(signer) ?? new Set()
  if (!announced.has(hash) && announced.size >= maxPerSigner) return "TooMany"
  awaited.announced.set(signer, announced.add(hash))
  awaited.candidates.set(hash, { sources: [source], parked: [item] })
  return "Fetch"
}

/** Keeps a vote on an awaited candidate. */
export const park = <Item>(awaited: Awaited<unknown, Item>, hash: CandidateHash, item: Item): void => {
  awaited.candidates.get(hash)?.parked.push(item)
}

/** Whom to ask next; nobody, if all who have it were asked: then it is awaited no longer. */
export const nextSource = <Source>(
  awaited: Awaited<Source, unknown>,
  hash: CandidateHash
): Source | undefined => {
  const source = awaited.candidates.get(hash)?.sources.shift()
  if (source === undefined) awaited.candidates.delete(hash)
  return source
}

/** The candidate is here: what waited for it. */
export const arrived = <Item>(awaited: Awaited<unknown, Item>, hash: CandidateHash): ReadonlyArray<Item> => {
  const parked = awaited.candidates.get(hash)?.parked ?? []
  awaited.candidates.delete(hash)
  return parked
}
