import * as DevAuthors from "../src/DevAuthors.ts"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { dagGenesis, openDagBlock, toHex } from "@ephor/types"
import * as Committee from "@ephor/chain/Committee"
import * as DagBody from "@ephor/chain/DagBody"
import { ed25519Verify } from "@ephor/keystore/Signatures"
import { dagSigningMessage } from "@ephor/types"
import vectors from "./vectors/dag-blocks.json" with { type: "json" }

const authors = DevAuthors.developmentAuthors("test", 4)
const committee = Committee.committeeOf(authors)
const text = (value: string) => new TextEncoder().encode(value)
const none = { timestampMs: 0, transactions: new Map(), votes: [] }
const open = (bytes: Uint8Array) => Result.getOrThrow(openDagBlock(bytes))
const subDagOf = (body: Uint8Array) => Result.getOrThrow(DagBody.subDagOf(body))

/** A round and its commit upon a branch. */
const extend = (state: Committee.State, tip: Committee.BranchTip | undefined, index: number) => {
  const next = Committee.nextRound(state, authors, { ...none, timestampMs: index * 1000 })
  return { state: next, committed: Committee.commitUpon(next, tip, index) }
}

describe("Committee", () => {
  it("signs the block of the vector, byte for byte", () => {
    const same = Array.from({ length: 4 }, () => DevAuthors.authorFromSecret(new Uint8Array(32).fill(0x2a)))
    assert.strictEqual(same[0]!.publicKey, `0x${vectors.signed_block.public_key}`)
    const genesis = dagGenesis(Committee.committeeOf(same)).map(({ bytes, ref }) => [
      toHex(bytes),
      ref.digest
    ])
    assert.deepStrictEqual(
      genesis,
      vectors.genesis.map(({ digest, signed_block_hex }) => [`0x${signed_block_hex}`, `0x${digest}`])
    )
    const state = Committee.nextRound(Committee.initial(Committee.committeeOf(same)), same, {
      timestampMs: 1_700_000_000_000,
      transactions: new Map([[2, [text("hello"), text("")]]]),
      votes: []
    })
    const block = state.rounds.get(1)![2]!
    const { block_bcs_hex: unsigned, signature } = vectors.signed_block
    assert.strictEqual(toHex(block.bytes), `0x${unsigned}40${signature}`)
    assert.strictEqual(block.ref.digest, `0x${vectors.signed_block.block_digest}`)
  })

  it("makes blocks that verify, with all of the round before as ancestors, the own one first", () => {
    let state = Committee.initial(committee)
    for (let round = 1; round <= 3; round++) state = Committee.nextRound(state, authors, none)
    for (const [author, { bytes }] of state.rounds.get(3)!.entries()) {
      const { block, blockBytes, signature } = open(bytes)
      const key = committee.authorities[author]!.publicKey
      assert.isTrue(ed25519Verify(key, dagSigningMessage(blockBytes), signature as `0x${string}`))
      const before = state.rounds.get(2)!.map(({ ref }) => ref.digest)
      const ancestors = block.value.ancestors.map(({ digest }) => digest)
      assert.strictEqual(ancestors[0], before[author])
      assert.deepStrictEqual(ancestors.toSorted(), before.toSorted())
    }
  })

  it("commits the tip of the parent and the leader's block, and chains the digests", () => {
    const first = extend(Committee.initial(committee), undefined, 1)
    const second = extend(first.state, first.committed, 2)
    const one = subDagOf(first.committed.body)
    const two = subDagOf(second.committed.body)
    assert.deepStrictEqual(
      one.blocks.map(({ ref }) => [ref.round, ref.author]),
      [[1, 1]]
    )
    assert.deepStrictEqual(
      two.blocks.map(({ ref }) => [ref.round, ref.author]),
      [
        [1, 0],
        [1, 2],
        [1, 3],
        [2, 2]
      ]
    )
    assert.deepStrictEqual(
      one.tip.map(({ ref }) => ref.author),
      [0, 2, 3]
    )
    assert.strictEqual(one.commit.previousDigest, `0x${"00".repeat(32)}`)
    assert.strictEqual(two.commit.previousDigest, one.digest)
    assert.strictEqual(two.digest, second.committed.digest)
    assert.strictEqual(two.commit.timestampMs, 2000)
  })

  it("commits abandoned rounds upon the branch that goes on, each block once", () => {
    const one = extend(Committee.initial(committee), undefined, 1)
    const two = extend(one.state, one.committed, 2)
    const other = extend(two.state, one.committed, 2)
    const three = extend(other.state, other.committed, 3)
    const blocks = [one, other, three].flatMap(({ committed }) => subDagOf(committed.body).blocks)
    const names = blocks.map(({ ref }) => `${ref.round}/${ref.author}`)
    assert.strictEqual(new Set(names).size, names.length)
    assert.deepStrictEqual(names.slice(1, 9), ["1/0", "1/2", "1/3", "2/0", "2/1", "2/2", "2/3", "3/3"])
    assert.notStrictEqual(two.committed.digest, other.committed.digest)
  })

  it("never repeats a round, and time does not run backwards", () => {
    const one = extend(Committee.initial(committee), undefined, 9)
    const two = extend(one.state, one.committed, 2)
    assert.strictEqual(two.committed.commit.timestampMs, 9000)
    assert.deepStrictEqual(
      two.state.rounds.get(2)!.map(({ bytes }) => open(bytes).block.value.timestampMs),
      [9000, 9000, 9000, 9000]
    )
    assert.strictEqual(two.committed.commit.leader.round, 2)
  })

  it("votes for final commits once, at most a hundred per block", () => {
    const votes = Array.from({ length: 150 }, (_, i) => ({
      index: i + 1,
      digest: `0x${"11".repeat(32)}` as const
    }))
    const one = Committee.nextRound(Committee.initial(committee), authors, { ...none, votes })
    const two = Committee.nextRound(one, authors, { ...none, votes })
    const voted = (state: Committee.State, round: number) =>
      open(state.rounds.get(round)![3]!.bytes).block.value.commitVotes.map(({ index }) => index)
    assert.deepStrictEqual([voted(one, 1).length, one.voted], [100, 100])
    assert.deepStrictEqual([voted(two, 2)[0], voted(two, 2).length, two.voted], [101, 50, 150])
  })

  it("goes on from its stored rounds as if it had not stopped", () => {
    const one = extend(Committee.initial(committee), undefined, 1)
    const two = extend(one.state, one.committed, 2)
    let restored = Committee.initial(committee)
    for (const round of [1, 2]) {
      restored = Committee.restoreRound(restored, Committee.roundBytes(two.state, round), two.state.voted)
    }
    const next = extend(restored, two.committed, 3)
    assert.strictEqual(next.committed.digest, extend(two.state, two.committed, 3).committed.digest)
  })

  describe("with an author away", () => {
    const away = 2
    /** The next round without that author. */
    const without = (state: Committee.State) => {
      const whole = Committee.nextRound(state, authors, none)
      const blocks = whole.rounds.get(whole.latest)!.filter(({ ref }) => ref.author !== away)
      return Committee.withRound(state, blocks, whole.voted)
    }
    const one = extend(Committee.initial(committee), undefined, 1)
    const two = without(one.state)
    const three = without(two)

    it("it leads no round until it has a block again", () => {
      assert.strictEqual(Committee.nextLeader(one.state), 2)
      assert.strictEqual(Committee.nextLeader(without(extend(one.state, one.committed, 2).state)), 0)
      const states = [two, three, without(three), without(without(three))]
      assert.deepStrictEqual(
        states.map(Committee.nextLeader),
        [3, 0, 1, 3],
        "the turn of the one that is away goes to the next"
      )
    })

    it("commits what is there, and fails where the leader has no block", () => {
      assert.throws(() => Committee.commitUpon(two, one.committed, 2), /author 2 has no block in round 2/)
      const { body } = Committee.commitUpon(three, one.committed, 2, 3)
      assert.deepStrictEqual(
        subDagOf(body).blocks.map(({ ref }) => `${ref.round}/${ref.author}`),
        ["1/0", "1/2", "1/3", "2/0", "2/1", "2/3", "3/3"]
      )
    })

    it("refers to its last block when it is back, also when only that was kept", () => {
      const last = one.state.rounds.get(1)![away]!
      const back = Committee.nextRound(three, authors, none)
      const { ancestors } = open(back.rounds.get(4)![away]!.bytes).block.value
      assert.deepStrictEqual(
        ancestors.map(({ author, round }) => `${round}/${author}`),
        ["1/2", "3/0", "3/1", "3/3"]
      )
      let restored = Committee.restoreNewest(Committee.initial(committee), [last.bytes])
      for (const round of [2, 3])
        restored = Committee.restoreRound(restored, Committee.roundBytes(three, round), three.voted)
      assert.deepStrictEqual(Committee.nextRound(restored, authors, none).rounds.get(4), back.rounds.get(4))
    })
  })

  it("forgets rounds, and then cannot build where they are needed", () => {
    const one = extend(Committee.initial(committee), undefined, 1)
    const two = extend(one.state, one.committed, 2)
    const pruned = Committee.prune(two.state, 2)
    assert.deepStrictEqual([...pruned.rounds.keys()], [2])
    assert.doesNotThrow(() => extend(pruned, two.committed, 3))
    assert.throws(() => extend(pruned, one.committed, 2), /round 1 of the committee is not kept/)
  })
})

describe("DagBody", () => {
  const { committed } = extend(Committee.initial(committee), undefined, 1)

  it("refuses bodies whose blocks are not those of the commit", () => {
    const body = Result.getOrThrow(DagBody.decode(committed.body))
    const swapped = DagBody.subDagOf(DagBody.encode({ ...body, blocks: [body.tip[0]!] }))
    assert.isTrue(Result.isFailure(swapped) && swapped.failure.message.includes("of the commit"))
    const short = DagBody.subDagOf(DagBody.encode({ ...body, blocks: [] }))
    assert.isTrue(
      Result.isFailure(short) && short.failure.message.includes("the 1 blocks of the commit, not 0")
    )
  })

  it("refuses every cut of a body", () => {
    for (let length = 0; length < committed.body.length; length++) {
      assert.isTrue(Result.isFailure(DagBody.subDagOf(committed.body.subarray(0, length))))
    }
  })

  it("gives what a commit stream carries", () => {
    const subDag = subDagOf(committed.body)
    assert.deepStrictEqual(DagBody.committedSubDag(subDag), {
      commitIndex: 1,
      leader: subDag.commit.leader,
      blocks: [subDag.blocks[0]!.bytes],
      timestampMs: 1000
    })
  })
})
