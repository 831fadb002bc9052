/**
 * A DAG committee that lives in one process: all its authors make one signed block each per round, and the leader of
 * the round commits. Pure: a state is a value, and whoever drives it writes a round to disk before it shows it to anyone,
 * so that no author ever signs two blocks of one round.
 */
import {
  type AuthorityIndex,
  Bcs,
  compareDagBlockRefs,
  DagBlock,
  type DagBlockRef,
  dagBlockRef,
  DagCommit,
  dagCommitDigest,
  type DagCommitRef,
  type DagCommitV1,
  type DagCommittee,
  dagGenesis,
  type DagPublicKey,
  dagSigningMessage,
  type Hash,
  noCommitDigest,
  openDagBlock,
  type Round,
  SignedDagBlock,
  toHex
} from "@ephor/types"
import { Result } from "effect"
import { type DagBody, encode as encodeBody } from "./DagBody.ts"

/** An author that this process signs for. */
export interface Author {
  readonly publicKey: DagPublicKey
  readonly sign: (message: Uint8Array) => Uint8Array
}

/** A committee of equals. */
export const committeeOf = (authors: ReadonlyArray<Pick<Author, "publicKey">>, epoch = 0): DagCommittee => ({
  epoch,
  authorities: authors.map(({ publicKey }) => ({ stake: 1, publicKey }))
})

/** A signed block of a round. */
export interface RoundBlock {
  readonly ref: DagBlockRef
  readonly bytes: Uint8Array
  readonly timestampMs: number
}

/** All that a committee remembers: the rounds that some branch may still have to commit. */
export interface State {
  readonly committee: DagCommittee
  /** Blocks by round, by author; without gaps from the lowest one up to `latest`. */
  readonly rounds: ReadonlyMap<Round, ReadonlyArray<RoundBlock>>
  readonly latest: Round
  /** Highest commit index that the authors voted for. */
  readonly voted: number
}

/** Before the first round: the genesis blocks that everybody derives. `voted` is the index below the first commit. */
export const initial = (committee: DagCommittee, voted = 0): State => ({
  committee,
  rounds: new Map([[0, dagGenesis(committee).map(({ bytes, ref }) => ({ bytes, ref, timestampMs: 0 }))]]),
  latest: 0,
  voted
})

/** The author whose block of a round commits. */
export const leaderOf = (committee: DagCommittee, round: Round): AuthorityIndex =>
  round % committee.authorities.length

/** The most commit votes that one block carries. */
export const votesPerBlock = 100

/** What goes into a round. */
export interface RoundInput {
  /** The clock of the authors; a round is never earlier than the one before. */
  readonly timestampMs: number
  /** Transactions of each author's block; missing authors have none. */
  readonly transactions: ReadonlyMap<AuthorityIndex, ReadonlyArray<Uint8Array>>
  /** Final commits above `voted`, lowest first; those that do not fit wait for later rounds. */
  readonly votes: ReadonlyArray<DagCommitRef>
}

/** Has every author make its block of the next round, with all blocks of the round before as ancestors, its own first. */
export const nextRound = (state: State, authors: ReadonlyArray<Author>, input: RoundInput): State => {
  const round = state.latest + 1
  const before = state.rounds.get(state.latest)!
  const commitVotes = input.votes.filter(({ index }) => index > state.voted).slice(0, votesPerBlock)
  const timestampMs = Math.max(input.timestampMs, before[0]!.timestampMs)
  const blocks = authors.map((author, index): RoundBlock => {
    const block: DagBlock = {
      _tag: "V2",
      value: {
        epoch: state.committee.epoch,
        round,
        author: index,
        timestampMs,
        ancestors: [before[index]!, ...before.filter((_, other) => other !== index)].map(({ ref }) => ref),
        transactions: input.transactions.get(index) ?? [],
        transactionVotes: [],
        commitVotes,
        misbehaviorReports: []
      }
    }
    const bytes = sign(author, block)
    return { bytes, ref: dagBlockRef(block, bytes), timestampMs }
  })
  return withRound(state, round, blocks, commitVotes.at(-1)?.index ?? state.voted)
}

const sign = (author: Author, block: DagBlock): Uint8Array => {
  const signature = author.sign(dagSigningMessage(encodeBlock(block)))
  return encodeSigned({ block, signature: toHex(signature) })
}
const encodeBlock = Bcs.encode(DagBlock)
const encodeSigned = Bcs.encode(SignedDagBlock)

const withRound = (state: State, round: Round, blocks: ReadonlyArray<RoundBlock>, voted: number): State => ({
  ...state,
  rounds: new Map(state.rounds).set(round, blocks),
  latest: round,
  voted
})

/** Takes a round back from disk. Rounds come in order; the first may be any. */
export const restoreRound = (state: State, signedBlocks: ReadonlyArray<Uint8Array>, voted: number): State => {
  const blocks = signedBlocks.map((bytes): RoundBlock => {
    const { block, ref } = Result.getOrThrow(openDagBlock(bytes))
    return { bytes, ref, timestampMs: block.value.timestampMs }
  })
  return withRound(state, blocks[0]!.ref.round, blocks, voted)
}

/** Forgets the rounds below: everything in them is committed on every branch that can still be chosen. */
export const prune = (state: State, below: Round): State => ({
  ...state,
  rounds: new Map([...state.rounds].filter(([round]) => round >= below || round === state.latest))
})

/** The commit that a branch ends with; nothing before its first one. */
export interface BranchTip {
  readonly commit: DagCommitV1
  readonly digest: Hash
}

/** A commit of the latest round, and the body of the chain block that it makes. */
export interface Committed extends BranchTip {
  readonly body: Uint8Array
}

/**
 * Commits the leader's block of the latest round upon a branch: all that the branch has not committed yet. Since every
 * block has all blocks of the round before as ancestors, that is the round of the branch's last leader without the
 * leader, and every round after it. Fails (with a defect) if those rounds were pruned.
 */
export const commitUpon = (state: State, tip: BranchTip | undefined, index: number): Committed => {
  const round = state.latest
  const leader = leaderOf(state.committee, round)
  const last = tip?.commit.leader
  const blocks: Array<RoundBlock> = []
  for (let at = last === undefined ? 1 : last.round; at < round; at++) {
    const known = state.rounds.get(at)
    if (known === undefined) throw new Error(`round ${at} of the committee is not kept any more`)
    blocks.push(...known.filter(({ ref }) => ref.digest !== last?.digest))
  }
  const newest = state.rounds.get(round)!
  const own = newest[leader]!
  blocks.push(own)
  blocks.sort((left, right) => compareDagBlockRefs(left.ref, right.ref))
  const timestampMs = Math.max(own.timestampMs, tip?.commit.timestampMs ?? 0)
  const commit: DagCommitV1 = {
    index,
    previousDigest: tip?.digest ?? noCommitDigest,
    timestampMs,
    leader: own.ref,
    blocks: blocks.map(({ ref }) => ref)
  }
  const body: DagBody = {
    commit: encodeCommit({ _tag: "V1", value: commit }),
    blocks: blocks.map(({ bytes }) => bytes),
    tip: newest.filter((block) => block !== own).map(({ bytes }) => bytes)
  }
  return { commit, digest: dagCommitDigest({ _tag: "V1", value: commit }), body: encodeBody(body) }
}
const encodeCommit = Bcs.encode(DagCommit)

/** The bytes of a round, to be stored. */
export const roundBytes = (state: State, round: Round): ReadonlyArray<Uint8Array> =>
  (state.rounds.get(round) ?? []).map(({ bytes }) => bytes)
