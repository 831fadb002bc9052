import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Result, Schedule } from "effect"
import { createServer } from "node:http"
import * as Chain from "@ephor/chain/Chain"
import { subDagOf } from "@ephor/chain/DagBody"
import * as DevCompanion from "@ephor/devchain/DevCompanion"
import * as DevChain from "@ephor/devchain/DevChain"
import * as DevTransaction from "@ephor/devchain/DevTransaction"
import { committedTransactions } from "@ephor/devchain/DevExecution"
import { type BlockRef, decodeReplacementTransaction, fromHex } from "@ephor/types"
import { anvilOf } from "../src/anvil/Anvil.ts"
import { make as makeClient } from "../src/NodeEthRpcClient.ts"
import * as NodeRpcChain from "../src/NodeRpcChain.ts"
import * as Store from "@ephor/store/Store"
import { rpc, startAnvil } from "./support/anvil.ts"

const word = (byte: string) => `0x${byte.repeat(32)}` as const

const newStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), Context.get(Store.Store))

const following = Effect.fnUntraced(function* (
  url: string,
  store: Store.Service,
  options: Partial<NodeRpcChain.Options> & DevCompanion.Options = {}
) {
  const layer = DevCompanion.layer(options, NodeRpcChain.make({ url, pollIntervalMs: 20, ...options })).pipe(
    Layer.provide(Layer.succeed(Store.Store, store))
  )
  const services = yield* Layer.build(Layer.fresh(layer))
  return { chain: Context.get(services, Chain.Chain), devChain: Context.get(services, DevChain.DevChain) }
})

const latest = (url: string) => rpc(url, "eth_getBlockByNumber", "latest", false)

/** Waits until the chain's head is the client's latest block. */
const caughtUp = (url: string, chain: Chain.Service) =>
  Effect.gen(function* () {
    const block = yield* latest(url)
    const head = yield* chain.head("LocalUnsafe")
    return head.hash === block.hash ? head : yield* Effect.fail("behind")
  }).pipe(Effect.retry(Schedule.spaced(20).pipe(Schedule.upTo({ times: 500 }))))

const mine = (url: string, count = 1) =>
  Effect.forEach(Array.from({ length: count }), () => rpc(url, "evm_mine"), { discard: true })

