/**
 * What blocks say about candidates: which were backed and included, and the votes that came on chain.
 */
import { Chain, RuntimeApi } from "@ephor/chain"
import {
  attestedStatement,
  type BlockRef,
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  type SessionIndex,
  type ValidityAttestation
} from "@ephor/types"
import { Effect } from "effect"
import type { CheckedVote } from "./VoteImport.ts"

/** Bounds of the scraper. */
export interface ScrapingLimits {
  /** Blocks looked at for one leaf; the rest follows with the next leaf, so that a burst cannot stall the coordinator. */
  readonly blocksPerLeaf: number
  /** Blocks remembered as looked at. */
  readonly observedBlocks: number
  /** Candidates whose including blocks are remembered. */
  readonly candidates: number
}

/** Bounds as the reference has them. */
export const defaults: ScrapingLimits = { blocksPerLeaf: 8, observedBlocks: 1000, candidates: 4096 }

/** Votes about one candidate that a block carried. They were checked by whoever made the block valid. */
export interface ScrapedVotes {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  /** Known for backing votes; dispute votes come by hash alone. */
  readonly candidate: CandidateReceipt | undefined
  readonly votes: ReadonlyArray<CheckedVote>
}

/** What a leaf brought to light. */
export interface Scraped {
  readonly votes: ReadonlyArray<ScrapedVotes>
  /** Candidates that were now seen included for the first time. */
  readonly included: ReadonlyArray<CandidateHash>
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

/** Shape of a scraper. */
export interface Scraper {
  readonly scrape: (leaf: BlockRef) => Effect.Effect<Scraped, RuntimeApi.RuntimeApiError>
  /** Blocks seen to include the candidate. */
  readonly includedIn: (candidate: CandidateHash) => ReadonlyArray<BlockRef>
  readonly isOnChain: (candidate: CandidateHash) => boolean
}

/** A scraper over the chain and its runtime. */
export const make = Effect.fnUntraced(function* (limits: ScrapingLimits = defaults) {
  const chain = yield* Chain.Chain
  const runtime = yield* RuntimeApi.RuntimeApi
  const observed = new Recent<string, true>(limits.observedBlocks)
  const backed = new Recent<CandidateHash, true>(limits.candidates)
  const including = new Recent<CandidateHash, ReadonlyArray<BlockRef>>(limits.candidates)

  const unobserved = Effect.fnUntraced(function* (leaf: BlockRef) {
    const ancestors = yield* chain
      .ancestors(leaf.hash, limits.blocksPerLeaf - 1)
      .pipe(Effect.orElseSucceed(() => []))
    const blocks = [leaf, ...ancestors]
    const known = blocks.findIndex((block) => observed.get(block.hash) === true)
    return (known < 0 ? blocks : blocks.slice(0, known)).toReversed()
  })
  const scrapeBlock = Effect.fnUntraced(function* (block: BlockRef) {
    const included: Array<CandidateHash> = []
    for (const event of yield* runtime.candidateEvents(block.hash)) {
      const hash = candidateHash(event.value[0])
      if (event._tag === "CandidateBacked") backed.set(hash, true)
      if (event._tag !== "CandidateIncluded") continue
      const before = including.get(hash)
      if (before === undefined) included.push(hash)
      including.set(hash, [...(before ?? []), block])
    }
    const onChain = yield* runtime.onChainVotes(block.hash)
    const backing = onChain.backingValidatorsPerCandidate.map(([candidate, votes]): ScrapedVotes => {
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
    })
    const disputes = onChain.disputes.map((set): ScrapedVotes => ({
      session: set.session,
      candidateHash: set.candidateHash,
      candidate: undefined,
      votes: set.statements.map(([statement, validatorIndex, signature]) => ({
        statement,
        validatorIndex,
        signature
      }))
    }))
    observed.set(block.hash, true)
    return { votes: [...backing, ...disputes], included }
  })
  const scraper: Scraper = {
    scrape: Effect.fnUntraced(function* (leaf) {
      const found = yield* Effect.forEach(yield* unobserved(leaf), scrapeBlock)
      return {
        votes: found.flatMap(({ votes }) => votes),
        included: found.flatMap(({ included }) => included)
      }
    }),
    includedIn: (candidate) => including.get(candidate) ?? [],
    isOnChain: (candidate) => backed.get(candidate) === true || including.get(candidate) !== undefined
  }
  return scraper
})

const backingStatement = (
  attestation: ValidityAttestation,
  candidate: CandidateHash,
  relayParent: BlockRef["hash"]
): CheckedVote["statement"] => {
  const seconded = attestedStatement(attestation, candidate)._tag === "Seconded"
  return { _tag: "Valid", value: { _tag: seconded ? "BackingSeconded" : "BackingValid", value: relayParent } }
}
