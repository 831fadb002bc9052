/**
 * What is advertised at one relay parent: which collation to fetch next, and who advertises more than it may. (Plain data,
 * changed by these functions only.)
 */
import type { Network } from "@ephor/network"
import type { CandidateHash, CollatorId, Hash } from "@ephor/types"
import type { Assignment } from "../Assignment.ts"

/** A collation that can be fetched. */
export interface Offer {
  readonly peer: Network.PeerId
  readonly collator: CollatorId
  readonly candidateHash: CandidateHash
  readonly parentHeadDataHash: Hash
}

/** One relay parent. */
export interface Head {
  readonly relayParent: Hash
  readonly assignment: Assignment
  /** In order of arrival. */
  readonly waiting: Array<Offer>
  /** What each peer has advertised. */
  readonly advertised: Map<Network.PeerId, Set<CandidateHash>>
  /** Our turn has come. */
  isOpen: boolean
  /** Collations that are being fetched, and those of them that take long. */
  fetching: number
  late: number
  /** What was handed in, until it is found invalid. */
  taken: CandidateHash | undefined
}

/** Nothing is advertised. */
export const make = (relayParent: Hash, assignment: Assignment): Head => ({
  relayParent,
  assignment,
  waiting: [],
  advertised: new Map(),
  isOpen: false,
  fetching: 0,
  late: 0,
  taken: undefined
})

/** Takes an advertisement, unless this peer said it before, or has had as many as it may. */
export const advertise = (head: Head, offer: Offer, maxPerPeer: number): "queued" | "duplicate" | "flood" => {
  const said = head.advertised.get(offer.peer) ?? new Set()
  if (said.has(offer.candidateHash)) return "duplicate"
  if (said.size >= maxPerPeer) return "flood"
  head.advertised.set(offer.peer, said.add(offer.candidateHash))
  head.waiting.push(offer)
  return "queued"
}

/**
 * The offer to fetch next: of the collator with the best standing, and of equals the first. None while one is fetched that
 * does not take long, or as many as may be.
 */
export const next = (
  head: Head,
  standingOf: (collator: CollatorId) => number,
  maxFetches: number
): Offer | undefined => {
  const mayFetch = Math.min(1 + head.late, maxFetches)
  if (!head.isOpen || head.taken !== undefined || head.fetching >= mayFetch) return undefined
  let best: Offer | undefined
  for (const offer of head.waiting)
    if (best === undefined || standingOf(offer.collator) > standingOf(best.collator)) best = offer
  if (best !== undefined) head.waiting.splice(head.waiting.indexOf(best), 1)
  return best
}

/** Drops what somebody offered. */
export const forget = (head: Head, isTheirs: (offer: Offer) => boolean): void => {
  head.waiting.splice(0, head.waiting.length, ...head.waiting.filter((offer) => !isTheirs(offer)))
}
