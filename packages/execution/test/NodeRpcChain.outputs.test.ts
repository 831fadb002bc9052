import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { encodeReplacementTransaction, toHex } from "@ephor/types"
import * as EthRpc from "../src/EthRpc.ts"
import { startClient } from "./support/engine.ts"
import { type Call, type FakeClient, word } from "./support/fakeClient.ts"
import { caughtUp, following, mine, newStore, secret, steered, until } from "./support/rpcChain.ts"

/** `keccak256(rlp(""))`: what headers of before Isthmus have in the place of the root. */
const emptyRoot = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"

/** The client proves its newest blocks only, as op-reth and geth do; what it was asked to prove comes back. */
const proving = (client: FakeClient, window: number) => {
  const asked: Array<unknown> = []
  client.instead.set("eth_getProof", ({ params: [, , at] }: Call) => {
    asked.push(at.blockHash)
    const { number } = client.blocks.get(at.blockHash)!
    return client.latest.number - number > window
      ? { error: { code: -32_602, message: "distance to target block exceeds maximum proof window" } }
      : { result: { storageHash: at.blockHash } }
  })
  return asked
}

describe("NodeRpcChain outputs", () => {
  it.live("asks for a proof when somebody wants it, keeps it, and goes on behind the window of proofs", () =>
    Effect.gen(function* () {
      const { client, url } = yield* startClient({ secret })
      const asked = proving(client, 8)
      const store = yield* newStore
      mine(client, 3)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { chain } = yield* following(url, store, { messagePasserRoot: "proof" })
          const head = yield* caughtUp(client, chain)
          assert.deepStrictEqual(asked, [])
          const { stateRoot } = client.latest
          const output = { stateRoot, messagePasserStorageRoot: head.hash, blockHash: head.hash }
          assert.deepStrictEqual(yield* chain.output(head.hash), output)
          assert.deepStrictEqual(yield* chain.output(head.hash), output)
          assert.deepStrictEqual((yield* chain.content(head.hash)).output, output)
          assert.deepStrictEqual(asked, [head.hash])
        })
      )
      mine(client, 40)
      const { chain } = yield* following(url, store, { messagePasserRoot: "proof" })
      yield* caughtUp(client, chain)
      const third = client.at(3)!.hash
      assert.strictEqual((yield* chain.output(third)).messagePasserStorageRoot, third)
      assert.deepStrictEqual(asked, [third])
      const refused = yield* Effect.flip(chain.output(client.at(10)!.hash))
      assert.include(refused.message, "exceeds maximum proof window")
      assert.include(refused.message, "--execution-output-root withdrawalsRoot")
      assert.strictEqual(refused.method, "output")
    })
  )

  it.live("takes a header's root from Isthmus on, and a proof before", () =>
    Effect.gen(function* () {
      const { client, url } = yield* startClient({ secret })
      const asked = proving(client, 8)
      mine(client, 1)
      mine(client, 1, { withdrawalsRoot: emptyRoot })
      const { chain } = yield* following(url, yield* newStore)
      const head = yield* caughtUp(client, chain)
      const first = client.at(1)!
      assert.strictEqual((yield* chain.output(first.hash)).messagePasserStorageRoot, first.withdrawalsRoot)
      assert.deepStrictEqual(asked, [])
      assert.strictEqual((yield* chain.output(head.hash)).messagePasserStorageRoot, head.hash)
      assert.deepStrictEqual(asked, [head.hash])
    })
  )

  it.live("answers Ethereum tools with the root that it asked for", () =>
    Effect.gen(function* () {
      const { client, url } = yield* startClient({ secret })
      proving(client, 8)
      mine(client, 1)
      const { chain } = yield* following(url, yield* newStore, { messagePasserRoot: "proof" })
      const head = yield* caughtUp(client, chain)
      const options = { ...EthRpc.defaults, chainId: "901" }
      const block = (yield* EthRpc.call(chain, options, "eth_getBlockByNumber", ["latest", false])) as any
      assert.deepStrictEqual([block.hash, block.withdrawalsRoot], [head.hash, head.hash])
    })
  )

  it.live("starts from the lowest block that the client has, and from there again", () =>
    Effect.gen(function* () {
      const first = 105_235_063
      const { client, url } = yield* startClient({ secret, first })
      const store = yield* newStore
      mine(client, 6)
      const genesis = client.at(first)!.hash
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { chain } = yield* following(url, store)
          assert.strictEqual((yield* caughtUp(client, chain)).number, first + 6)
          assert.deepStrictEqual(chain.anchor.derived.hash, genesis)
          assert.isTrue(Option.isNone(yield* chain.block(first - 1)))
        })
      )
      mine(client, 2)
      const { chain } = yield* following(url, store)
      yield* until(chain.head("LocalUnsafe"), ({ number }) => number === first + 8)
      assert.strictEqual(chain.anchor.derived.hash, genesis)
      const wanted = yield* Effect.flip(following(url, yield* newStore, { anchor: 7 }))
      assert.include(wanted.message, `${url} has no block 7 to start from`)
      const chosen = yield* following(url, yield* newStore, { anchor: first + 2 })
      assert.strictEqual(chosen.chain.anchor.derived.number, first + 2)
    })
  )

  it.live("tells the output of a block that the client has replaced", () =>
    Effect.gen(function* () {
      const { chain, client } = yield* steered({}, { messagePasserRoot: "proof", pollIntervalMs: 60_000 }, 3)
      const asked = proving(client, 0)
      yield* caughtUp(client, chain)
      const { hash, parentHash, stateRoot } = client.at(2)!
      assert.include((yield* Effect.flip(chain.output(hash))).message, "exceeds maximum proof window")
      client.head = parentHash
      client.blocks.delete(hash)
      assert.include((yield* Effect.flip(chain.output(hash))).message, "it has dropped the block")
      const output = { stateRoot, messagePasserStorageRoot: word("57"), blockHash: hash }
      client.mine({ transactions: [toHex(encodeReplacementTransaction(output))] })
      assert.deepStrictEqual(yield* chain.output(hash), output)
      assert.strictEqual(asked.length, 1)
    })
  )
})
