import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import * as Chain from "@ephor/chain/Chain"
import * as DevChain from "@ephor/devchain/DevChain"
import * as DevTransaction from "@ephor/devchain/DevTransaction"
import * as EthRpc from "../src/EthRpc.ts"
import * as NodeEthRpcServer from "../src/NodeEthRpcServer.ts"
import * as Store from "@ephor/store/Store"

const L1 = DevChain.layerL1({
  chainId: "900",
  genesisTime: 1_700_000_000,
  blockTimeMs: 1000,
  finalityDepth: 2
}).pipe(Layer.provide(Layer.fresh(Store.layerMemory)))
const Served = NodeEthRpcServer.layer({ chainId: "900", bodyLimitBytes: 4096, batchLimit: 3 }).pipe(
  Layer.provideMerge(L1)
)

/** A chain of five blocks, one log in the fifth, served on loopback; `post` sends text and reads JSON. */
const serving = Effect.gen(function* () {
  const services = yield* Layer.build(Layer.fresh(Served))
  const chain = Context.get(services, Chain.Chain)
  yield* TestClock.adjust("4 seconds")
  yield* Context.get(services, DevChain.DevChain).submit(
    DevTransaction.emit(`0x${"aa".repeat(20)}`, [`0x${"01".repeat(32)}`], "0x0203")
  )
  yield* TestClock.adjust("1 second")
  yield* Effect.yieldNow
  const { url } = Context.get(services, NodeEthRpcServer.NodeEthRpcServer)
  const send = (body: string) =>
    Effect.promise(async () => {
      const response = await fetch(url, {
        method: "POST",
        body,
        headers: { "content-type": "application/json" }
      })
      return { status: response.status, text: await response.text() }
    })
  const post = (body: string) => Effect.map(send(body), ({ text }) => JSON.parse(text))
  const call = (method: string, ...params: ReadonlyArray<unknown>) =>
    post(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }))
  return { call, chain, post, send }
})

