/**
 * The conversations between validators, by name, with their limits.
 */

/** One-way messages to peers. */
export interface NotificationProtocol {
  readonly _tag: "Notification"
  readonly name: string
  /** A longer message is neither sent nor taken. */
  readonly maxBytes: number
}

/** Questions to one peer, each with one answer. */
export interface RequestProtocol {
  readonly _tag: "Request"
  readonly name: string
  /** A longer request is neither sent nor taken. */
  readonly maxBytes: number
  /** A longer answer is neither sent nor taken. */
  readonly maxResponseBytes: number
  /** How long the answer may take. */
  readonly timeoutMs: number
  /** Requests that wait at the server; further ones are refused at once. */
  readonly queueCapacity: number
  /** Requests that the server handles at a time. */
  readonly concurrency: number
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
  maxBytes: maxNotificationBytes
}

/** Signed availability bitfields. */
export const bitfield: NotificationProtocol = {
  _tag: "Notification",
  name: "/ephor/bitfield/1",
  maxBytes: maxNotificationBytes
}

/** Collations that collators offer to validators. */
export const collation: NotificationProtocol = {
  _tag: "Notification",
  name: "/ephor/collation/1",
  maxBytes: maxNotificationBytes
}

/** Which proofs of validity are waited for, and those that fit: SCALE of `EarlyPoVDistributionMessage`. */
export const povDistribution: NotificationProtocol = {
  _tag: "Notification",
  name: "/ephor/pov_distribution/1",
  maxBytes: maxNotificationBytes
}

/** The proof of validity of a candidate, from one of its backers: by candidate hash, SCALE of `Option<PoV>`. */
export const pov: RequestProtocol = {
  _tag: "Request",
  name: "/ephor/req_pov/1",
  maxBytes: 1000,
  maxResponseBytes: 10 * MiB + 1000,
  timeoutMs: 2000,
  queueCapacity: 100,
  concurrency: 10
}

/** A candidate's proof of validity with its validation data: by candidate hash, SCALE of `Option<AvailableData>`. */
export const availableData: RequestProtocol = {
  _tag: "Request",
  name: "/ephor/req_available_data/1",
  maxBytes: 1000,
  maxResponseBytes: 11 * MiB + 1000,
  timeoutMs: 2000,
  queueCapacity: 100,
  concurrency: 10
}

/** Pushes a pair of dispute votes: SCALE of `DisputeRequest`, answered by SCALE of `DisputeResponse`. */
export const sendDispute: RequestProtocol = {
  _tag: "Request",
  name: "/ephor/send_dispute/1",
  maxBytes: 1000,
  maxResponseBytes: 100,
  timeoutMs: 12_000,
  queueCapacity: 100,
  concurrency: 10
}

/** Every protocol of the validators. */
export const all: ReadonlyArray<Protocol> = [
  statement,
  bitfield,
  collation,
  povDistribution,
  pov,
  availableData,
  sendDispute
]