describe("NodeRpcChain", () => {
  it.live("follows blocks with their receipts, each a commit of the committee", () =>
    Effect.gen(function* () {
      const { url } = yield* startAnvil("--no-mining")
      yield* mine(url, 3)
      const { chain, devChain } = yield* following(url, yield* newStore)
      yield* caughtUp(url, chain)
      const address = `0x${"aa".repeat(20)}` as const
      yield* devChain.submit(DevTransaction.emit(address, [word("01"), word("02")], "0x0304"))
      yield* devChain.submit(DevTransaction.emit(address, [], "0x"))
      yield* devChain.submit(
        DevTransaction.emit(address, ["01", "02", "03", "04"].map(word), `0x${"05".repeat(100)}`)
      )
      yield* mine(url)
      const head = yield* caughtUp(url, chain)
      assert.strictEqual(head.number, 4)
      const { output, receipts } = yield* chain.content(head.hash)
      const logs = receipts.flatMap(({ logs }) => logs)
      assert.deepStrictEqual(
        logs.map(({ address, data, logIndex, topics }) => ({ address, data, logIndex, topics })),
        [
          { address, data: "0x0304", logIndex: 0, topics: [word("01"), word("02")] },
          { address, data: "0x", logIndex: 1, topics: [] },
          { address, data: `0x${"05".repeat(100)}`, logIndex: 2, topics: ["01", "02", "03", "04"].map(word) }
        ]
      )
      const block = yield* latest(url)
      assert.deepStrictEqual([output.stateRoot, output.blockHash], [block.stateRoot, block.hash])
      let previous: string = word("00")
      for (let number = 1; number <= 4; number++) {
        const { hash } = Option.getOrThrow(yield* chain.block(number))
        const subDag = Result.getOrThrow(subDagOf((yield* chain.content(hash)).body))
        assert.deepStrictEqual([subDag.commit.index, subDag.commit.previousDigest], [number, previous])
        const [only] = committedTransactions(subDag)
        assert.deepStrictEqual(only?.transaction, { _tag: "ExecutionBlock", value: { number, hash } })
        previous = subDag.digest
      }
    })
  )

  it.live("goes where the client goes when it drops blocks, and on after a restart", () =>
    Effect.gen(function* () {
      const { url } = yield* startAnvil("--no-mining")
      const store = yield* newStore
      yield* mine(url, 5)
      const dropped = yield* Effect.scoped(
        Effect.gen(function* () {
          const { chain } = yield* following(url, store)
          const head = yield* caughtUp(url, chain)
          yield* rpc(url, "anvil_rollback", 3)
          const back = yield* caughtUp(url, chain)
          assert.strictEqual(back.number, 2)
          yield* rpc(url, "evm_increaseTime", 100)
          yield* mine(url, 3)
          const other = yield* caughtUp(url, chain)
          assert.strictEqual(other.number, 5)
          assert.notStrictEqual(other.hash, head.hash)
          return head
        })
      )
      yield* rpc(url, "anvil_rollback", 1)
      yield* mine(url, 2)
      const { chain } = yield* following(url, store)
      assert.strictEqual((yield* caughtUp(url, chain)).number, 6)
      assert.notStrictEqual(Option.getOrThrow(yield* chain.block(5)).hash, dropped.hash)
    })
  )

  it.live("makes an anvil go back on blacklist and revert", () =>
    Effect.gen(function* () {
      const { url } = yield* startAnvil("--no-mining")
      const { chain } = yield* following(url, yield* newStore)
      yield* mine(url, 6)
      const head = yield* caughtUp(url, chain)
      yield* chain.blacklist(head.hash, "a test")
      assert.strictEqual((yield* latest(url)).number, "0x5")
      const heads = Chain.headIds(yield* chain.heads)
      const { hash } = Option.getOrThrow(yield* chain.block(3))
      yield* chain.revert({ ...heads, localUnsafe: { hash, number: 3 } }, "a test", { commanded: true })
      assert.strictEqual((yield* latest(url)).number, "0x3")
      yield* rpc(url, "evm_increaseTime", 50)
      yield* mine(url, 4)
      assert.strictEqual((yield* caughtUp(url, chain)).number, 7)
    })
  )

  it.live("has an anvil build the replacement of an invalid block", () =>
    Effect.gen(function* () {
      const { url } = yield* startAnvil("--no-mining")
      const { chain, devChain } = yield* following(url, yield* newStore)
      yield* mine(url, 2)
      yield* caughtUp(url, chain)
      yield* devChain.submit(DevTransaction.emit(`0x${"aa".repeat(20)}`, [word("01")]))
      yield* mine(url)
      const invalid = yield* chain.content((yield* caughtUp(url, chain)).hash)
      assert.strictEqual(invalid.receipts.flatMap(({ logs }) => logs).length, 1)
      const output = yield* chain.output(invalid.ref.hash)
      assert.strictEqual(output.stateRoot, invalid.output.stateRoot)
      yield* mine(url, 2)
      yield* caughtUp(url, chain)
      const { invalidated, replacement } = yield* chain.invalidate(invalid.ref.hash)
      const block = yield* latest(url)
      assert.deepStrictEqual([invalidated, replacement.hash], [invalid.ref.hash, block.hash])
      const content = yield* chain.content(replacement.hash)
      assert.deepStrictEqual(content.pending, output)
      assert.deepStrictEqual(
        [content.ref.number, content.ref.timestamp, content.ref.parentHash],
        [invalid.ref.number, invalid.ref.timestamp, invalid.ref.parentHash]
      )
      assert.strictEqual(content.receipts.flatMap(({ logs }) => logs).length, 0)
      const deposit = committedTransactions(Result.getOrThrow(subDagOf(content.body))).find(
        ({ transaction }) => transaction._tag === "SystemDeposit"
      )?.transaction
      assert.isTrue(deposit?._tag === "SystemDeposit")
      if (deposit?._tag === "SystemDeposit") {
        assert.deepStrictEqual(
          Result.getOrThrow(decodeReplacementTransaction(fromHex(deposit.value))),
          output
        )
      }
      yield* mine(url, 2)
      assert.strictEqual((yield* caughtUp(url, chain)).number, invalid.ref.number + 2)
    })
  )

  it.live("recognises the replacement that it had built before it was killed", () =>
    Effect.gen(function* () {
      const { url } = yield* startAnvil("--no-mining")
      const store = yield* newStore
      yield* mine(url, 4)
      const { heads, invalid } = yield* Effect.scoped(
        Effect.gen(function* () {
          const { chain } = yield* following(url, store)
          yield* caughtUp(url, chain)
          const invalid = yield* chain.content(Option.getOrThrow(yield* chain.block(3)).hash)
          return { heads: yield* chain.heads, invalid }
        })
      )
      const client = yield* makeClient({ url, requestTimeoutMs: 5000, answerLimitBytes: 1_000_000 })
      const anvil = (yield* anvilOf(client))!
      const output = { ...invalid.output, messagePasserStorageRoot: word("56") }
      const built = yield* anvil.replace({ ...invalid, output }, heads)
      yield* mine(url, 2)
      const { chain } = yield* following(url, store)
      const head = yield* caughtUp(url, chain)
      assert.strictEqual(head.number, 5)
      const replacement = yield* chain.content(built.hash)
      assert.deepStrictEqual([replacement.ref.number, replacement.pending], [3, output])
      assert.isTrue(yield* chain.isInvalidated(invalid.ref.hash))
      assert.deepStrictEqual((yield* chain.invalidate(invalid.ref.hash)).replacement.hash, built.hash)
    })
  )

  it.live("stays where it is when the client drops what is final", () =>
    Effect.gen(function* () {
      const { url } = yield* startAnvil("--no-mining")
      const { chain } = yield* following(url, yield* newStore)
      yield* mine(url, 4)
      const head = yield* caughtUp(url, chain)
      yield* Effect.forEach(["CrossUnsafe", "LocalSafe", "CrossSafe", "Finalized"] as const, (level) =>
        chain.promote(level, head.hash)
      )
      yield* rpc(url, "anvil_rollback", 2)
      yield* rpc(url, "evm_increaseTime", 9)
      yield* mine(url, 4)
      yield* Effect.sleep(200)
      assert.strictEqual((yield* chain.head("LocalUnsafe")).hash, head.hash)
    })
  )

  it.live("asks for inherents and replaces blocks while the client mines by itself", () =>
    Effect.gen(function* () {
      const { url } = yield* startAnvil("--block-time", "1")
      const { chain, devChain } = yield* following(url, yield* newStore)
      const asked: Array<number> = []
      const provider = (parent: BlockRef) =>
        Effect.sync(() => {
          asked.push(parent.number)
          return null
        })
      for (const author of [0, 1, 2, 3]) yield* devChain.provideInherents(author, provider)
      const reached = (number: number) =>
        Effect.retry(
          Effect.filterOrFail(
            chain.head("LocalUnsafe"),
            (head) => head.number >= number,
            () => "not there yet"
          ),
          Schedule.spaced(20).pipe(Schedule.upTo({ times: 500 }))
        )
      const invalid = yield* reached(2)
      const { replacement } = yield* chain.invalidate(invalid.hash)
      assert.strictEqual(replacement.number, invalid.number)
      yield* reached(invalid.number + 2)
      assert.strictEqual(Option.getOrThrow(yield* chain.block(invalid.number)).hash, replacement.hash)
      assert.includeMembers(asked, [invalid.number, invalid.number + 1])
    })
  )

  it.live("waits for a client that comes later, and says when an answer is too large", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const { url } = yield* startAnvil("--no-mining")
      const small = yield* Effect.flip(following(url, store, { answerLimitBytes: 100 }))
      assert.include(small.message, "it answered eth_getBlockByNumber with more than 100 bytes")
      const port = new URL(url).port
      const gone = yield* Effect.scoped(startAnvil("--no-mining"))
      const late = yield* Effect.forkScoped(following(gone.url, store), { startImmediately: true })
      assert.notStrictEqual(new URL(gone.url).port, port)
      yield* startAnvil("--no-mining", "--port", new URL(gone.url).port)
      const { chain } = yield* Fiber.join(late)
      assert.strictEqual((yield* chain.head("LocalUnsafe")).number, 0)
    })
  )

  it.live("derives by the L1 blocks that it is provided with", () =>
    Effect.gen(function* () {
      const { url } = yield* startAnvil("--no-mining")
      const l1 = (number: number, timestamp: number) => ({
        hash: word(`0${number}`),
        number,
        parentHash: word(`0${number - 1}`),
        timestamp
      })
      const { chain } = yield* following(url, yield* newStore, {
        l1Genesis: l1(1, 1),
        derivationDelayBlocks: 2
      })
      yield* mine(url, 6)
      const head = yield* caughtUp(url, chain)
      yield* chain.provide(l1(2, head.timestamp))
      yield* Effect.retry(
        Effect.flatMap(chain.head("LocalSafe"), ({ number }) =>
          number === 4 ? Effect.void : Effect.fail(number)
        ),
        Schedule.spaced(20).pipe(Schedule.upTo({ times: 200 }))
      )
      yield* mine(url, 1)
      const next = Option.getOrThrow(yield* chain.block((yield* caughtUp(url, chain)).hash))
      assert.strictEqual(next.l1origin.number, 2)
    })
  )

  it.live("says what is wrong with the address", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const { url } = yield* startAnvil("--no-mining")
      const wrongChain = yield* Effect.flip(following(url, store, { chainId: "901" }))
      assert.strictEqual(
        wrongChain.message,
        `connect: ${url} is a client of chain 31337, not of 901: check the address`
      )
      const web = yield* Effect.acquireRelease(
        Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
          const server = createServer((_, response) => response.end("<html>hello</html>"))
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            const port = typeof address === "object" && address !== null ? address.port : 0
            resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close: () => void server.close() }))
          })
        }),
        ({ close }) => Effect.sync(close)
      )
      const noClient = yield* Effect.flip(following(web.url, store))
      assert.include(
        noClient.message,
        `${web.url} is not a JSON-RPC address that serves eth_chainId: it answered eth_chainId`
      )
      const nobody = yield* Effect.flip(following("http://127.0.0.1:9", store, { connectTimeoutMs: 100 }))
      assert.include(nobody.message, "http://127.0.0.1:9 did not answer eth_chainId")
    })
  )
})
