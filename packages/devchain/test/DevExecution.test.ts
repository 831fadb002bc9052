import * as DevAuthors from "../src/DevAuthors.ts"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type Address, messagePasser, outputRoot } from "@ephor/types"
import type { ChainBlock } from "@ephor/chain/Chain"
import * as Committee from "@ephor/chain/Committee"
import { subDagOf } from "@ephor/chain/DagBody"
import * as DevExecution from "../src/DevExecution.ts"
import * as DevTransaction from "../src/DevTransaction.ts"

const authors = DevAuthors.developmentAuthors("test", 4)
const committee = Committee.committeeOf(authors)
const genesis = DevExecution.genesis({ chainId: "901", timestamp: 1000 })
const word = (byte: string) => `0x${byte.repeat(32)}` as const
const someone: Address = `0x${"aa".repeat(20)}`

/** The next block of a branch, with the transactions of some authors. */
const next = (
  state: Committee.State,
  parent: ChainBlock,
  transactions: ReadonlyArray<readonly [author: number, DevTransaction.DevTransaction]>,
  timestamp = parent.ref.timestamp + 1
) => {
  const byAuthor = new Map<number, ReadonlyArray<Uint8Array>>()
  for (const [author, transaction] of transactions) {
    byAuthor.set(author, [...(byAuthor.get(author) ?? []), DevTransaction.encode(transaction)])
  }
  const made = Committee.nextRound(state, authors, { timestampMs: 0, transactions: byAuthor, votes: [] })
  const tip = parent.body.length === 0 ? undefined : Result.getOrThrow(subDagOf(parent.body))
  const { body } = Committee.commitUpon(made, tip, parent.ref.number + 1)
  const subDag = Result.getOrThrow(subDagOf(body))
  return {
    state: made,
    block: DevExecution.execute({ parent, timestamp, l1origin: undefined }, subDag, body),
    subDag
  }
}

const inherent = (parent: ChainBlock): DevTransaction.DevTransaction => ({
  _tag: "Inherent",
  value: { bitfields: [], backedCandidates: [], disputes: [], parentHeader: DevExecution.relayHeader(parent) }
})

