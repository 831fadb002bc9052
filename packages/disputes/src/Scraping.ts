/**
 * What blocks say about candidates: which were backed and included, and the votes that came on chain.
 */
import { Chain, RuntimeApi } from "@ephor/chain"
import { Unsettled } from "@ephor/overseer"
import {
  attestedStatement,
  type BlockRef,
  type CandidateEvent,
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  type ScrapedOnChainVotes,
  type SessionIndex,
  type ValidityAttestation
} from "@ephor/types"
import { Effect, Option } from "effect"
import type { CheckedVote } from "./VoteImport.ts"

/** Bounds of the scraper. */
export interface ScrapingLimits {
  /** Blocks whose votes are given out for one leaf; the rest follows with the next leaves, so that a burst of votes cannot stall the coordinator. */
  readonly blocksPerLeaf: number
  /** Blocks remembered as looked at. */
  readonly observedBlocks: number
  /** Candidates whose including blocks are remembered. */
  readonly candidates: number
  /** How far below a leaf blocks are looked at, and how many of them may wait to have their votes given out. */
  readonly ancestors: number
  /** Final blocks that are still looked at. */
  readonly finalizedBlocks: number
  /** How often a block is tried that cannot be read. */
  readonly attempts: number
}

/** Bounds as the reference has them. */
export const defaults: ScrapingLimits = {
  blocksPerLeaf: 8,
  observedBlocks: 1000,
  candidates: 4096,
  ancestors: 500,
  finalizedBlocks: 10,
  attempts: 3
}

/** Votes about one candidate that a block carried. They were checked by whoever made the block valid. */
export interface ScrapedVotes {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  /** Known for backing votes; dispute votes come by hash alone, and find it if a block was seen to back the candidate. */
  readonly candidate: CandidateReceipt | undefined
  readonly votes: ReadonlyArray<CheckedVote>
}

/** A candidate in a block that backed or included it. */
export interface Sighting {
  readonly candidateHash: CandidateHash
  readonly block: BlockRef
  readonly included: boolean
}

/** What a leaf brought to light. */
export interface Scraped {
  readonly votes: ReadonlyArray<ScrapedVotes>
  readonly sightings: ReadonlyArray<Sighting>
}

/** Remembers at most `limit` keys, the oldest go first. */
class Recent<K, V> {
  readonly #limit: number
  readonly #entries = new Map<K, V>()
  constructor(limit: number) {
    this.#limit = limit
  }
  get(key: K): V | undefined {
    return this.#entries.get(key)
  }
  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#limit) this.#entries.delete(this.#entries.keys().next().value!)
  }
}

/** A block that is still to be read, and how often that failed. */
interface Unread {
  readonly block: BlockRef
  readonly failures: number
}

/** Shape of a scraper. */
export interface Scraper {
  /** Looks at a leaf and at its ancestors that were not looked at yet. Blocks that cannot be read are tried again. */
  readonly scrape: (leaf: BlockRef) => Effect.Effect<Scraped>
  /** Blocks seen to include the candidate. */
  readonly includedIn: (candidate: CandidateHash) => ReadonlyArray<BlockRef>
  /** The candidate, if a block was seen to back or include it. */
  readonly receiptOf: (candidate: CandidateHash) => CandidateReceipt | undefined
  readonly isOnChain: (candidate: CandidateHash) => boolean
}

/** Reads each block; gives back what failed and is worth another try. */
const readEach = Effect.fnUntraced(function* <A>(
  limits: ScrapingLimits,
  blocks: ReadonlyArray<Unread>,
  read: (block: BlockRef) => Effect.Effect<A, RuntimeApi.RuntimeApiError>
) {
  const found: Array<readonly [BlockRef, A]> = []
  const again: Array<Unread> = []
  for (const { block, failures } of blocks) {
    const result = yield* read(block).pipe(
      Effect.tapError((error) => Effect.logDebug("a block's candidates cannot be read", error)),
      Effect.option
    )
    if (Option.isSome(result)) found.push([block, result.value])
    else if (failures + 1 < limits.attempts) again.push({ block, failures: failures + 1 })
  }
  return { found, again }
})

