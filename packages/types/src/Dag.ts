/**
 * Blocks and commits of a DAG consensus (Mysticeti, as Sui runs it), which an observer streams. Blocks are
 * signed by their authors; a commit is a leader with the blocks that it brings in. All of it is BCS.
 */
import { Result, Schema } from "effect"
import * as Bcs from "./codec/Bcs.ts"
import { type CodecError } from "./codec/CodecError.ts"
import { concatBytes } from "./codec/Cursor.ts"
import { Bytes, fixedHex, HexText, message, SafeU64, U16, variants } from "./codec/Wire.ts"
import { blake2b256, blake2b256Bytes } from "./Hashing.ts"
import { AuthorityIndex, CommitIndex, Hash, Round, TimestampMs } from "./Primitives.ts"

/** Number of an epoch: the span over which a committee is constant. */
export const Epoch = SafeU64
export type Epoch = typeof Epoch.Type

/** Hash of the bytes of a signed block, signature included. */
export const DagBlockDigest = fixedHex(32, "DagBlockDigest")
export type DagBlockDigest = typeof DagBlockDigest.Type

/** A block by round, author and digest; this is also the order of blocks in a commit. */
export const DagBlockRef = message(
  Schema.Struct({ round: Round, author: AuthorityIndex, digest: DagBlockDigest }),
  {
    author: 1,
    round: 2,
    digest: 3
  }
)
export interface DagBlockRef extends Schema.Schema.Type<typeof DagBlockRef> {}

/** A commit by index and digest: what a block votes for. */
export const DagCommitRef = Schema.Struct({ index: CommitIndex, digest: Hash })
export interface DagCommitRef extends Schema.Schema.Type<typeof DagCommitRef> {}

/** Which transactions of a block its voter rejects; all others are accepted. */
export const DagTransactionVotes = Schema.Struct({ blockRef: DagBlockRef, rejects: Schema.Array(U16) })
export interface DagTransactionVotes extends Schema.Schema.Type<typeof DagTransactionVotes> {}

/** Proof that an authority misbehaved. */
export const DagMisbehaviorReport = Schema.Struct({
  target: AuthorityIndex,
  proof: variants({ InvalidBlock: [0, DagBlockRef] })
})
export interface DagMisbehaviorReport extends Schema.Schema.Type<typeof DagMisbehaviorReport> {}

const head = {
  epoch: Epoch,
  round: Round,
  author: AuthorityIndex,
  timestampMs: TimestampMs,
  ancestors: Schema.Array(DagBlockRef),
  transactions: Schema.Array(Bytes)
}
const tail = {
  commitVotes: Schema.Array(DagCommitRef),
  misbehaviorReports: Schema.Array(DagMisbehaviorReport)
}

/** A block whose transactions all count once it is committed. */
export const DagBlockV1 = Schema.Struct({ ...head, ...tail })
export interface DagBlockV1 extends Schema.Schema.Type<typeof DagBlockV1> {}

/** A block that votes on transactions of others. */
export const DagBlockV2 = Schema.Struct({
  ...head,
  transactionVotes: Schema.Array(DagTransactionVotes),
  ...tail
})
export interface DagBlockV2 extends Schema.Schema.Type<typeof DagBlockV2> {}

/** A block that says down to which round it votes. */
export const DagBlockV3 = Schema.Struct({
  ...head,
  transactionVotes: Schema.Array(DagTransactionVotes),
  transactionVotesCutoffRound: Round,
  ...tail
})
export interface DagBlockV3 extends Schema.Schema.Type<typeof DagBlockV3> {}

/** A block of any version. We produce V2. */
export const DagBlock = variants({ V1: [0, DagBlockV1], V2: [1, DagBlockV2], V3: [2, DagBlockV3] })
export type DagBlock = typeof DagBlock.Type

/** A block with the author's signature: 64 bytes of ed25519, or none for genesis. */
export const SignedDagBlock = Schema.Struct({ block: DagBlock, signature: HexText })
export interface SignedDagBlock extends Schema.Schema.Type<typeof SignedDagBlock> {}

/** A leader and the blocks it commits, in order, with a link to the commit before. */
export const DagCommitV1 = Schema.Struct({
  index: CommitIndex,
  previousDigest: Hash,
  timestampMs: TimestampMs,
  leader: DagBlockRef,
  blocks: Schema.Array(DagBlockRef)
})
export interface DagCommitV1 extends Schema.Schema.Type<typeof DagCommitV1> {}

/** A commit of any version. */
export const DagCommit = variants({ V1: [0, DagCommitV1] })
export type DagCommit = typeof DagCommit.Type

/** A commit with the bytes of its signed blocks, in commit order: what the commit stream carries. */
export const CommittedSubDag = message(
  Schema.Struct({
    commitIndex: CommitIndex,
    leader: DagBlockRef,
    blocks: Schema.Array(Bytes),
    timestampMs: TimestampMs
  }),
  { commitIndex: 1, leader: 2, blocks: 3, timestampMs: 4 }
)
export interface CommittedSubDag extends Schema.Schema.Type<typeof CommittedSubDag> {}

/** What the first commit has in place of the digest of the one before. */
export const noCommitDigest: Hash = `0x${"00".repeat(32)}`

/** Digest of a block: BLAKE2b-256 of the signed bytes as they were received. */
export const dagBlockDigest = (signedBytes: Uint8Array): DagBlockDigest => blake2b256(signedBytes)

const intent = Uint8Array.of(8, 0, 2)

/**
 * The 35 bytes that an author signs: intent (consensus block, version 0, consensus) and the hash of the
 * unsigned bytes.
 */
export const dagSigningMessage = (blockBytes: Uint8Array): Uint8Array =>
  concatBytes(intent, blake2b256Bytes(blockBytes))

/** Digest of a commit: BLAKE2b-256 of its BCS. */
export const dagCommitDigest = (commit: DagCommit): Hash => blake2b256(Bcs.encode(DagCommit)(commit))

/**
 * A signed block taken apart: the block, its signature, the unsigned bytes that it covers, and the name of
 * the block.
 */
export interface OpenedDagBlock extends SignedDagBlock {
  readonly blockBytes: Uint8Array
  readonly ref: DagBlockRef
}

/** Takes the bytes of a signed block apart. Nothing is verified but the encoding. */
export const openDagBlock = (signedBytes: Uint8Array): Result.Result<OpenedDagBlock, CodecError> =>
  Result.map(Bcs.decodeResult(SignedDagBlock)(signedBytes), ({ block, signature }) => {
    const signatureSize = (signature.length - 2) / 2
    const lengthSize = signatureSize < 0x80 ? 1 : signatureSize < 0x4000 ? 2 : 3
    const blockBytes = signedBytes.subarray(0, signedBytes.length - signatureSize - lengthSize)
    return { block, signature, blockBytes, ref: dagBlockRef(block, signedBytes) }
  })

/** The reference to a block, given its signed bytes. */
export const dagBlockRef = (block: DagBlock, signedBytes: Uint8Array): DagBlockRef => ({
  round: block.value.round,
  author: block.value.author,
  digest: dagBlockDigest(signedBytes)
})

/** Order of blocks in a commit: by round, author, digest. */
export const compareDagBlockRefs = (left: DagBlockRef, right: DagBlockRef): number =>
  left.round - right.round ||
  left.author - right.author ||
  (left.digest < right.digest ? -1 : left.digest > right.digest ? 1 : 0)
