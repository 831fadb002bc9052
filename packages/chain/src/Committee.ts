/**
 * The rounds of a DAG committee: each of its authors signs one block per round, and the leader of the round commits. An
 * author that is away has no block in the round, which goes on with a quorum. Pure: a state is a value, and whoever drives
 * it writes a round to disk before it shows it to anyone, so that no author ever signs two blocks of one round.
 */
import {
  type AuthorityIndex,
  Bcs,
  compareDagBlockRefs,
  DagBlock,
  type DagBlockRef,
  type DagBlockV2,
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
  /** Blocks by round, in the order of their authors; no round is missing from the lowest one up to `latest`. */
  readonly rounds: ReadonlyMap<Round, ReadonlyArray<RoundBlock>>
  /** The last block of each author, in whatever round it was. */
  readonly newest: ReadonlyArray<RoundBlock>
  readonly latest: Round
  /** Highest commit index that the authors voted for. */
  readonly voted: number
}

/** Before the first round: the genesis blocks that everybody derives. `voted` is the index below the first commit. */
export const initial = (committee: DagCommittee, voted = 0): State => {
  const genesis = dagGenesis(committee).map(({ bytes, ref }) => ({ bytes, ref, timestampMs: 0 }))
  return { committee, rounds: new Map([[0, genesis]]), newest: genesis, latest: 0, voted }
}

/** The author whose block of a round commits, where nobody is away. */
export const leaderOf = (committee: DagCommittee, round: Round): AuthorityIndex =>
  round % committee.authorities.length

/** Who leads the next round: the next in turn that has a block in the round before. */
export const nextLeader = ({ committee, latest, rounds }: State): AuthorityIndex => {
  const size = committee.authorities.length
  const first = leaderOf(committee, latest + 1)
  const turns = rounds.get(latest)!.map(({ ref }) => (ref.author - first + size) % size)
  return (first + Math.min(...turns)) % size
}

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

/** What an author's block of the next round refers to: its own last one first, then those that others have in the last round. */
export const ancestorsOf = (
  { latest, newest, rounds }: Pick<State, "latest" | "newest" | "rounds">,
  author: AuthorityIndex
): ReadonlyArray<RoundBlock> => [
  newest[author]!,
  ...rounds.get(latest)!.filter(({ ref }) => ref.author !== author)
]

/** The earliest time of the next round: it is never earlier than what it refers to. */
export const earliestMs = ({ latest, rounds }: State): number =>
  Math.max(...rounds.get(latest)!.map(({ timestampMs }) => timestampMs))

/** A block without a signature. */
export const blockOf = (
  epoch: number,
  content: Pick<DagBlockV2, "round" | "author" | "timestampMs" | "ancestors" | "transactions" | "commitVotes">
): DagBlock => ({
  _tag: "V2",
  value: { epoch, ...content, transactionVotes: [], misbehaviorReports: [] }
})

/** Signs a block. */
export const sign = (author: Author, block: DagBlock): RoundBlock => {
  const signature = author.sign(dagSigningMessage(encodeBlock(block)))
  const bytes = encodeSigned({ block, signature: toHex(signature) })
  return { bytes, ref: dagBlockRef(block, bytes), timestampMs: block.value.timestampMs }
}
/** The bytes of a block that its author signs. */
export const encodeBlock: (block: DagBlock) => Uint8Array = Bcs.encode(DagBlock)
const encodeSigned = Bcs.encode(SignedDagBlock)

/** The votes of a round: those above what was voted for, as many as a block takes. */
export const votesOf = ({ voted }: State, votes: ReadonlyArray<DagCommitRef>): ReadonlyArray<DagCommitRef> =>
  votes.filter(({ index }) => index > voted).slice(0, votesPerBlock)

/** Has every author make its block of the next round, with all blocks of the round before as ancestors, its own first. */
export const nextRound = (state: State, authors: ReadonlyArray<Author>, input: RoundInput): State => {
  const commitVotes = votesOf(state, input.votes)
  const timestampMs = Math.max(input.timestampMs, earliestMs(state))
  const blocks = authors.map((author, index) =>
    sign(
      author,
      blockOf(state.committee.epoch, {
        round: state.latest + 1,
        author: index,
        timestampMs,
        ancestors: ancestorsOf(state, index).map(({ ref }) => ref),
        transactions: input.transactions.get(index) ?? [],
        commitVotes
      })
    )
  )
  return withRound(state, blocks, commitVotes.at(-1)?.index ?? state.voted)
}

/** The state with the next round, whose blocks come in the order of their authors. */
export const withRound = (state: State, blocks: ReadonlyArray<RoundBlock>, voted: number): State => {
  const { round } = blocks[0]!.ref
  return {
    ...state,
    rounds: new Map(state.rounds).set(round, blocks),
    newest: withNewest(state.newest, blocks),
    latest: round,
    voted
  }
}

const withNewest = (newest: State["newest"], blocks: ReadonlyArray<RoundBlock>): ReadonlyArray<RoundBlock> =>
  newest.map((known, author) => {
    const block = blocks.find(({ ref }) => ref.author === author)
    return block !== undefined && block.ref.round >= known.ref.round ? block : known
  })

const opened = (bytes: Uint8Array): RoundBlock => {
  const { block, ref } = Result.getOrThrow(openDagBlock(bytes))
  return { bytes, ref, timestampMs: block.value.timestampMs }
}

/** Takes a round back from disk. Rounds come in order; the first may be any. */
export const restoreRound = (state: State, signedBlocks: ReadonlyArray<Uint8Array>, voted: number): State =>
  withRound(state, signedBlocks.map(opened), voted)

/** Takes back from disk the last blocks of authors that are away for long. */
export const restoreNewest = (state: State, signedBlocks: ReadonlyArray<Uint8Array>): State => ({
  ...state,
  newest: withNewest(state.newest, signedBlocks.map(opened))
})

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
 * leader, and every round after it. Fails (with a defect) if those rounds were pruned, or the leader is away.
 */
export const commitUpon = (
  state: State,
  tip: BranchTip | undefined,
  index: number,
  leader: AuthorityIndex = leaderOf(state.committee, state.latest)
): Committed => {
  const round = state.latest
  const last = tip?.commit.leader
  const blocks: Array<RoundBlock> = []
  for (let at = last === undefined ? 1 : last.round; at < round; at++) {
    const known = state.rounds.get(at)
    if (known === undefined) throw new Error(`round ${at} of the committee is not kept any more`)
    blocks.push(...known.filter(({ ref }) => ref.digest !== last?.digest))
  }
  const newest = state.rounds.get(round)!
  const own = newest.find(({ ref }) => ref.author === leader)
  if (own === undefined) throw new Error(`author ${leader} has no block in round ${round} of the committee`)
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