describe("DevExecution", () => {
  it("numbers logs over the whole block, without gaps", () => {
    const first = DevTransaction.emit(someone, [word("01"), word("02")], "0x0102")
    const two: DevTransaction.DevTransaction = {
      _tag: "Emit",
      value: {
        logs: [
          { address: someone, topics: [], data: "0x" },
          { address: someone, topics: [word("03")], data: "0x" }
        ]
      }
    }
    const { block } = next(Committee.initial(committee), genesis, [
      [1, inherent(genesis)],
      [1, first],
      [1, two]
    ])
    assert.deepStrictEqual(
      block.receipts.map(({ type }) => type),
      [0x7e, 2, 2]
    )
    const logs = block.receipts.flatMap(({ logs }) => logs)
    assert.deepStrictEqual(
      logs.map(({ logIndex }) => logIndex),
      [0, 1, 2]
    )
    assert.deepStrictEqual(
      logs.map(({ transactionIndex }) => transactionIndex),
      [1, 2, 2]
    )
    assert.isTrue(logs.every(({ blockHash }) => blockHash === block.ref.hash))
    const gas = block.receipts.map(({ gasUsed }) => gasUsed)
    assert.deepStrictEqual(gas, [21_000, 21_000 + 3 * 375 + 16, 21_000 + 3 * 375])
    assert.strictEqual(block.receipts[2]!.cumulativeGasUsed, gas[0]! + gas[1]! + gas[2]!)
  })

  it("is a function of parent, position and committed bytes", () => {
    const one = next(Committee.initial(committee), genesis, []).block
    assert.deepStrictEqual(next(Committee.initial(committee), genesis, []).block, one)
    const different = [
      next(Committee.initial(committee), genesis, [], 1002).block,
      next(Committee.initial(committee), genesis, [[1, DevTransaction.emit(someone, [])]]).block,
      next(Committee.initial(committee), DevExecution.genesis({ chainId: "902", timestamp: 1000 }), []).block
    ]
    assert.strictEqual(new Set([one, ...different].map(({ ref }) => ref.hash)).size, 4)
  })

  it("executes what other authors carried one block later, and keeps equal calls apart", () => {
    const call = DevTransaction.emit(someone, [])
    const one = next(Committee.initial(committee), genesis, [
      [0, call],
      [1, call],
      [1, call]
    ])
    const two = next(one.state, one.block, [])
    const names = [...one.block.receipts, ...two.block.receipts].map(({ transactionHash }) => transactionHash)
    assert.deepStrictEqual([one.block.receipts.length, two.block.receipts.length], [2, 1])
    assert.strictEqual(new Set(names).size, 3)
  })

  it("moves the storage root by withdrawals only", () => {
    const plain = next(Committee.initial(committee), genesis, [[1, DevTransaction.emit(someone, [])]]).block
    const withdrawal = DevTransaction.emit(messagePasser, [word("01")])
    const moved = next(Committee.initial(committee), genesis, [[1, withdrawal]]).block
    assert.strictEqual(plain.output.messagePasserStorageRoot, genesis.output.messagePasserStorageRoot)
    assert.notStrictEqual(moved.output.messagePasserStorageRoot, genesis.output.messagePasserStorageRoot)
  })

  it("ignores inherents of other authors: they speak about another parent", () => {
    const one = next(Committee.initial(committee), genesis, [[0, inherent(genesis)]])
    assert.strictEqual(next(one.state, one.block, []).block.receipts.length, 0)
  })

  it("takes nobody's deposit for a replacement but the leader's", () => {
    const call = DevTransaction.emit(someone, [])
    const one = next(Committee.initial(committee), genesis, [
      [0, DevExecution.systemDeposit(genesis.output)],
      [0, call]
    ])
    const two = next(one.state, one.block, [[2, call]])
    assert.deepStrictEqual(
      [one.block, two.block].map(({ pending, receipts }) => [pending, receipts.map(({ type }) => type)]),
      [
        [undefined, []],
        [undefined, [2, 2]]
      ]
    )
  })

  it("passes over bytes that are no transaction", () => {
    const made = Committee.nextRound(Committee.initial(committee), authors, {
      timestampMs: 0,
      transactions: new Map([[1, [Uint8Array.of(9, 9), new Uint8Array(0)]]]),
      votes: []
    })
    const { body } = Committee.commitUpon(made, undefined, 1)
    const subDag = Result.getOrThrow(subDagOf(body))
    assert.deepStrictEqual(DevExecution.committedTransactions(subDag), [])
  })

  it("executes nothing but deposits in a replacement, which knows what it replaced", () => {
    const call = DevTransaction.emit(someone, [])
    const bad = next(Committee.initial(committee), genesis, [
      [1, inherent(genesis)],
      [1, call]
    ])
    const good = next(
      bad.state,
      genesis,
      [
        [2, inherent(genesis)],
        [2, DevExecution.systemDeposit(bad.block.output)]
      ],
      bad.block.ref.timestamp
    )
    assert.deepStrictEqual(
      good.block.receipts.map(({ type }) => type),
      [0x7e, 0x7e]
    )
    assert.deepStrictEqual(good.block.pending, bad.block.output)
    assert.isUndefined(bad.block.pending)
    assert.notStrictEqual(outputRoot(good.block.output), outputRoot(bad.block.output))
    assert.deepStrictEqual(
      [good.block.ref.number, good.block.ref.timestamp, good.block.ref.parentHash],
      [bad.block.ref.number, bad.block.ref.timestamp, bad.block.ref.parentHash]
    )
    const after = next(good.state, good.block, [])
    assert.deepStrictEqual([after.block.receipts.length, after.block.pending], [0, undefined])
  })

  it("counts blocks of one L1 origin", () => {
    const origin = { hash: word("10"), number: 7 }
    const start = DevExecution.genesis({ chainId: "901", timestamp: 1000, l1origin: origin })
    const made = Committee.nextRound(Committee.initial(committee), authors, {
      timestampMs: 0,
      transactions: new Map(),
      votes: []
    })
    const { body } = Committee.commitUpon(made, undefined, 1)
    const subDag = Result.getOrThrow(subDagOf(body))
    const at = (l1origin: typeof origin) =>
      DevExecution.execute({ parent: start, timestamp: 1001, l1origin }, subDag, body).ref
    assert.strictEqual(at(origin).sequenceNumber, 1)
    assert.strictEqual(at({ hash: word("11"), number: 8 }).sequenceNumber, 0)
    assert.deepStrictEqual(genesis.ref.l1origin, { hash: genesis.ref.hash, number: 0 })
  })
})
