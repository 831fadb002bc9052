/** The largest blocks of every kind that a chain makes pass everybody who takes them. */
import { assert, describe, it } from "@effect/vitest"
import { subDagOf } from "@ephor/chain/DagBody"
import { Chain } from "@ephor/chain"
import { ChainFeed, DevChain, DevTransaction } from "@ephor/devchain"
import { Store } from "@ephor/store"
import { BlockVerifier } from "@ephor/streaming"
import * as Interop from "@ephor/supervisor-protocol/Interop"
import * as NodeManagedNodeClient from "@ephor/supervisor-protocol/NodeManagedNodeClient"
import { BlockBounds, type Hash } from "@ephor/types"
import { Effect, Layer, Option, Result } from "effect"
import { TestClock } from "effect/testing"
import * as Protocols from "../src/committee/Protocols.ts"

const address = `0x${"11".repeat(20)}` as const
const topic: Hash = `0x${"22".repeat(32)}`
const log = (bytes: number, topics = 0) => ({
  address,
  topics: Array.from({ length: topics }, () => topic),
  data: `0x${"33".repeat(bytes)}` as const
})
const emit = (count: number, bytes: number, topics = 0): DevTransaction.DevTransaction => ({
  _tag: "Emit",
  value: { logs: Array.from({ length: count }, () => log(bytes, topics)) }
})

const kinds: ReadonlyArray<readonly [string, ReadonlyArray<DevTransaction.DevTransaction>]> = [
  ["long data", Array.from({ length: 100 }, () => emit(1, 60_000))],
  ["the longest transaction", Array.from({ length: 4 }, () => emit(1, BlockBounds.maxTransactionBytes - 64))],
  ["many logs", Array.from({ length: 40 }, () => emit(BlockBounds.maxLogs / 8, 0, 4))],
  ["all logs in one", [emit(BlockBounds.maxLogs, 0), emit(BlockBounds.maxLogs, 64)]],
  ["many transactions", Array.from({ length: 1024 }, () => emit(1, 1000))]
]

const layer = DevChain.layer({ chainId: "901", genesisTime: 1000 }).pipe(
  Layer.provideMerge(Layer.fresh(Store.layerMemory))
)

describe("bounds of blocks", () => {
  for (const [kind, transactions] of kinds) {
    it.effect(`${kind}: what was accepted is made, shown, followed and read`, () =>
      Effect.gen(function* () {
        const devChain = yield* DevChain.DevChain
        const chain = yield* Chain.Chain
        for (const transaction of transactions) yield* devChain.submit(transaction)
        const rules = BlockVerifier.rules(devChain.committee)
        let left = transactions.length
        for (let number = 1; left > 0; number++) {
          yield* TestClock.adjust("1 second")
          const ref = Option.getOrThrow(yield* chain.block(number))
          const block = yield* chain.content(ref.hash)
          for (const { bytes } of Result.getOrThrow(subDagOf(block.body)).blocks) {
            const opened = Result.getOrThrow(BlockVerifier.open(bytes))
            assert.isUndefined(rules.content(opened))
          }
          const common = { hash: ref.parentHash, number: number - 1 }
          const page = Protocols.page.encode({
            common,
            blocks: [{ ref, body: block.body }],
            finalized: common
          })
          assert.isAtMost(page.length, Protocols.follow.maxResponseBytes)
          const receipts = JSON.stringify(Interop.methods.fetchReceipts.result.encode(block.receipts))
          assert.isAtMost(receipts.length, NodeManagedNodeClient.defaults.messageBytes / 2)
          left -= block.receipts.length
          assert.isBelow(number, 60)
        }
      }).pipe(Effect.provide(layer))
    )
  }

  it.effect("what no block could take is refused at the door", () =>
    Effect.gen(function* () {
      const { submit } = yield* DevChain.DevChain
      for (const transaction of [emit(1, BlockBounds.maxTransactionBytes), emit(BlockBounds.maxLogs + 1, 0)])
        assert.strictEqual((yield* Effect.flip(submit(transaction))).reason._tag, "Unsupported")
    }).pipe(Effect.provide(layer))
  )

  it("a page of the feed that a full block ends is one message", () => {
    // The last block may begin when all but one byte of the page is full, and bytes travel as two digits.
    const { pageBytes } = ChainFeed.defaults
    assert.isAtMost(2 * (pageBytes + 2 * BlockBounds.maxBlockBytes), Protocols.follow.maxResponseBytes)
  })
})
