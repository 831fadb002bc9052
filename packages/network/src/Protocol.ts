/**
 * The conversations between validators, by name, with who may speak them and their limits.
 */
import type { Speakers } from "./Role.ts"

/** One-way messages to peers. */
export interface NotificationProtocol {
  readonly _tag: "Notification"
  readonly name: string
  /** Who may send it; what others send is not taken. */
  readonly from: Speakers
  /** A longer message is neither sent nor taken. */
  readonly maxBytes: number
}

/** Questions to one peer, each with one answer. */
export interface RequestProtocol {
  readonly _tag: "Request"
  readonly name: string
  /** Who may ask; others are refused before their request is read. */
  readonly from: Speakers
  /** A longer request is neither sent nor taken. */
  readonly maxBytes: number
  /** A longer answer is neither sent nor taken. */
  readonly maxResponseBytes: number
  /** How long the answer may take. */
  readonly timeoutMs: number
  /** Requests of validators that wait at the server; further ones are refused at once, but each validator's first is taken. */
  readonly queueCapacity: number
  /** Requests of validators that the server handles at a time. */
  readonly concurrency: number
  /** Requests of one peer at a time, from the first byte to the answer; a peer keeps to it, and further ones are refused. */
  readonly perPeer: number
  /** Requests of one peer per second, on average; twice as many at once. */
  readonly perSecond: number
  /** What all peers that are no validators share, where they may ask at all. Default: `othersOf`. */
  readonly others?: OthersShare | undefined
}

/** What peers that are no validators share of a request protocol; one address block gets half of it. */
export interface OthersShare {
  readonly queueCapacity: number
  readonly concurrency: number
  /** Bytes of answers per second. */
  readonly bytesPerSecond: number
}

/** The share of peers that are no validators: a quarter of what validators have, and 2 MiB/s, unless the protocol says otherwise. */
export const othersOf = ({ concurrency, others, queueCapacity }: RequestProtocol): OthersShare =>
  others ?? {
    queueCapacity: Math.ceil(queueCapacity / 4),
    concurrency: Math.ceil(concurrency / 4),
    bytesPerSecond: 2 * MiB
  }

/** A named conversation. */
export type Protocol = NotificationProtocol | RequestProtocol

const KiB = 1024
const MiB = 1024 * KiB

/** Longest notification of the validation protocol. */
export const maxNotificationBytes = 100 * KiB

/** Signed statements about candidates. */
export const statement: NotificationProtocol = {
  _tag: "Notification",
  name: "/ephor/statement/1",
  from: "validators",
  maxBytes: maxNotificationBytes
}

/** Signed availability bitfields. */
export const bitfield: NotificationProtocol = {
  _tag: "Notification",
  name: "/ephor/bitfield/1",
  from: "validators",
  maxBytes: maxNotificationBytes
}

/**
 * Collators and validators: who collates for which parachain, what is advertised, and what became of it (collation protocol
 * 2 of polkadot-sdk, with short reports).
 */
export const collation: NotificationProtocol = {
  _tag: "Notification",
  name: "/ephor/collation/3",
  from: "anyone",
  maxBytes: KiB
}

/** A collation from who has advertised it: SCALE of `CollationFetchingRequestV2`, answered by `CollationFetchingResponse`. */
export const collationFetch: RequestProtocol = {
  _tag: "Request",
  name: "/ephor/req_collation/2",
  from: "validators",
  maxBytes: 1000,
  maxResponseBytes: 10 * MiB + 1000,
  timeoutMs: 2000,
  queueCapacity: 100,
  concurrency: 10,
  perPeer: 4,
  perSecond: 50
}

/**
 * The candidate of a statement that is too long to be sent, from who has announced it: SCALE of `[relay parent, candidate
 * hash]`, answered by SCALE of `Option<CommittedCandidateReceipt>`. New validation code of 5 MiB fits.
 */
export const statementFetch: RequestProtocol = {
  _tag: "Request",
  name: "/ephor/req_statement/1",
  from: "validators",
  maxBytes: 1000,
  maxResponseBytes: 8 * MiB,
  timeoutMs: 2000,
  queueCapacity: 100,
  concurrency: 10,
  perPeer: 4,
  perSecond: 50
}

/** Which proofs of validity are waited for, and those that fit: SCALE of `EarlyPoVDistributionMessage`. */
export const povDistribution: NotificationProtocol = {
  _tag: "Notification",
  name: "/ephor/pov_distribution/1",
  from: "validators",
  maxBytes: maxNotificationBytes
}

/** The proof of validity of a candidate, from one of its backers: by candidate hash, SCALE of `Option<PoV>`. */
export const pov: RequestProtocol = {
  _tag: "Request",
  name: "/ephor/req_pov/1",
  from: "validators",
  maxBytes: 1000,
  maxResponseBytes: 10 * MiB + 1000,
  timeoutMs: 2000,
  queueCapacity: 100,
  concurrency: 10,
  perPeer: 4,
  perSecond: 200
}

/** A candidate's proof of validity with its validation data: by candidate hash, SCALE of `Option<AvailableData>`. */
export const availableData: RequestProtocol = {
  _tag: "Request",
  name: "/ephor/req_available_data/1",
  from: "validators",
  maxBytes: 1000,
  maxResponseBytes: 11 * MiB + 1000,
  timeoutMs: 2000,
  queueCapacity: 100,
  concurrency: 10,
  perPeer: 4,
  perSecond: 200
}

/** Pushes a pair of dispute votes: SCALE of `DisputeRequest`, answered by SCALE of `DisputeResponse`. */
export const sendDispute: RequestProtocol = {
  _tag: "Request",
  name: "/ephor/send_dispute/1",
  from: "validators",
  maxBytes: 1000,
  maxResponseBytes: 100,
  timeoutMs: 12_000,
  queueCapacity: 100,
  concurrency: 10,
  // A storm of disputes is many pairs of votes at a time, all of which wait for their import.
  perPeer: 64,
  perSecond: 1000
}

/**
 * A dispute with its candidate and the votes of its backers: SCALE of `DisputeGossipMessage`, answered by SCALE of
 * `DisputeResponse`. New validation code of 5 MiB fits.
 */
export const disputeGossip: RequestProtocol = {
  _tag: "Request",
  name: "/ephor/dispute_gossip/1",
  from: "validators",
  maxBytes: 8 * MiB,
  maxResponseBytes: 100,
  timeoutMs: 12_000,
  queueCapacity: 16,
  concurrency: 4,
  perPeer: 2,
  perSecond: 20
}

/** Every protocol of the validators. */
export const all: ReadonlyArray<Protocol> = [
  statement,
  bitfield,
  collation,
  collationFetch,
  statementFetch,
  povDistribution,
  pov,
  availableData,
  sendDispute,
  disputeGossip
]
