/**
 * Votes that others push, gathered by candidate, so that a storm of requests becomes few imports. Decided without any
 * effect: when the first request of a candidate is imported, which further ones are merged, and when a batch is due.
 */
import type { SignedDisputeStatement } from "@ephor/overseer"
import type { CandidateHash, CandidateReceipt, SessionIndex } from "@ephor/types"

/** Bounds of the batches. */
export interface BatchLimits {
  /** Time between two looks at a batch. */
  readonly batchTickMs: number
  /** New votes since the last look that keep a batch open. */
  readonly batchKeepAliveVotes: number
  /** How long a batch may stay open, whatever still comes. */
  readonly batchLifetimeMs: number
  /** Batches that may be open at a time; the first request of another candidate is refused without cost. */
  readonly batches: number
}

/** Bounds of the reference implementation. */
export const defaults: BatchLimits = {
  batchTickMs: 500,
  batchKeepAliveVotes: 10,
  batchLifetimeMs: 10_000,
  batches: 1000
}

/** Votes about one candidate with those who wait to hear that they are stored. */
export interface PreparedImport<Requester> {
  readonly session: SessionIndex
  readonly candidateReceipt: CandidateReceipt
  readonly statements: ReadonlyArray<SignedDisputeStatement>
  readonly requesters: ReadonlyArray<Requester>
}

/** Where a request ended: it opened a batch and is imported at once, waits in one, brings nothing new, or finds no room. */
export type Placed = "opened" | "merged" | "redundant" | "full"

interface Batch<Requester> {
  readonly session: SessionIndex
  readonly candidateReceipt: CandidateReceipt
  readonly closesAtMs: number
  /** Every vote seen, those that were imported at once too. */
  readonly known: Set<string>
  readonly statements: Array<SignedDisputeStatement>
  readonly requesters: Array<Requester>
  sinceLook: number
}

const nameOf = ({ statement, validatorIndex }: SignedDisputeStatement) =>
  `${validatorIndex}/${JSON.stringify(statement)}`

/** The open batches. Changed in place: they belong to one receiver. */
export class VoteBatches<Requester> {
  readonly #limits: BatchLimits
  readonly #open = new Map<string, Batch<Requester>>()

  constructor(limits: BatchLimits = defaults) {
    this.#limits = limits
  }

  /** Batches that are open. */
  get size(): number {
    return this.#open.size
  }

  /** The name of a candidate's batch. */
  static keyOf(session: SessionIndex, candidate: CandidateHash): string {
    return `${session}/${candidate}`
  }

  /** Finds the place of a request. */
  add(key: string, request: PreparedImport<Requester>, nowMs: number): Placed {
    const open = this.#open.get(key)
    if (open !== undefined) return merge(open, request)
    if (this.#open.size >= this.#limits.batches) return "full"
    this.#open.set(key, {
      session: request.session,
      candidateReceipt: request.candidateReceipt,
      closesAtMs: nowMs + this.#limits.batchLifetimeMs,
      known: new Set(request.statements.map(nameOf)),
      statements: [],
      requesters: [],
      sinceLook: 0
    })
    return "opened"
  }

  /** Looks at a batch: what is to be imported now that it is closed, or nothing while it lives on. */
  look(key: string, nowMs: number): PreparedImport<Requester> | undefined {
    const batch = this.#open.get(key)
    if (batch === undefined) return undefined
    const lives = batch.sinceLook >= this.#limits.batchKeepAliveVotes && nowMs < batch.closesAtMs
    batch.sinceLook = 0
    if (lives) return undefined
    this.#open.delete(key)
    return batch
  }
}

const merge = <Requester>(batch: Batch<Requester>, request: PreparedImport<Requester>): Placed => {
  const fresh = request.statements.filter((statement) => !batch.known.has(nameOf(statement)))
  if (fresh.length === 0) return "redundant"
  for (const statement of fresh) batch.known.add(nameOf(statement))
  batch.statements.push(...fresh)
  batch.requesters.push(...request.requesters)
  batch.sinceLook += fresh.length
  return "merged"
}
