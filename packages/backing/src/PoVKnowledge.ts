/**
 * Which proofs of validity we have and want under one relay parent, and which ones peers wait for: the pure part of PoV
 * distribution (the first implementation, autumn 2020).
 */
import type { Hash, PoV } from "@ephor/types"

/** What a peer did, with what it is worth. */
export type Conduct = "unexpected" | "unrequested" | "flood" | "first" | "late"

/** Changes of reputation. */
export const changes: { readonly [Key in Conduct]: number } = {
  /** It talks about a relay parent that it, or we, do not work on. */
  unexpected: -100,
  /** A proof that nobody asked for, or that is not what its hash says. */
  unrequested: -500,
  /** It waits for more proofs than there can be. */
  flood: -500,
  /** The proof that we waited for. */
  first: 25,
  /** The same, when it was here already. */
  late: 10
}

/** One relay parent. */
export interface Head<Waiter> {
  readonly validators: number
  readonly known: Map<Hash, PoV>
  /** Proofs that are, or were, wanted: those who wait for them, nobody once they have come. */
  readonly fetching: Map<Hash, Array<Waiter>>
}

/** Nothing is known yet. */
export const makeHead = <Waiter>(validators: number): Head<Waiter> => ({
  validators,
  known: new Map(),
  fetching: new Map()
})

/** Proofs that may be wanted, by us or by a peer, under one relay parent. */
export const fetchLimit = (head: Pick<Head<unknown>, "validators">): number => 2 * head.validators

/** Proofs that are still to come. */
export const awaited = (head: Head<unknown>): ReadonlyArray<Hash> =>
  [...head.fetching]
    .filter(([hash, waiters]) => waiters.length > 0 && !head.known.has(hash))
    .map(([hash]) => hash)

/** What to do about a wish of our own: it is here, tell peers that we wait, wait with the others, or it is one too many. */
export const fetch = <Waiter>(
  head: Head<Waiter>,
  hash: Hash,
  waiter: Waiter
): { readonly _tag: "Known"; readonly pov: PoV } | { readonly _tag: "Ask" | "Waiting" | "TooMany" } => {
  const pov = head.known.get(hash)
  if (pov !== undefined) return { _tag: "Known", pov }
  const waiters = head.fetching.get(hash)
  if (waiters !== undefined) {
    waiters.push(waiter)
    return { _tag: "Waiting" }
  }
  if (head.fetching.size >= fetchLimit(head)) return { _tag: "TooMany" }
  head.fetching.set(hash, [waiter])
  return { _tag: "Ask" }
}

/** A proof is here: who waited for it. */
export const take = <Waiter>(head: Head<Waiter>, hash: Hash, pov: PoV): ReadonlyArray<Waiter> => {
  head.known.set(hash, pov)
  const waiters = head.fetching.get(hash) ?? []
  if (head.fetching.has(hash)) head.fetching.set(hash, [])
  return waiters
}

/** A peer waits for proofs: those that we have, or what is wrong with that. */
export const awaitedBy = (
  head: Head<unknown>,
  waits: Set<Hash>,
  hashes: ReadonlyArray<Hash>
): ReadonlyArray<Hash> | "flood" => {
  const added = hashes.filter((hash) => !waits.has(hash))
  if (waits.size + added.length > fetchLimit(head)) return "flood"
  const here: Array<Hash> = []
  for (const hash of added) {
    if (head.known.has(hash)) here.push(hash)
    else waits.add(hash)
  }
  return here
}

/** What a proof from a peer is worth; the hash was computed from its content. */
export const judge = (head: Head<unknown> | undefined, claimed: Hash, actual: Hash): Conduct => {
  if (head === undefined || claimed !== actual || !head.fetching.has(claimed)) return "unrequested"
  return head.known.has(claimed) ? "late" : "first"
}
