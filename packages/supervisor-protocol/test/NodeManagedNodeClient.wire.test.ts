import { createServer, type Server } from "node:http"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import { Context, Effect, Exit, Fiber, Layer, Queue, Redacted, Scope, Stream } from "effect"
import * as ManagedEvent from "../src/ManagedEvent.ts"
import * as ManagedNode from "../src/ManagedNode.ts"
import { ManagedNodeServer } from "../src/ManagedNodeServer.ts"
import * as NodeManagedNodeClient from "../src/NodeManagedNodeClient.ts"
import * as NodeManagedNodeServer from "../src/NodeManagedNodeServer.ts"
import { chainId, l1Block, l2Block, layerChain } from "../src/testing/ManagedNodeTest.ts"

const jwtSecret = Redacted.make(new Uint8Array(32).fill(7))
const otherSecret = Redacted.make(new Uint8Array(32).fill(8))
const quick = { backoffFirstMs: 20, backoffMaxMs: 100, backoffJitterMs: 5, pollIntervalMs: 5 } as const

/** A node that can be stopped and started at the same port; only its chain lasts. */
const restartable = Effect.gen(function* () {
  const context = yield* Layer.build(layerChain)
  let scope = yield* Scope.make()
  let port = 0
  const start = Effect.fnUntraced(function* (secret = jwtSecret) {
    scope = yield* Scope.make()
    const server = NodeManagedNodeServer.layer({ host: "127.0.0.1", port, jwtSecret: secret }).pipe(
      Layer.provide(Layer.fresh(ManagedNode.layerChain({ chainId })))
    )
    const built = yield* Layer.buildWithScope(server, scope).pipe(Effect.provideContext(context))
    port = Context.get(built, ManagedNodeServer).port
  })
  const stop = Effect.suspend(() => Scope.close(scope, Exit.void))
  yield* start()
  yield* Effect.addFinalizer(() => stop)
  return { start, stop, port, chain: yield* Effect.provideContext(Chain.Chain, context) }
})

const listen = Effect.fnUntraced(function* (node: ManagedNode.Service) {
  const queue = yield* Queue.unbounded<ManagedEvent.ManagedEvent>()
  const fiber = yield* Effect.forkScoped(Stream.runForEach(node.events, (event) => Queue.offer(queue, event)))
  const until = (
    wanted: (event: ManagedEvent.ManagedEvent) => boolean
  ): Effect.Effect<ManagedEvent.ManagedEvent> =>
    Effect.filterOrElse(Queue.take(queue), wanted, () => until(wanted))
  return { until, fiber }
})
const state = (node: ManagedNode.Service, wanted: ManagedNode.Connection) =>
  Stream.runHead(Stream.filter(node.connection, (state) => state === wanted))

type Handler = (
  call: { readonly id: number; readonly method: string; readonly params: ReadonlyArray<any> },
  socket: NodeWS.WebSocket
) => unknown

