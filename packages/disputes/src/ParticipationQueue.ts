/**
 * In which order disputes are taken part in: included candidates first, then best effort; the lowest relay block
 * first, unknown height last, then by candidate hash.
 */
import type { BlockNumber, CandidateHash, CandidateReceipt, SessionIndex } from "@ephor/types"

/** What to take part in. */
export interface ParticipationRequest {
  readonly candidateHash: CandidateHash
  readonly candidate: CandidateReceipt
  readonly session: SessionIndex
}

/** Whether a candidate was seen included (`priority`) or not. */
export type ParticipationPriority = "priority" | "best-effort"

/** Bounds of the queue. */
export interface ParticipationLimits {
  readonly priorityCapacity: number
  readonly bestEffortCapacity: number
}

/** Bounds of the reference implementation. */
export const defaults: ParticipationLimits = { priorityCapacity: 20_000, bestEffortCapacity: 100 }

interface Queued<R extends ParticipationRequest = ParticipationRequest> {
  readonly request: R
  readonly number: BlockNumber | undefined
}

const before = (a: Queued, b: Queued): boolean => {
  const left = a.number ?? Number.POSITIVE_INFINITY
  const right = b.number ?? Number.POSITIVE_INFINITY
  return left !== right ? left < right : a.request.candidateHash < b.request.candidateHash
}

/** The two queues. Changed in place: they belong to one participation. */
export class ParticipationQueue<R extends ParticipationRequest = ParticipationRequest> {
  readonly #limits: ParticipationLimits
  readonly #queues: Record<ParticipationPriority, Array<Queued<R>>> = { priority: [], "best-effort": [] }

  constructor(limits: ParticipationLimits = defaults) {
    this.#limits = limits
  }

  /** Requests that wait. */
  get size(): number {
    return this.#queues.priority.length + this.#queues["best-effort"].length
  }

  /** Queues a request at its place. A known one is only ever moved up. False when its queue is full. */
  add(priority: ParticipationPriority, request: R, number: BlockNumber | undefined): boolean {
    if (this.#find("priority", request.candidateHash) >= 0) return true
    const known = this.#find("best-effort", request.candidateHash)
    if (known >= 0 && priority === "best-effort") return true
    const queue = this.#queues[priority]
    const capacity = priority === "priority" ? this.#limits.priorityCapacity : this.#limits.bestEffortCapacity
    if (queue.length >= capacity) return false
    if (known >= 0) this.#queues["best-effort"].splice(known, 1)
    const item: Queued<R> = { request, number }
    const at = queue.findIndex((other) => before(item, other))
    queue.splice(at < 0 ? queue.length : at, 0, item)
    return true
  }

  /** Moves a best-effort request up: its candidate was seen included. */
  bump(candidateHash: CandidateHash): void {
    const at = this.#find("best-effort", candidateHash)
    if (at < 0) return
    const { number, request } = this.#queues["best-effort"][at]!
    this.add("priority", request, number)
  }

  /** Takes the next request, or nothing. */
  take(): R | undefined {
    return (this.#queues.priority.shift() ?? this.#queues["best-effort"].shift())?.request
  }

  #find(priority: ParticipationPriority, candidateHash: CandidateHash): number {
    return this.#queues[priority].findIndex(({ request }) => request.candidateHash === candidateHash)
  }
}
