/**
 * A committee in one process that signs real blocks, and what a publisher would hold after some rounds.
 */
import { DevAuthors } from "@ephor/devchain"
import * as Committee from "@ephor/chain/Committee"
import * as DagBody from "@ephor/chain/DagBody"
import type { CommittedSubDag, DagCommittee, DagCommitRef, Hash } from "@ephor/types"
import { Result } from "effect"
import type { SourceBlock } from "../src/BlockSource.ts"

export interface Round {
  /** Blocks of the round in order of author. */
  readonly blocks: ReadonlyArray<SourceBlock>
  readonly commit: CommittedSubDag
  readonly digest: Hash
  readonly body: Uint8Array
}

export interface Dag {
  readonly committee: DagCommittee
  readonly rounds: ReadonlyArray<Round>
  /** Makes one more round, which commits. */
  readonly next: () => Round
}

export interface DagOptions {
  readonly authors?: number
  readonly seed?: string
  /** Bytes of a transaction in each block. */
  readonly payload?: number
  /** Rounds after which a commit is final and voted for. */
  readonly finalityRounds?: number
}

/** A committee before its first round. Block times are 1000 ms apart. */
export const makeDag = (options: DagOptions = {}): Dag => {
  const { authors: count = 4, finalityRounds = 1, payload = 8, seed = "streaming" } = options
  const authors = DevAuthors.developmentAuthors(seed, count)
  const committee = Committee.committeeOf(authors)
  let state = Committee.initial(committee)
  let tip: Committee.Committed | undefined
  const rounds: Array<Round> = []
  const refs: Array<DagCommitRef> = []
  const next = (): Round => {
    const round = state.latest + 1
    const transactions = new Map(
      authors.map((_, author) => [author, [new Uint8Array(payload).fill(round & 0xff)]])
    )
    const votes = refs.slice(0, Math.max(0, rounds.length + 1 - finalityRounds))
    state = Committee.nextRound(state, authors, { timestampMs: round * 1000, transactions, votes })
    tip = Committee.commitUpon(state, tip, rounds.length + 1)
    refs.push({ index: tip.commit.index, digest: tip.digest })
    const subDag = Result.getOrThrow(DagBody.subDagOf(tip.body))
    const made: Round = {
      blocks: state.rounds.get(round)!.map(({ bytes, ref }) => ({ bytes, ref })),
      commit: DagBody.committedSubDag(subDag),
      digest: tip.digest,
      body: tip.body
    }
    rounds.push(made)
    state = Committee.prune(state, round - 3)
    return made
  }
  return { committee, rounds, next }
}

/** A committee after `count` rounds. */
export const dagOf = (count: number, options: DagOptions = {}): Dag => {
  const dag = makeDag(options)
  for (let i = 0; i < count; i++) dag.next()
  return dag
}
