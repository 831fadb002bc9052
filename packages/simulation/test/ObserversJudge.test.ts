/** Every check can fail: an account is told what no good observer does. */
import { assert, describe, it } from "@effect/vitest"
import { BlockVerifier } from "@ephor/streaming"
import { Context, Effect, Layer } from "effect"
import { Account, type Invariant, Judge } from "../src/observers/Judge.ts"
import { truthOf } from "../src/observers/Truth.ts"

const truth = truthOf(0)
const fork = truthOf(0, "strangers")
const bounds = { pauseBlocksQueueSize: 10, maxSuspendedBlocks: 10 }

/** All blocks of these rounds arrive. */
const hear = (account: Account, rounds: number) => {
  for (let round = 1; round <= rounds; round++) {
    const blocks = truth.round(round).blocks.map(({ bytes }) => bytes)
    account.arrived({ blocks, highestCommitIndex: round })
  }
}
const commit = (account: Account, index: number) => account.commit(truth.round(index).commit)

const broken = ({ violation }: Judge) => violation?.invariant

const good = (account: Account) => {
  account.sent("link", "blocks", 1, "Start")
  account.sent("link", "blocks", 1, "Start")
  account.sent("link", "blocks", 1, "Stop")
  account.left("link", "blocks", 1, 3)
  hear(account, 5)
  for (const { bytes, ref } of truth.round(1).blocks) account.block(ref.digest, bytes)
  for (let index = 1; index <= 4; index++) commit(account, index)
  for (const mode of ["BlocksOnly", "CommitsOnly", "Overlap", "BlocksOnly"]) account.mode(mode)
  account.queue(10)
}

const bad: ReadonlyArray<readonly [Invariant, string, (account: Account) => void]> = [
  ["I1", "a commit twice", (account) => commit(account, 4)],
  ["I1", "a commit left out", (account) => commit(account, 6)],
  [
    "I1",
    "a block twice",
    (account) => {
      const { bytes, ref } = truth.round(1).blocks[0]!
      account.block(ref.digest, bytes)
    }
  ],
  [
    "I2",
    "another time",
    (account) => {
      const { commit } = truth.round(5)
      account.commit({ ...commit, timestampMs: commit.timestampMs + 1 })
    }
  ],
  [
    "I2",
    "other bytes",
    (account) => {
      const { commit } = truth.round(5)
      account.commit({ ...commit, blocks: [...commit.blocks.slice(1), new Uint8Array(1)] })
    }
  ],
  ["I2", "another digest", (account) => account.commit(truth.round(5).commit, truth.round(4).digest)],
  ["I3", "a stop after a stop", (account) => account.sent("link", "blocks", 1, "Stop")],
  ["I3", "a stop first of all", (account) => account.sent("link", "blocks", 2, "Stop")],
  ["I4", "a long queue", (account) => account.queue(200)],
  ["I5", "overlap out of nothing", (account) => account.mode("Overlap")],
  [
    "I5",
    "no overlap",
    (account) => {
      account.mode("CommitsOnly")
      account.mode("BlocksOnly")
    }
  ],
  ["I8", "a commit without votes", (account) => commit(account, 5)],
  [
    "I8",
    "a block of strangers",
    (account) => {
      const { bytes, ref } = fork.round(1).blocks[0]!
      account.block(ref.digest, bytes)
    }
  ],
  [
    "I8",
    "a block by another name",
    (account) => {
      account.block(truth.round(2).blocks[0]!.ref.digest, truth.round(2).blocks[1]!.bytes)
    }
  ],
  ["I10", "responses after a stop, twice", (account) => account.left("link", "blocks", 2, 3)],
  ["I10", "too much under way", (account) => account.left("link", "commits", 0, 50)]
]

describe("Judge", () => {
  const made = Effect.map(Layer.build(truth.verifier), (context) => {
    const judge = new Judge(truth)
    const { open } = Context.get(context, BlockVerifier.BlockVerifier)
    return { judge, account: new Account("leaf", judge, bounds, open) }
  })

  it.effect.each(bad)("%s: %s", ([invariant, , act]) =>
    Effect.gen(function* () {
      const { account, judge } = yield* made
      good(account)
      assert.isUndefined(broken(judge))
      act(account)
      assert.strictEqual(broken(judge), invariant)
    })
  )

  it.effect("a new life may hear blocks again, but no commit", () =>
    Effect.gen(function* () {
      const { account, judge } = yield* made
      good(account)
      account.born()
      account.mode("CommitsOnly")
      const { bytes, ref } = truth.round(1).blocks[0]!
      account.block(ref.digest, bytes)
      assert.isUndefined(broken(judge))
      commit(account, 1)
      assert.strictEqual(broken(judge), "I1")
    })
  )
})