/** A node written by somebody else: answers what the handler gives; `undefined` is no answer. */
const fakeNode = Effect.fnUntraced(function* (handler: Handler) {
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const http = createServer()
      new NodeWS.WebSocketServer({ server: http }).on("connection", (socket) => {
        socket.on("message", (data) => {
          const call = JSON.parse(String(data))
          const answer = handler(call, socket)
          if (answer !== undefined)
            socket.send(JSON.stringify({ jsonrpc: "2.0", id: call.id, ...(answer as object) }))
        })
      })
      http.listen(0, "127.0.0.1", () => resume(Effect.succeed(http)))
    }),
    (server) => Effect.sync(() => (server.close(), server.closeAllConnections()))
  )
  const address = server.address()
  return `ws://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
})
const dial = (url: string, limits: Partial<NodeManagedNodeClient.Limits> = {}) =>
  NodeManagedNodeClient.make({ url, jwtSecret, limits: { ...quick, ...limits } })
const unsupported = {
  error: { code: -32601, message: "the method interop_x does not exist/is not available" }
}
const unsafe = (number: number): ManagedEvent.ManagedEvent => {
  const { hash, parentHash, timestamp } = l2Block(number)
  return { unsafeBlock: { hash, number, parentHash, timestamp } }
}
const notify = (socket: NodeWS.WebSocket, result: unknown, subscription = "0x1") =>
  socket.send(
    JSON.stringify({ jsonrpc: "2.0", method: "interop_subscription", params: { subscription, result } })
  )

for (const scheme of ["ws", "http"] as const) {
  describe(`a server that goes and comes back, over ${scheme}`, () => {
    it.live("calls wait, events go on, and the node asks for a reset again", () =>
      Effect.gen(function* () {
        const { chain, port, start, stop } = yield* restartable
        const node = yield* dial(`${scheme}://127.0.0.1:${port}`)
        const { fiber, until } = yield* listen(node)
        yield* until((event) => event.reset !== undefined)
        yield* node.resetPreInterop
        yield* chain.import({
          ref: l2Block(1),
          body: new Uint8Array(0),
          receipts: [],
          output: yield* output(1)
        })
        yield* until((event) => event.unsafeBlock?.number === 1)
        yield* stop
        yield* state(node, "Disconnected")
        const waiting = yield* Effect.forkChild(node.chainId, { startImmediately: true })
        yield* start()
        assert.strictEqual(yield* Fiber.join(waiting), chainId)
        yield* state(node, "Connected")
        yield* until((event) => event.reset === ManagedEvent.initial.awaiting?.reset)
        yield* node.resetPreInterop
        yield* chain.import({
          ref: l2Block(2),
          body: new Uint8Array(0),
          receipts: [],
          output: yield* output(2)
        })
        yield* until((event) => event.unsafeBlock?.number === 2)
        assert.isUndefined(fiber.pollUnsafe())
      }).pipe(Effect.scoped)
    )
    it.live("a call gives up in time when nobody comes back", () =>
      Effect.gen(function* () {
        const { port, stop } = yield* restartable
        const node = yield* dial(`${scheme}://127.0.0.1:${port}`, { callTimeoutMs: 150 })
        yield* stop
        const { reason } = yield* Effect.flip(node.chainId)
        assert.strictEqual(reason._tag, "Disconnected")
      }).pipe(Effect.scoped)
    )
    it.live("a refused token fails the start, and is survived later", () =>
      Effect.gen(function* () {
        const { port, start, stop } = yield* restartable
        const url = `${scheme}://127.0.0.1:${port}`
        const refused = yield* Effect.flip(NodeManagedNodeClient.make({ url, jwtSecret: otherSecret }))
        assert.strictEqual(refused.reason._tag, "Unauthorized")
        assert.include(refused.message, "signature is invalid")
        const node = yield* dial(url)
        yield* stop
        yield* start(otherSecret)
        yield* Effect.sleep(100)
        yield* stop
        yield* start()
        assert.strictEqual(yield* node.chainId, chainId)
      }).pipe(Effect.scoped)
    )
    it.live("nobody there: the start fails after its attempts, or goes on without", () =>
      Effect.gen(function* () {
        const { port, start, stop } = yield* restartable
        yield* stop
        const url = `${scheme}://127.0.0.1:${port}`
        const { reason } = yield* Effect.flip(dial(url, { setupAttempts: 3 }))
        assert.strictEqual(reason._tag, "Disconnected")
        const node = yield* NodeManagedNodeClient.make({
          url,
          jwtSecret,
          requireConnection: false,
          limits: quick
        })
        yield* start()
        assert.strictEqual(yield* node.chainId, chainId)
      }).pipe(Effect.scoped)
    )
  })
}
const output = (number: number) =>
  Effect.succeed({
    stateRoot: l1Block(1).hash,
    messagePasserStorageRoot: l1Block(2).hash,
    blockHash: l2Block(number).hash
  })

