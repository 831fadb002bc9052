import { type BlockReplacement, type Hash, keccak256, fromHex } from "@ephor/types"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted, Stream } from "effect"
import { inspect } from "node:util"
import * as Chain from "@ephor/chain/Chain"
import type { ChainError } from "@ephor/chain/ChainError"
import * as DevTransaction from "@ephor/devchain/DevTransaction"
import { enginePowers } from "../src/engine/EnginePowers.ts"
import { engineCall } from "../src/engine/Token.ts"
import { loweredTo } from "../src/following/Blocks.ts"
import { make as makeClient } from "../src/NodeEthRpcClient.ts"
import * as NodeRpcChain from "../src/NodeRpcChain.ts"
import { startClient } from "./support/engine.ts"
import { type Answer, type FakeBlock, type FakeClient, word } from "./support/fakeClient.ts"
import { caughtUp, following, mine, mixed, newStore, secret, steered } from "./support/rpcChain.ts"

const promoteTo = (chain: Chain.Service, safe: Hash, finalized: Hash) =>
  Effect.gen(function* () {
    for (const level of ["CrossUnsafe", "LocalSafe", "CrossSafe"] as const) yield* chain.promote(level, safe)
    yield* chain.promote("Finalized", finalized)
  })

const called = (client: FakeClient) =>
  client.calls.map(({ method }) => method).filter((method) => method !== "eth_chainId")

const forkchoices = (client: FakeClient) =>
  client.calls.flatMap(({ method, params }) => (method === "engine_forkchoiceUpdatedV3" ? [params] : []))

/** The optimistic-block system deposit, spelled out: see the fields of the transaction in the protocol. */
const deposit = ({ hash, stateRoot, withdrawalsRoot }: FakeBlock) => {
  const preimage = [word("0"), stateRoot, withdrawalsRoot, hash].map((part) => part.slice(2)).join("")
  const outputRoot = keccak256(fromHex(`0x${preimage}`))
  const sourceHash = keccak256(fromHex(`0x${"4".padStart(64, "0")}${outputRoot.slice(2)}`))
  return [
    "0x7ef8d3",
    `a0${sourceHash.slice(2)}`,
    "94deaddeaddeaddeaddeaddeaddeaddeaddead0002",
    `94${"00".repeat(20)}`,
    "80", // mint
    "80", // value
    "828ca0", // gas
    "80", // no system transaction
    `b880${preimage}`
  ].join("")
}

const deposits = ["0x7ef85301", "0x7ef85302", "0x7e"]

/** Mines three blocks of which the second, once it is known to the chain, is to be replaced. */
const withInvalid = Effect.fnUntraced(function* (
  client: FakeClient,
  chain: Chain.Service,
  given: Parameters<FakeClient["mine"]>[0] = {}
) {
  client.mine()
  const invalid = client.mine({ transactions: mixed, ...given })
  client.mine()
  yield* caughtUp(client, chain)
  return invalid
})

const checkReplaced = Effect.fnUntraced(function* (
  client: FakeClient,
  chain: Chain.Service,
  invalid: FakeBlock,
  { invalidated, replacement }: BlockReplacement
) {
  assert.strictEqual(invalidated, invalid.hash)
  assert.strictEqual(client.latest.hash, replacement.hash)
  assert.deepStrictEqual(client.latest.transactions, [...deposits, deposit(invalid)])
  assert.strictEqual(client.safe, replacement.hash)
  const { pending, receipts, ref } = yield* chain.content(replacement.hash)
  assert.deepStrictEqual(
    [ref.number, ref.parentHash, ref.timestamp],
    [invalid.number, invalid.parentHash, Number(invalid.timestamp)]
  )
  assert.strictEqual(pending?.blockHash, invalid.hash)
  assert.strictEqual(receipts.length, deposits.length + 1)
  mine(client, 2)
  assert.strictEqual((yield* caughtUp(client, chain)).number, invalid.number + 2)
})

