import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  Bcs,
  blake2b256,
  compareDagBlockRefs,
  concatBytes,
  CommittedSubDag,
  DagBlock,
  dagBlockDigest,
  type DagBlockRef,
  DagBlockRef as DagBlockRefSchema,
  DagCommit,
  dagCommitDigest,
  DagCommitRef,
  fromHex,
  noCommitDigest,
  openDagBlock,
  Proto,
  dagSigningMessage,
  toHex
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const file = vectors("streaming/observer")
const hex = (text: string): `0x${string}` => `0x${text}`
const genesis: ReadonlyArray<DagBlockRef> = file.genesis_v2_epoch0_ts0.map(({ author, digest }: any) => ({
  round: 0,
  author,
  digest: hex(digest)
}))

const block: DagBlock = {
  _tag: "V2",
  value: {
    epoch: 0,
    round: 1,
    author: 2,
    timestampMs: 1_700_000_000_000,
    ancestors: [2, 0, 1, 3].map((author) => genesis[author]!),
    transactions: [new TextEncoder().encode("hello"), new Uint8Array(0)],
    transactionVotes: [],
    commitVotes: [],
    misbehaviorReports: []
  }
}
const blockBytes = fromHex(hex(file.signed_block.block_bcs_hex))
const signedBytes = concatBytes(blockBytes, Uint8Array.of(0x40), fromHex(hex(file.signed_block.signature)))
const ref: DagBlockRef = { round: 1, author: 2, digest: hex(file.signed_block.block_digest) }
const commit: DagCommit = {
  _tag: "V1",
  value: {
    index: 1,
    previousDigest: noCommitDigest,
    timestampMs: 1_700_000_000_000,
    leader: ref,
    blocks: [ref]
  }
}

describe("DagBlock", () => {
  it("encodes as the reference does, and back", () => {
    assert.deepStrictEqual(Bcs.encode(DagBlock)(block), blockBytes)
    assert.deepStrictEqual(Bcs.decode(DagBlock)(blockBytes), block)
  })

  it("the author signs the hash of the unsigned bytes behind the intent", () => {
    assert.strictEqual(blake2b256(blockBytes), hex(file.signed_block.inner_digest))
    assert.strictEqual(toHex(dagSigningMessage(blockBytes)), hex(file.signed_block.signed_message_hex))
  })

  it("the digest covers the signature", () => {
    assert.strictEqual(signedBytes.length, file.signed_block.signed_block_len)
    assert.strictEqual(dagBlockDigest(signedBytes), ref.digest)
  })

  it("opens into block, signature, unsigned bytes and reference", () => {
    const opened = Result.getOrThrow(openDagBlock(signedBytes))
    assert.deepStrictEqual(opened.block, block)
    assert.strictEqual(opened.signature, hex(file.signed_block.signature))
    assert.deepStrictEqual(toHex(opened.blockBytes), toHex(blockBytes))
    assert.deepStrictEqual(opened.ref, ref)
    assert.isTrue(Result.isFailure(openDagBlock(signedBytes.subarray(1))))
    assert.isTrue(Result.isFailure(openDagBlock(concatBytes(signedBytes, Uint8Array.of(0)))))
  })

  const rich = {
    epoch: 7,
    round: 2,
    author: 0,
    timestampMs: 1,
    ancestors: [ref],
    transactions: [],
    commitVotes: [{ index: 1, digest: dagCommitDigest(commit) }],
    misbehaviorReports: [{ target: 3, proof: { _tag: "InvalidBlock", value: ref } as const }]
  }
  const votes = { transactionVotes: [{ blockRef: ref, rejects: [0, 300] }] }
  const versions: ReadonlyArray<DagBlock> = [
    { _tag: "V1", value: rich },
    { _tag: "V2", value: { ...rich, ...votes } },
    { _tag: "V3", value: { ...rich, ...votes, transactionVotesCutoffRound: 9 } }
  ]
  for (const version of versions) {
    it(`${version._tag} with votes and reports has the digest of the reference`, () => {
      const bytes = Bcs.encode(DagBlock)(version)
      const expected = file.rich_blocks[version._tag]
      assert.strictEqual(bytes.length, expected.len)
      assert.strictEqual(blake2b256(bytes), hex(expected.digest))
      assert.deepStrictEqual(Bcs.decode(DagBlock)(bytes), version)
    })
  }

  it("refuses a version of the future", () => {
    const bytes = blockBytes.slice()
    bytes[0] = 3
    assert.throws(() => Bcs.decode(DagBlock)(bytes), /a case among V1 \(0\), V2 \(1\), V3 \(2\)/)
  })
})

describe("DagCommit", () => {
  it("encodes as the reference does", () => {
    assert.strictEqual(toHex(Bcs.encode(DagCommit)(commit)), hex(file.commit.bcs_hex))
    assert.deepStrictEqual(Bcs.decode(DagCommit)(fromHex(hex(file.commit.bcs_hex))), commit)
    assert.strictEqual(dagCommitDigest(commit), hex(file.commit.digest))
  })

  it("references have the sizes of the reference", () => {
    assert.strictEqual(Bcs.encode(DagBlockRefSchema)(ref).length, file.sizes.BlockRef)
    assert.strictEqual(
      Bcs.encode(DagCommitRef)({ index: 1, digest: ref.digest }).length,
      file.sizes.CommitRef
    )
  })

  it("blocks are ordered by round, author, digest", () => {
    const low = { ...ref, digest: noCommitDigest }
    const refs = [ref, low, { ...ref, author: 1 }, { ...ref, round: 0, author: 9 }]
    assert.deepStrictEqual(refs.toSorted(compareDagBlockRefs), [refs[3], refs[2], low, ref])
  })

  it("travels in protobuf with the numbers of the observer's service", () => {
    const sub: CommittedSubDag = {
      commitIndex: 1,
      leader: ref,
      blocks: [signedBytes, Uint8Array.of(1)],
      timestampMs: 1_700_000_000_000
    }
    const bytes = Proto.encode(CommittedSubDag)(sub)
    const leader = `08021001${"1a20"}${file.signed_block.block_digest}`
    const expected = `0x0801${"1226"}${leader}1a8602${toHex(signedBytes).slice(2)}1a01012080d095ffbc31`
    assert.strictEqual(toHex(bytes), expected)
    assert.deepStrictEqual(Proto.decode(CommittedSubDag)(bytes), sub)
  })
})