describe("nodes of other ages and makes", () => {
  it.live("an old node is asked in its own words, and remembered", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const url = yield* fakeNode(({ method, params }) => {
        asked.push(method)
        return method === "interop_blockRefByNumber" ? { result: l1Block(params[0]) } : unsupported
      })
      const node = yield* dial(url)
      assert.deepStrictEqual(yield* node.blockRefByNumber(5), l1Block(5))
      assert.deepStrictEqual(yield* node.blockRefByNumber(6), l1Block(6))
      assert.deepStrictEqual(asked, [
        "interop_l2BlockRefByNumber",
        "interop_blockRefByNumber",
        "interop_blockRefByNumber"
      ])
      assert.strictEqual((yield* Effect.flip(node.l2BlockRefByNumber(5))).reason._tag, "Unsupported")
    }).pipe(Effect.scoped)
  )
  it.live("a node that became new is noticed", () =>
    Effect.gen(function* () {
      let isNew = false
      const url = yield* fakeNode(({ method, params }) =>
        (method === "interop_l2BlockRefByNumber") === isNew ? { result: l2Block(params[0]) } : unsupported
      )
      const node = yield* dial(url)
      assert.strictEqual((yield* node.blockRefByNumber(5)).number, 5)
      isNew = true
      assert.strictEqual((yield* node.blockRefByNumber(6)).number, 6)
    }).pipe(Effect.scoped)
  )
  for (const code of [-32601, -32001]) {
    it.live(`a node without subscriptions (${code}) is polled`, () =>
      Effect.gen(function* () {
        const waiting = [unsafe(1), unsafe(2)]
        const url = yield* fakeNode(({ method }) => {
          if (method === "interop_subscribe")
            return { error: { code, message: "notifications not supported" } }
          const event = waiting.shift()
          return event === undefined
            ? { error: { code: -39001, message: "out of events" } }
            : { result: event }
        })
        const { until } = yield* listen(yield* dial(url))
        yield* until((event) => event.unsafeBlock?.number === 1)
        yield* until((event) => event.unsafeBlock?.number === 2)
        waiting.push(unsafe(3))
        yield* until((event) => event.unsafeBlock?.number === 3)
      }).pipe(Effect.scoped)
    )
  }
  it.live("a subscription that the node closes is opened again", () =>
    Effect.gen(function* () {
      let subscriptions = 0
      const calls: Array<string> = []
      const url = yield* fakeNode(({ method, params }, socket) => {
        calls.push(`${method} ${params}`)
        if (method === "interop_unsubscribe") return { result: true }
        const id = `0x${++subscriptions}`
        setImmediate(() => {
          notify(socket, { data: unsafe(subscriptions) }, id)
          if (subscriptions < 3) notify(socket, { data: null, close: true }, id)
        })
        return { result: id }
      })
      const { until } = yield* listen(yield* dial(url))
      yield* until((event) => event.unsafeBlock?.number === 3)
      assert.deepStrictEqual(calls, [
        "interop_subscribe events",
        "interop_unsubscribe 0x1",
        "interop_subscribe events",
        "interop_unsubscribe 0x2",
        "interop_subscribe events"
      ])
    }).pipe(Effect.scoped)
  )
  it.live("a notification in the same packet as the answer is not lost, a strange one is passed over", () =>
    Effect.gen(function* () {
      const url = yield* fakeNode(({ id }, socket) => {
        socket.send(JSON.stringify({ jsonrpc: "2.0", id, result: "0x1" }))
        notify(socket, { data: unsafe(1) }, "0x77")
        notify(socket, { data: { unsafeBlock: { hash: "0x12" } } })
        notify(socket, { data: { reset: null, ...unsafe(2), exhaustL1: null } })
        return undefined
      })
      const { until } = yield* listen(yield* dial(url))
      assert.deepStrictEqual(yield* until(() => true), unsafe(2))
    }).pipe(Effect.scoped)
  )
  it.live("events that nobody takes end the subscription, which is opened again", () =>
    Effect.gen(function* () {
      let subscriptions = 0
      const url = yield* fakeNode(({ method }, socket) => {
        if (method !== "interop_subscribe") return { result: true }
        const id = `0x${++subscriptions}`
        const numbers = subscriptions === 1 ? Array.from({ length: 100 }, (_, i) => i + 1) : [1000]
        setImmediate(() => {
          for (const number of numbers) notify(socket, { data: unsafe(number) }, id)
        })
        return { result: id }
      })
      const node = yield* dial(url, { undelivered: 10 })
      const slow = Stream.runForEach(node.events, ({ unsafeBlock }) =>
        unsafeBlock?.number === 1000 ? Effect.interrupt : Effect.sleep(1)
      )
      yield* Effect.exit(slow)
      assert.strictEqual(subscriptions, 2)
    }).pipe(Effect.scoped)
  )
  it.live("two listeners share one subscription, which ends with the last of them", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      const ended = yield* Queue.unbounded<void>()
      let live: NodeWS.WebSocket | undefined
      const url = yield* fakeNode(({ method }, socket) => {
        calls.push(method)
        live = socket
        if (method === "interop_unsubscribe") Queue.offerUnsafe(ended, undefined)
        else setImmediate(() => notify(socket, { data: unsafe(1) }))
        return { result: "0x1" }
      })
      const node = yield* dial(url)
      const take = (number: number) =>
        Stream.runDrain(Stream.takeUntil(node.events, (event) => event.unsafeBlock?.number === number))
      const long = yield* Effect.forkChild(take(2))
      yield* take(1)
      notify(live!, { data: unsafe(2) })
      yield* Fiber.join(long)
      yield* Queue.take(ended)
      assert.deepStrictEqual(calls, ["interop_subscribe", "interop_unsubscribe"])
    }).pipe(Effect.scoped)
  )
  it.live("no answer, a strange answer, and a broken connection in the middle of a call", () =>
    Effect.gen(function* () {
      const url = yield* fakeNode(({ method }, socket) => {
        if (method === "interop_chainID") return undefined
        if (method === "interop_anchorPoint") return { result: null }
        socket.terminate()
        return undefined
      })
      const node = yield* dial(url, { callTimeoutMs: 100 })
      const failure = (call: Effect.Effect<unknown, { readonly reason: { readonly _tag: string } }>) =>
        Effect.map(Effect.flip(call), ({ reason }) => reason._tag)
      assert.strictEqual(yield* failure(node.chainId), "TimedOut")
      assert.strictEqual(yield* failure(node.anchorPoint), "Malformed")
      assert.strictEqual(yield* failure(node.resetPreInterop), "Disconnected")
    }).pipe(Effect.scoped)
  )
  it.live("what is not JSON breaks the connection, and the next one works", () =>
    Effect.gen(function* () {
      let first = true
      const url = yield* fakeNode((_, socket) => {
        if (!first) return { result: "901" }
        first = false
        socket.send("nonsense")
        return undefined
      })
      const node = yield* dial(url)
      assert.strictEqual((yield* Effect.flip(node.chainId)).reason._tag, "Disconnected")
      assert.strictEqual(yield* node.chainId, "901")
    }).pipe(Effect.scoped)
  )
  it.live("a silent node is given up", () =>
    Effect.gen(function* () {
      const sockets: Array<NodeWS.WebSocket> = []
      const url = yield* fakeNode((_, socket) => {
        sockets.push(socket)
        // A paused socket does not answer pings.
        if (sockets.length === 1) socket.pause()
        return { result: "901" }
      })
      const node = yield* dial(url, { pingIntervalMs: 30, pongTimeoutMs: 30 })
      yield* node.chainId
      yield* state(node, "Disconnected")
      assert.strictEqual(yield* node.chainId, "901")
    }).pipe(Effect.scoped)
  )
  it.live("closing the scope hangs up", () =>
    Effect.gen(function* () {
      let gone: (code: number) => void = () => {}
      const code = new Promise<number>((done) => {
        gone = done
      })
      const url = yield* fakeNode((_, socket) => {
        socket.once("close", gone)
        return { result: "901" }
      })
      yield* Effect.scoped(Effect.flatMap(dial(url), ({ chainId }) => chainId))
      assert.strictEqual(yield* Effect.promise(() => code), 1000)
    }).pipe(Effect.scoped)
  )
  it.live("a URL of another kind is named", () =>
    Effect.gen(function* () {
      for (const url of ["tcp://x", "nonsense"]) {
        assert.include((yield* Effect.flip(dial(url))).message, "expected a URL with ws://")
      }
    }).pipe(Effect.scoped)
  )
  it.live("the layers", () =>
    Effect.gen(function* () {
      const client = Layer.unwrap(
        Effect.map(ManagedNodeServer, ({ url }) => NodeManagedNodeClient.layer({ url, jwtSecret }))
      ).pipe(
        Layer.provide(NodeManagedNodeServer.layer({ host: "127.0.0.1", port: 0, jwtSecret })),
        Layer.provide(ManagedNode.layerChain({ chainId })),
        Layer.provide(layerChain)
      )
      assert.strictEqual(
        yield* Effect.provide(
          ManagedNode.ManagedNode.use((node) => node.chainId),
          client
        ),
        chainId
      )
    })
  )
})
