/**
 * The body of a chain block that a DAG committee made: its commit, the blocks that the commit brings in, and the
 * newest blocks of the other authors, which the next commit will bring in. BCS.
 */
import {
  Bcs,
  CodecError,
  type CommittedSubDag,
  DagCommit,
  dagCommitDigest,
  type DagCommitV1,
  type Hash,
  openDagBlock,
  type OpenedDagBlock,
  Wire
} from "@ephor/types"
import { Result, Schema } from "effect"

/** `commit` is the BCS of a `DagCommit`; blocks are signed bytes, `blocks` in commit order. */
export const DagBody = Schema.Struct({
  commit: Wire.Bytes,
  blocks: Schema.Array(Wire.Bytes),
  tip: Schema.Array(Wire.Bytes)
})
export interface DagBody extends Schema.Schema.Type<typeof DagBody> {}

/** The bytes that `ChainBlock.body` holds. */
export const encode: (body: DagBody) => Uint8Array = Bcs.encode(DagBody)

/** Reads a body without looking into its blocks. The body of a chain's first block is empty and is none. */
export const decode: (bytes: Uint8Array) => Result.Result<DagBody, CodecError> = Bcs.decodeResult(DagBody)

/** A signed block with its bytes. */
export interface DagBodyBlock extends OpenedDagBlock {
  readonly bytes: Uint8Array
}

/** A body taken apart. */
export interface SubDag {
  readonly commit: DagCommitV1
  readonly digest: Hash
  /** In commit order; the leader's is the last. */
  readonly blocks: ReadonlyArray<DagBodyBlock>
  /** Not committed yet. */
  readonly tip: ReadonlyArray<DagBodyBlock>
}

const open = (bytes: Uint8Array) =>
  Result.map(openDagBlock(bytes), (block): DagBodyBlock => ({ ...block, bytes }))

const malformed = (path: ReadonlyArray<string | number>, expected: string) =>
  new CodecError({ wire: "DagBody", direction: "decode", fault: "Malformed", path, expected })

/**
 * Takes a body apart and checks that its blocks are those that the commit names. Signatures are not verified: an
 * observer does that for the blocks whose votes it counts.
 */
export const subDagOf = (bytes: Uint8Array): Result.Result<SubDag, CodecError> =>
  Result.gen(function* () {
    const body = yield* decode(bytes)
    const commit = yield* decodeCommit(body.commit)
    const blocks = yield* Result.all(body.blocks.map(open))
    const tip = yield* Result.all(body.tip.map(open))
    const { blocks: named } = commit.value
    if (named.length !== blocks.length) {
      return yield* Result.fail(
        malformed(["blocks"], `the ${named.length} blocks of the commit, not ${blocks.length}`)
      )
    }
    const stranger = named.findIndex(({ digest }, position) => digest !== blocks[position]!.ref.digest)
    if (stranger >= 0) {
      return yield* Result.fail(
        malformed(["blocks", stranger], `the block ${named[stranger]!.digest} of the commit`)
      )
    }
    return { commit: commit.value, digest: dagCommitDigest(commit), blocks, tip }
  })
const decodeCommit = Bcs.decodeResult(DagCommit)

/** The commit with its blocks as an observer's commit stream carries it. */
export const committedSubDag = ({ blocks, commit }: SubDag): CommittedSubDag => ({
  commitIndex: commit.index,
  leader: commit.leader,
  blocks: blocks.map(({ bytes }) => bytes),
  timestampMs: commit.timestampMs
})