describe("NodeRpcChain with an engine", () => {
  it.live("has the client build the replacement of an invalid block from its deposits", () =>
    Effect.gen(function* () {
      const { chain, client } = yield* steered()
      const invalid = yield* withInvalid(client, chain, {
        extraData: "0x01000000fb000000070000000000030d40",
        gasLimit: "0x3938701",
        miner: "0x4200000000000000000000000000000000000099",
        mixHash: word("ab"),
        parentBeaconBlockRoot: word("cd"),
        timestamp: "0x6553f10a"
      })
      const first = client.at(1)!
      const genesis = client.at(0)!
      const replaced = yield* chain.invalidate(invalid.hash)
      const commands = called(client).filter((method) => method !== "engine_getPayloadBodiesByHashV1")
      assert.deepStrictEqual(commands, [
        "engine_forkchoiceUpdatedV3",
        "engine_getPayloadV4",
        "engine_newPayloadV4",
        "engine_forkchoiceUpdatedV3",
        "engine_forkchoiceUpdatedV3"
      ])
      const below = { safeBlockHash: genesis.hash, finalizedBlockHash: genesis.hash }
      const { hash } = replaced.replacement
      assert.deepStrictEqual(forkchoices(client), [
        [
          { headBlockHash: first.hash, ...below },
          {
            timestamp: "0x6553f10a",
            prevRandao: word("ab"),
            suggestedFeeRecipient: "0x4200000000000000000000000000000000000099",
            withdrawals: [],
            parentBeaconBlockRoot: word("cd"),
            transactions: [...deposits, deposit(invalid)],
            noTxPool: true,
            gasLimit: "0x3938701",
            eip1559Params: "0x000000fb00000007",
            minBaseFee: 200_000
          }
        ],
        [{ headBlockHash: hash, ...below }, null],
        [{ headBlockHash: hash, safeBlockHash: hash, finalizedBlockHash: genesis.hash }, null]
      ])
      yield* checkReplaced(client, chain, invalid, replaced)
    })
  )

  it.live("replaces blocks of older forks, by the methods that know them", () =>
    Effect.gen(function* () {
      const { chain, client } = yield* steered({ fork: "ecotone" })
      const invalid = yield* withInvalid(client, chain, { extraData: "0x00000000fc00000008" })
      yield* checkReplaced(client, chain, invalid, yield* chain.invalidate(invalid.hash))
      const [attributes] = forkchoices(client).flatMap(([, attributes]) => attributes ?? [])
      assert.strictEqual(attributes.eip1559Params, "0x000000fc00000008")
      assert.notProperty(attributes, "minBaseFee")
      assert.includeMembers(called(client), ["engine_getPayloadV3", "engine_newPayloadV3"])
      const unknown: Answer = { error: { code: -32_601, message: "the method does not exist" } }
      client.instead.set("engine_getPayloadV4", () => unknown).set("engine_newPayloadV4", () => unknown)
      const next = yield* withInvalid(client, chain)
      yield* checkReplaced(client, chain, next, yield* chain.invalidate(next.hash))
    })
  )

  it.live("lowers the heads that are above the parent while the replacement is built", () =>
    Effect.gen(function* () {
      const { chain, client } = yield* steered()
      const invalid = yield* withInvalid(client, chain)
      const first = client.at(1)!
      yield* promoteTo(chain, invalid.hash, first.hash)
      yield* checkReplaced(client, chain, invalid, yield* chain.invalidate(invalid.hash))
      const [[parent]] = forkchoices(client) as [[unknown]]
      const { hash } = first
      assert.deepStrictEqual(parent, { headBlockHash: hash, safeBlockHash: hash, finalizedBlockHash: hash })
    })
  )

  it.live("tells the client its heads when the chain goes back, and when it comes back", () =>
    Effect.gen(function* () {
      const { chain, client } = yield* steered()
      const [, b1, b2, , b4, b5, b6] = [client.latest, ...mine(client, 6)] as ReadonlyArray<FakeBlock>
      yield* caughtUp(client, chain)
      yield* promoteTo(chain, b2!.hash, b1!.hash)
      const heads = Chain.headIds(yield* chain.heads)
      const state = (head: FakeBlock) => ({
        headBlockHash: head.hash,
        safeBlockHash: b2!.hash,
        finalizedBlockHash: b1!.hash
      })
      const localUnsafe = ({ hash, number }: FakeBlock) => ({ ...heads, localUnsafe: { hash, number } })
      yield* chain.revert(localUnsafe(b4!), "a test", { commanded: true })
      assert.strictEqual(client.latest.hash, b4!.hash)
      yield* chain.revert(localUnsafe(b6!), "a test", { commanded: true })
      assert.strictEqual(client.latest.hash, b6!.hash)
      yield* chain.blacklist(b6!.hash, "a test")
      assert.strictEqual(client.latest.hash, b5!.hash)
      assert.deepStrictEqual(forkchoices(client), [
        [state(b4!), null],
        [state(b6!), null],
        [state(b5!), null]
      ])
      assert.strictEqual(client.safe, b2!.hash)
      mine(client, 2, { mixHash: word("77") })
      assert.strictEqual((yield* caughtUp(client, chain)).number, 7)
    })
  )

  it.live("recognises a replacement that was built before it was killed", () =>
    Effect.gen(function* () {
      const { client, engineUrl, url } = yield* startClient({ secret })
      const store = yield* newStore
      const engine = { url: engineUrl, jwtSecret: Redacted.make(secret) }
      const { heads, invalid, parent } = yield* Effect.scoped(
        Effect.gen(function* () {
          const { chain } = yield* following(url, store, { engine })
          const { hash, parentHash } = yield* withInvalid(client, chain)
          return {
            heads: yield* chain.heads,
            invalid: yield* chain.content(hash),
            parent: Option.getOrThrow(yield* chain.block(parentHash))
          }
        })
      )
      const limits = { requestTimeoutMs: 5000, answerLimitBytes: 1_000_000 }
      const jwtSecret = Redacted.make(secret)
      const call = engineCall(yield* makeClient({ url: engineUrl, jwtSecret, ...limits }))
      const powers = yield* enginePowers(
        yield* makeClient({ url, ...limits }),
        { url: engineUrl, call },
        "901"
      )
      const root = invalid.output.messagePasserStorageRoot ?? word("56")
      const output = { ...invalid.output, messagePasserStorageRoot: root }
      const built = yield* powers.replace({ ...invalid, output }, loweredTo(parent, heads))
      mine(client, 2)
      const { length } = forkchoices(client)
      const { chain } = yield* following(url, store, { engine })
      const head = yield* caughtUp(client, chain)
      assert.strictEqual(head.number, invalid.ref.number + 2)
      const replacement = yield* chain.content(built.hash)
      assert.deepStrictEqual([replacement.ref.number, replacement.pending], [2, output])
      assert.isTrue(yield* chain.isInvalidated(invalid.ref.hash))
      assert.strictEqual((yield* chain.invalidate(invalid.ref.hash)).replacement.hash, built.hash)
      assert.strictEqual(forkchoices(client).length, length)
    })
  )

  it.live("does not build a replacement that the client has already", () =>
    Effect.gen(function* () {
      const { chain, client } = yield* steered({}, { pollIntervalMs: 60_000 }, 3)
      yield* caughtUp(client, chain)
      const invalid = client.at(2)!
      client.head = invalid.parentHash
      const built = client.mine({ transactions: [...deposits, deposit(invalid)] })
      const head = mine(client, 2)[1]!
      const { replacement } = yield* chain.invalidate(invalid.hash)
      assert.strictEqual(replacement.hash, built.hash)
      assert.strictEqual(client.latest.hash, head.hash)
      assert.deepStrictEqual(called(client), ["engine_getPayloadBodiesByHashV1"])
    })
  )

  it.live("builds one where a replacement of another block, or upon another one, stands", () =>
    Effect.gen(function* () {
      const others = [
        (client: FakeClient, invalid: FakeBlock) => {
          client.head = invalid.parentHash
          client.mine({ transactions: [deposit(client.at(1)!)] })
        },
        (client: FakeClient, invalid: FakeBlock) => {
          client.head = client.at(0)!.hash
          client.mine({ mixHash: word("55") })
          client.mine({ transactions: [deposit(invalid)] })
        }
      ]
      for (const other of others) {
        const { chain, client } = yield* steered({}, { pollIntervalMs: 60_000 }, 3)
        yield* caughtUp(client, chain)
        const invalid = client.at(2)!
        other(client, invalid)
        const { replacement } = yield* chain.invalidate(invalid.hash)
        assert.strictEqual(replacement.parentHash, invalid.parentHash)
        assert.strictEqual(client.latest.hash, replacement.hash)
        assert.deepStrictEqual(client.latest.transactions, [deposit(invalid)])
      }
    })
  )

  it.live("does not take for the client's own what it makes the client do", () =>
    Effect.gen(function* () {
      const { chain, client } = yield* steered()
      const invalid = yield* withInvalid(client, chain)
      const events = yield* chain.events.pipe(
        Stream.takeUntil(({ _tag }) => _tag === "Imported"),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      // Many looks at the client fall into the time in which it stands at the parent.
      client.instead.set(
        "engine_getPayloadV4",
        () => new Promise((resolve) => setTimeout(() => resolve(undefined), 200))
      )
      yield* checkReplaced(client, chain, invalid, yield* chain.invalidate(invalid.hash))
      const tags = (yield* Fiber.join(events)).map(({ _tag }) => _tag)
      assert.deepStrictEqual(
        tags.filter((tag) => tag !== "Exhausted"),
        ["Replaced", "Imported"]
      )
    })
  )

  it.live("stays where it was, and the client with it, when a replacement cannot be built", () =>
    Effect.gen(function* () {
      const { chain, client, engineUrl } = yield* steered()
      const invalid = yield* withInvalid(client, chain)
      const head = client.latest
      const failing = Effect.fnUntraced(function* (method: string, answer: Answer) {
        client.instead.set(method, () => answer)
        const error: ChainError = yield* Effect.flip(chain.invalidate(invalid.hash))
        client.instead.delete(method)
        assert.strictEqual(error.reason._tag, "Backend")
        assert.strictEqual(client.latest.hash, head.hash)
        yield* Effect.sleep(50)
        assert.strictEqual((yield* chain.head("LocalUnsafe")).hash, head.hash)
        return error.message
      })
      const status = (status: string, validationError: string | null = null) => ({
        result: { status, latestValidHash: null, validationError }
      })
      const refusal = (code: number, message: string) => ({ error: { code, message } })
      assert.strictEqual(
        yield* failing("engine_newPayloadV4", status("INVALID", "out of gas")),
        `replace: ${engineUrl} answered engine_newPayloadV4 with INVALID: the client cannot execute the block (out of gas): look into its log`
      )
      assert.include(
        yield* failing("engine_newPayloadV4", status("SYNCING")),
        "answered engine_newPayloadV4 with SYNCING: the client has not executed what leads there: wait"
      )
      client.instead.set("engine_getPayloadV3", () => refusal(-38_005, "Unsupported fork"))
      assert.include(
        yield* failing("engine_getPayloadV4", refusal(-38_005, "Unsupported fork")),
        "refused engine_getPayloadV3: Unsupported fork (-38005): the block is of a fork that this program or the client does not know"
      )
      assert.include(
        yield* failing("engine_getPayloadV4", refusal(-38_001, "Unknown payload")),
        "refused engine_getPayloadV4: Unknown payload (-38001): the client gave up the block"
      )
      assert.include(
        yield* failing("engine_getPayloadV4", {
          result: { executionPayload: { blockHash: word("66"), transactions: deposits } }
        }),
        "built a block of other transactions than it was given: the client must be one of the OP stack"
      )
      assert.include(
        yield* failing("engine_getPayloadBodiesByHashV1", { result: [null] }),
        `block ${invalid.hash} cannot be replaced: the client does not have it`
      )
      assert.include(
        yield* failing("engine_getPayloadV4", { result: 7 }),
        "answered engine_getPayloadV4 with 7"
      )
      yield* checkReplaced(client, chain, invalid, yield* chain.invalidate(invalid.hash))
    })
  )

  it.live("refuses to guess the parameters of the base fee", () =>
    Effect.gen(function* () {
      const { chain, client } = yield* steered()
      for (const extraData of ["0x02000000fb00000007", "0x00000000fb0000000700", `0x01${"ff".repeat(16)}`]) {
        const invalid = yield* withInvalid(client, chain, { extraData })
        const error = yield* Effect.flip(chain.invalidate(invalid.hash))
        assert.include(error.message, `replace: block ${invalid.hash} cannot be replaced: its `)
      }
      assert.deepStrictEqual(forkchoices(client), [])
    })
  )

  it.live("says why the client does not take its heads", () =>
    Effect.gen(function* () {
      const { chain, client, engineUrl } = yield* steered()
      mine(client, 3)
      const head = yield* caughtUp(client, chain)
      const failing = Effect.fnUntraced(function* (answer: Answer) {
        client.instead.set("engine_forkchoiceUpdatedV3", () => answer)
        const error = yield* Effect.flip(chain.blacklist(head.hash, "a test"))
        assert.strictEqual(error.reason._tag, "Backend")
        assert.isTrue(error.retryable)
        assert.isFalse(yield* chain.isInvalidated(head.hash))
        return error.message
      })
      const status = (status: string) => ({ result: { payloadStatus: { status }, payloadId: null } })
      assert.strictEqual(
        yield* failing(status("SYNCING")),
        `setHeads: ${engineUrl} answered engine_forkchoiceUpdatedV3 with SYNCING: the client has not executed what leads there: wait until it has caught up, then try again`
      )
      assert.include(yield* failing(status("INVALID")), "with INVALID: the client cannot execute the block")
      assert.include(
        yield* failing({ error: { code: -38_002, message: "Invalid forkchoice state" } }),
        "refused engine_forkchoiceUpdatedV3: Invalid forkchoice state (-38002): the client's safe or finalized block is unknown or on another branch"
      )
      assert.include(
        yield* failing({ error: { code: -32_000, message: "disk full" } }),
        "disk full (-32000): look into the client's log"
      )
      client.instead.clear()
      yield* chain.blacklist(head.hash, "a test")
      assert.strictEqual(client.latest.number, 2)
    })
  )

  it.live("notices a client that says yes and stays", () =>
    Effect.gen(function* () {
      const { chain, client, engineUrl, url } = yield* steered({ goesBack: false })
      const invalid = yield* withInvalid(client, chain)
      const { hash } = client.latest
      assert.strictEqual(
        (yield* Effect.flip(chain.blacklist(hash, "a test"))).message,
        `setHeads: ${engineUrl} took the head ${invalid.hash}, but ${url} stays at ${hash}: url and engine.url must be of the same client, and it must be one of the OP stack`
      )
      assert.include(
        (yield* Effect.flip(chain.invalidate(invalid.hash))).message,
        `replace: ${engineUrl} did not begin to build the block: the client must be one of the OP stack`
      )
    })
  )

  it.live("says at the start what is wrong with the engine, and never the secret", () =>
    Effect.gen(function* () {
      const { engineUrl, url } = yield* startClient({ secret })
      const store = yield* newStore
      const failing = Effect.fnUntraced(function* (engine: NodeRpcChain.EngineOptions) {
        const error = yield* Effect.flip(following(url, store, { engine, connectTimeoutMs: 100 }))
        const everything = inspect(error, { depth: 20, showHidden: true })
        for (const word of ["eyJ", "Bearer", "0909", "9, 9", "09 09"]) assert.notInclude(everything, word)
        return error.message
      })
      const wrong = Redacted.make(new Uint8Array(32).fill(9))
      assert.strictEqual(
        yield* failing({ url: engineUrl, jwtSecret: wrong }),
        `connect: ${engineUrl} refused our token (signature is invalid): engine.jwtSecret must be the secret that the client was started with, and the clocks must agree`
      )
      assert.strictEqual(
        yield* failing({ url: engineUrl, jwtSecret: Redacted.make(new Uint8Array(31).fill(9)) }),
        "connect: engine.jwtSecret has 31 bytes: give the 32 bytes that the client was started with"
      )
      assert.include(
        yield* failing({ url: "http://127.0.0.1:9", jwtSecret: wrong }),
        "http://127.0.0.1:9 did not answer eth_chainId"
      )
      const stranger = yield* startClient({ secret, chainId: 902 })
      assert.strictEqual(
        yield* failing({ url: stranger.engineUrl, jwtSecret: Redacted.make(secret) }),
        `connect: ${stranger.engineUrl} is the engine of chain 902, not of 901: engine.url must be the Engine API of the same client as url`
      )
    })
  )

  it.live("cannot emit logs to order, and without the engine cannot steer either", () =>
    Effect.gen(function* () {
      const { devChain, url } = yield* steered()
      const emit = DevTransaction.emit(`0x${"aa".repeat(20)}`, [])
      const refused = yield* Effect.flip(devChain.submit(emit))
      assert.strictEqual(refused.reason._tag, "Unsupported")
      const { client, ...alone } = yield* startClient({ secret })
      assert.notStrictEqual(alone.url, url)
      mine(client, 2)
      const { chain } = yield* following(alone.url, yield* newStore)
      const { hash } = yield* caughtUp(client, chain)
      for (const step of [chain.blacklist(hash, "a test"), chain.invalidate(hash)]) {
        assert.strictEqual((yield* Effect.flip(step)).reason._tag, "Unsupported")
      }
      assert.deepStrictEqual(client.calls, [])
    })
  )
})
