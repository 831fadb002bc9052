import { DevAuthors } from "@ephor/devchain"
import { assert, describe, it } from "@effect/vitest"
import * as Committee from "@ephor/chain/Committee"
import {
  Bcs,
  DagBlock,
  type DagBlockV2,
  type DagCommittee,
  dagGenesis,
  dagSigningMessage,
  fromHex,
  SignedDagBlock,
  toHex
} from "@ephor/types"
import { Effect, Result } from "effect"
import { generateKeyPairSync, sign } from "node:crypto"
import { BlockVerifier } from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import { dagOf } from "./dag.ts"
import vectors from "./vectors/observer.json" with { type: "json" }

const check = (committee: DagCommittee, bytes: Uint8Array) =>
  Effect.gen(function* () {
    const verifier = yield* BlockVerifier.BlockVerifier
    const block = yield* Effect.fromResult(verifier.open(bytes))
    yield* verifier.verify(block)
    return block.ref
  }).pipe(Effect.provide(NodeBlockVerifier.layerMysticeti({ committee })))

const dag = dagOf(2)
const authors = DevAuthors.developmentAuthors("streaming", 4)
const signed = (block: DagBlock, by = block.value.author) => {
  const signature = toHex(authors[by]!.sign(dagSigningMessage(Bcs.encode(DagBlock)(block))))
  return Bcs.encode(SignedDagBlock)({ block, signature })
}
const good: DagBlockV2 = {
  epoch: 0,
  round: 2,
  author: 1,
  timestampMs: 5,
  ancestors: [1, 0, 2, 3].map((author) => dag.rounds[0]!.blocks[author]!.ref),
  transactions: [],
  transactionVotes: [],
  commitVotes: [],
  misbehaviorReports: []
}
const v2 = (change: Partial<DagBlockV2>): DagBlock => ({ _tag: "V2", value: { ...good, ...change } })
const refs = good.ancestors

describe("BlockVerifier", () => {
  it.effect("accepts the signed block of the vectors", () =>
    Effect.gen(function* () {
      const { block_bcs_hex, block_digest, public_key, signature } = vectors.signed_block
      // The author of the vector is number 2 of four; the others' keys do not matter.
      const other = Committee.committeeOf(authors).authorities
      const authorities = other.map((one, i) =>
        i === 2 ? { stake: 1, publicKey: `0x${public_key}` as const } : one
      )
      const ref = yield* check({ epoch: 0, authorities }, fromHex(`0x${block_bcs_hex}40${signature}`))
      assert.deepStrictEqual(ref, { round: 1, author: 2, digest: `0x${block_digest}` })
    })
  )

  it.effect("accepts what the committee makes", () =>
    Effect.gen(function* () {
      for (const { blocks } of dag.rounds)
        for (const { bytes, ref } of blocks) assert.deepStrictEqual(yield* check(dag.committee, bytes), ref)
      yield* check(dag.committee, signed(v2({})))
    })
  )

  const votes = Array.from({ length: 201 }, (_, i) => ({ index: i + 1, digest: dag.rounds[0]!.digest }))
  const bad: ReadonlyArray<readonly [what: string, bytes: Uint8Array, why: string]> = [
    ["trailing bytes", Uint8Array.of(...signed(v2({})), 0), "BCS"],
    ["a cut block", signed(v2({})).subarray(0, -1), "BCS"],
    ["a block of another epoch", signed(v2({ epoch: 1 })), "epoch 1, ours is 0"],
    ["an unknown author", signed(v2({ author: 4 }), 1), "unknown author 4"],
    ["another author's signature", signed(v2({}), 2), "the signature is wrong"],
    [
      "no signature",
      Bcs.encode(SignedDagBlock)({ block: v2({}), signature: "0x" }),
      "a signature of 0 bytes"
    ],
    ["round 0", dagGenesis(dag.committee)[0]!.bytes, "a signature of 0 bytes"],
    ["a signed block of round 0", signed(v2({ round: 0 })), "genesis blocks are never sent"],
    ["no ancestors", signed(v2({ ancestors: [] })), "0 ancestors"],
    [
      "another author's block first",
      signed(v2({ ancestors: [refs[1]!, refs[0]!, refs[2]!] })),
      "not the author's own"
    ],
    [
      "an author twice",
      signed(v2({ ancestors: [refs[0]!, refs[1]!, refs[1]!] })),
      "two ancestors of author 0"
    ],
    ["an ancestor of the same round", signed(v2({ round: 1 })), "ancestor of round 1"],
    [
      "an ancestor of nobody",
      signed(v2({ ancestors: [refs[0]!, { ...refs[1]!, author: 9 }] })),
      "unknown author 9"
    ],
    ["too few ancestors", signed(v2({ ancestors: refs.slice(0, 2) })), "hold 2 stake, a quorum is 3"],
    [
      "a made-up genesis",
      signed(v2({ round: 1, ancestors: [{ ...refs[0]!, round: 0 }] })),
      "not a genesis block"
    ],
    ["too many votes", signed(v2({ commitVotes: votes })), "201 commit votes"],
    [
      "too large a transaction",
      signed(v2({ transactions: [new Uint8Array(1024 * 1024 + 1)] })),
      "a transaction of 1048577 bytes"
    ],
    ["too large a block", new Uint8Array(4 * 1024 * 1024 + 1), "are more than 4194304"]
  ]
  for (const [what, bytes, why] of bad) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(check(dag.committee, bytes))
        assert.strictEqual(error._tag, "Forged")
        assert.include(error.message, why)
      })
    )
  }

  it.effect("refuses a committee whose keys prove nothing", () =>
    Effect.gen(function* () {
      for (const publicKey of [
        `0x01${"00".repeat(31)}`,
        `0x${"ff".repeat(32)}`,
        `0xee${"ff".repeat(30)}7f`
      ] as const) {
        const committee = { epoch: 0, authorities: [{ stake: 1, publicKey }] }
        const error = yield* Effect.flip(NodeBlockVerifier.signatureCheck(committee))
        assert.strictEqual(error.reason._tag, "Misconfigured")
        assert.include(error.message, publicKey)
      }
    })
  )

  it("decodes without trust, but strictly", () => {
    assert.isTrue(Result.isSuccess(BlockVerifier.open(signed(v2({}), 2))))
    assert.isTrue(Result.isFailure(BlockVerifier.open(new Uint8Array(3))))
  })
})

describe("a key of randomness", () => {
  it.effect("checks what is signed before the signature, and proves something or is refused", () =>
    Effect.gen(function* () {
      const { privateKey, publicKey } = generateKeyPairSync("ed25519")
      const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32)
      const holds = yield* NodeBlockVerifier.randomnessCheck(toHex(raw))
      const said = Buffer.from("round 7")
      const item = Buffer.concat([said, sign(null, said, privateKey)])
      assert.isTrue(holds(item))
      assert.isFalse(holds(item.subarray(1)))
      assert.isFalse(holds(item.subarray(said.length)))
      assert.isFalse(holds(new Uint8Array(3)))
      for (const wrong of [
        "",
        "0x12",
        `0x${"00".repeat(32)}`,
        toHex(raw).slice(2),
        `0x01${"00".repeat(31)}`
      ]) {
        const refused = yield* Effect.flip(NodeBlockVerifier.randomnessCheck(wrong))
        assert.include(refused.message, "not a usable ed25519 public key")
      }
    })
  )
})