/** A scraper over the chain and its runtime. */
export const make = Effect.fnUntraced(function* (limits: ScrapingLimits = defaults) {
  const chain = yield* Chain.Chain
  const runtime = yield* RuntimeApi.RuntimeApi
  const observed = new Recent<string, true>(limits.observedBlocks)
  const receipts = new Recent<CandidateHash, CandidateReceipt>(limits.candidates)
  const including = new Recent<CandidateHash, ReadonlyArray<BlockRef>>(limits.candidates)
  let unread: ReadonlyArray<Unread> = []
  let withVotes: ReadonlyArray<Unread> = []

  const sightingsOf = (block: BlockRef, events: ReadonlyArray<CandidateEvent>): ReadonlyArray<Sighting> =>
    events.flatMap((event) => {
      if (event._tag === "CandidateTimedOut") return []
      const hash = candidateHash(event.value[0])
      const included = event._tag === "CandidateIncluded"
      receipts.set(hash, event.value[0])
      if (included) including.set(hash, [...(including.get(hash) ?? []), block])
      return [{ candidateHash: hash, block, included }]
    })
  const scraper: Scraper = {
    scrape: Effect.fnUntraced(function* (leaf) {
      const isObserved = (block: BlockRef) => observed.get(block.hash) === true
      const fresh = yield* Unsettled.at(chain, leaf, {
        maxBlocks: limits.ancestors,
        finalBlocks: limits.finalizedBlocks,
        isKnown: isObserved
      })
      for (const block of fresh) observed.set(block.hash, true)
      const unseen = [...unread, ...fresh.map((block) => ({ block, failures: 0 }))]
      const events = yield* readEach(limits, unseen, (block) => runtime.candidateEvents(block.hash))
      unread = events.again
      const sightings = events.found.flatMap(([block, list]) => sightingsOf(block, list))
      const waiting = [...withVotes, ...events.found.map(([block]) => ({ block, failures: 0 }))]
      // The newest blocks first: what is disputed now is in them.
      const newest = waiting.slice(-limits.blocksPerLeaf)
      const votes = yield* readEach(limits, newest, (block) => runtime.onChainVotes(block.hash))
      withVotes = [...waiting.slice(0, -limits.blocksPerLeaf), ...votes.again].slice(-limits.ancestors)
      const receiptOf = (hash: CandidateHash) => receipts.get(hash)
      return { sightings, votes: votes.found.flatMap(([, onChain]) => votesOf(onChain, receiptOf)) }
    }),
    receiptOf: (candidate) => receipts.get(candidate),
    includedIn: (candidate) => including.get(candidate) ?? [],
    isOnChain: (candidate) => receipts.get(candidate) !== undefined || including.get(candidate) !== undefined
  }
  return scraper
})

/** The votes that a block brought: of backers, with the candidate, and in disputes, by hash alone. */
const votesOf = (
  onChain: ScrapedOnChainVotes,
  receiptOf: (candidate: CandidateHash) => CandidateReceipt | undefined
): ReadonlyArray<ScrapedVotes> => [
  ...onChain.backingValidatorsPerCandidate.map(([candidate, votes]): ScrapedVotes => {
    const hash = candidateHash(candidate)
    return {
      session: onChain.session,
      candidateHash: hash,
      candidate,
      votes: votes.map(([validatorIndex, attestation]) => ({
        statement: backingStatement(attestation, hash, candidate.descriptor.relayParent),
        validatorIndex,
        signature: attestation.value
      }))
    }
  }),
  ...onChain.disputes.map((set): ScrapedVotes => ({
    session: set.session,
    candidateHash: set.candidateHash,
    candidate: receiptOf(set.candidateHash),
    votes: set.statements.map(([statement, validatorIndex, signature]) => ({
      statement,
      validatorIndex,
      signature
    }))
  }))
]

const backingStatement = (
  attestation: ValidityAttestation,
  candidate: CandidateHash,
  relayParent: BlockRef["hash"]
): CheckedVote["statement"] => {
  const seconded = attestedStatement(attestation, candidate)._tag === "Seconded"
  return { _tag: "Valid", value: { _tag: seconded ? "BackingSeconded" : "BackingValid", value: relayParent } }
}