describe("NodeEthRpcServer", () => {
  it.effect("answers what a follower of L1 asks", () =>
    Effect.gen(function* () {
      const { call, chain } = yield* serving
      const head = yield* chain.head("LocalUnsafe")
      assert.deepStrictEqual(yield* call("eth_chainId"), { jsonrpc: "2.0", id: 1, result: "0x384" })
      assert.strictEqual((yield* call("eth_blockNumber")).result, "0x5")
      const { result: latest } = yield* call("eth_getBlockByNumber", "latest", false)
      assert.deepStrictEqual(
        [latest.hash, latest.number, latest.parentHash, latest.timestamp],
        [head.hash, "0x5", head.parentHash, `0x${head.timestamp.toString(16)}`]
      )
      assert.strictEqual(latest.logsBloom.length, 2 + 512)
      assert.strictEqual(latest.transactions.length, 1)
      assert.deepStrictEqual((yield* call("eth_getBlockByHash", head.hash, false)).result, latest)
      assert.deepStrictEqual((yield* call("eth_getBlockByNumber", "0x5", false)).result, latest)
      assert.strictEqual((yield* call("eth_getBlockByNumber", "finalized", false)).result.number, "0x3")
      assert.strictEqual((yield* call("eth_getBlockByNumber", "safe", false)).result.number, "0x3")
      assert.strictEqual((yield* call("eth_getBlockByNumber", "earliest", false)).result.number, "0x0")
    }).pipe(Effect.scoped)
  )

  it.effect("answers history that is not kept as such, and begins with what is kept", () =>
    Effect.gen(function* () {
      const L1 = DevChain.layerL1({
        chainId: "900",
        genesisTime: 1_700_000_000,
        finalityDepth: 2,
        chainLimits: { historyBlocks: 4, pruneBatchBlocks: 2, retainedBlocks: 4 }
      }).pipe(Layer.provide(Layer.fresh(Store.layerMemory)))
      const services = yield* Layer.build(Layer.fresh(L1))
      const chain = Context.get(services, Chain.Chain)
      const hashes: Array<string> = []
      for (let number = 1; number <= 20; number++) {
        while ((yield* chain.head("LocalUnsafe")).number < number) yield* TestClock.adjust("1 second")
        hashes[number] = Option.getOrThrow(yield* chain.block(number)).hash
      }
      while ((yield* chain.history) < 13) yield* Effect.yieldNow
      const call = (method: string, ...params: ReadonlyArray<unknown>) =>
        EthRpc.answer(
          chain,
          { ...EthRpc.defaults, chainId: "900" },
          JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
        ).pipe(Effect.map((text) => JSON.parse(text!)))
      for (const [method, ...params] of [
        ["eth_getBlockByNumber", "0xc", false],
        ["eth_getBlockByHash", hashes[12], false],
        ["eth_getBlockReceipts", "0xc"],
        ["eth_getBlockReceipts", hashes[12]]
      ] as const) {
        const { error } = yield* call(method, ...params)
        assert.strictEqual(error?.code, 4444, method)
        assert.match(error.message, /^pruned history unavailable: /)
      }
      assert.strictEqual((yield* call("eth_getBlockByNumber", "earliest", false)).result.number, "0xd")
      assert.strictEqual((yield* call("eth_getBlockByNumber", "0xd", false)).result.hash, hashes[13])
      assert.strictEqual((yield* call("eth_getBlockByNumber", "0x0", false)).result.number, "0x0")
      assert.isNull((yield* call("eth_getBlockByNumber", "0x63", false)).result)
      assert.isNull((yield* call("eth_getTransactionReceipt", `0x${"99".repeat(32)}`)).result)
    }).pipe(Effect.scoped)
  )

  it.effect("prints receipts as go-ethereum does", () =>
    Effect.gen(function* () {
      const { call, chain } = yield* serving
      const head = yield* chain.head("LocalUnsafe")
      const { result: receipts } = yield* call("eth_getBlockReceipts", "0x5")
      const hash = receipts[0].transactionHash
      assert.deepStrictEqual(receipts[0], {
        type: "0x2",
        status: "0x1",
        cumulativeGasUsed: "0x5506",
        gasUsed: "0x5506",
        logsBloom: receipts[0].logsBloom,
        logs: [
          {
            address: `0x${"aa".repeat(20)}`,
            topics: [`0x${"01".repeat(32)}`],
            data: "0x0203",
            blockNumber: "0x5",
            blockHash: head.hash,
            blockTimestamp: `0x${head.timestamp.toString(16)}`,
            transactionHash: hash,
            transactionIndex: "0x0",
            logIndex: "0x0",
            removed: false
          }
        ],
        transactionHash: hash,
        contractAddress: null,
        effectiveGasPrice: "0x1",
        blockHash: head.hash,
        blockNumber: "0x5",
        transactionIndex: "0x0"
      })
      assert.deepStrictEqual((yield* call("eth_getBlockReceipts", head.hash)).result, receipts)
      assert.deepStrictEqual((yield* call("eth_getTransactionReceipt", hash)).result, receipts[0])
    }).pipe(Effect.scoped)
  )

  it.effect("has null for what is not there, and errors for what makes no sense", () =>
    Effect.gen(function* () {
      const { call, post, send } = yield* serving
      const nowhere = `0x${"99".repeat(32)}`
      assert.isNull((yield* call("eth_getBlockByNumber", "0x63", false)).result)
      assert.isNull((yield* call("eth_getBlockByHash", nowhere, false)).result)
      assert.isNull((yield* call("eth_getBlockReceipts", nowhere)).result)
      assert.isNull((yield* call("eth_getTransactionReceipt", nowhere)).result)
      const code = (answer: { readonly error: { readonly code: number } }) => answer.error.code
      assert.strictEqual(code(yield* call("eth_getBlockByNumber", "5", false)), -32602)
      assert.strictEqual(code(yield* call("eth_getBlockByHash")), -32602)
      assert.strictEqual(code(yield* call("eth_getBlockByNumber", "latest", true)), -32602)
      assert.strictEqual(code(yield* call("eth_sendRawTransaction", "0x")), -32601)
      assert.strictEqual(code(yield* post("{")), -32700)
      assert.strictEqual(code(yield* post("{}")), -32600)
      assert.strictEqual(code(yield* post("[]")), -32600)
      assert.strictEqual((yield* send("x".repeat(5000))).status, 413)
    }).pipe(Effect.scoped)
  )

  it.effect("answers batches up to the limit, each call on its own", () =>
    Effect.gen(function* () {
      const { post } = yield* serving
      const one = (id: number, method: string) => ({ jsonrpc: "2.0", id, method, params: [] })
      const answers = yield* post(JSON.stringify([one(7, "eth_blockNumber"), one(8, "nonsense")]))
      assert.deepStrictEqual(
        answers.map((answer: { id: number; result?: string }) => [answer.id, answer.result]),
        [
          [7, "0x5"],
          [8, undefined]
        ]
      )
      const many = yield* post(
        JSON.stringify(Array.from({ length: 4 }, (_, id) => one(id, "eth_blockNumber")))
      )
      assert.deepStrictEqual(many, [
        { jsonrpc: "2.0", id: 0, error: { code: -32600, message: "batch too large" } }
      ])
    }).pipe(Effect.scoped)
  )
})
