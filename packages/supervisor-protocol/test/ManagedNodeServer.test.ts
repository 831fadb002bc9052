import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Queue, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ManagedEvent } from "../src/ManagedEvent.ts"
import { ManagedNode, type Service } from "../src/ManagedNode.ts"
import { BlockNotFound, ManagedNodeError, Refused } from "../src/ManagedNodeError.ts"
import * as ManagedNodeServer from "../src/ManagedNodeServer.ts"
import { l1Block, l2Block } from "../src/testing/ManagedNodeTest.ts"
import { vectors } from "./vectors.ts"

const framing = vectors("rpc-framing")
const managedEvents = vectors("managed-events")

/** A node that says what the test tells it to, and knows one block. */
class Script extends Context.Service<Script, Queue.Queue<ManagedEvent>>()("test/Script") {}
const scripted = (overrides: Partial<Service> = {}) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const events = yield* Queue.unbounded<ManagedEvent>()
      const node = Layer.mock(ManagedNode, {
        events: Stream.fromQueue(events),
        chainId: Effect.succeed("901"),
        provideL1: () => Effect.void,
        reset: () => Effect.void,
        resetPreInterop: Effect.void,
        l2BlockRefByNumber: (number) =>
          number === 5
            ? Effect.succeed(l2Block(5))
            : Effect.fail(
                new ManagedNodeError({
                  method: "m",
                  reason: new BlockNotFound({ text: `block not found: ${number}` })
                })
              ),
        invalidateBlock: () =>
          Effect.fail(new ManagedNodeError({ method: "m", reason: new Refused({ text: "some text" }) })),
        ...overrides
      })
      const context = yield* Layer.build(node)
      return Context.add(context, Script, events)
    })
  )

/** What a displaced subscriber is told. */
const closing = { data: null, close: true }

/** A server with one connection; `frames` is all that it sent there. */
const connect = Effect.fnUntraced(function* (server: ManagedNodeServer.Server) {
  const frames: Array<any> = []
  let open = true
  const session = server.open((frame) => {
    if (open) frames.push(JSON.parse(frame))
    return open
  })
  let nextId = 1
  const call = Effect.fnUntraced(function* (method: string, params: unknown, id: unknown = nextId++) {
    const before = frames.length
    yield* session.receive(JSON.stringify({ jsonrpc: "2.0", id, method, params }))
    return frames[before]
  })
  return {
    frames,
    session,
    call,
    events: () =>
      frames.filter((frame) => frame.method === "interop_subscription").map((frame) => frame.params.result),
    breakOff: () => {
      open = false
    }
  }
})
const say = Effect.fnUntraced(function* (...events: ReadonlyArray<ManagedEvent>) {
  yield* Queue.offerAll(yield* Script, events)
  for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
})
const unsafe = (number: number): ManagedEvent => {
  const { hash, parentHash, timestamp } = l2Block(number)
  return { unsafeBlock: { hash, number, parentHash, timestamp } }
}
const serve = ManagedNodeServer.make()
const run = <A, E>(test: Effect.Effect<A, E, any>, overrides?: Partial<Service>) =>
  Effect.scoped(test).pipe(Effect.provide(scripted(overrides))) as Effect.Effect<A, E>

describe("framing", () => {
  const table: ReadonlyArray<readonly [string, unknown, unknown]> = [
    ["unknown method", { method: "interop_foo", params: [] }, undefined],
    ["unknown subscription name", { method: "interop_subscribe", params: ["nope"] }, undefined],
    ["params is an object", { method: "interop_provideL1", params: {} }, undefined],
    ["missing argument", { method: "interop_provideL1", params: [] }, undefined],
    ["too many arguments", { method: "interop_chainID", params: [1] }, undefined]
  ]
  for (const [when, request] of table) {
    it.effect(when, () =>
      run(
        Effect.gen(function* () {
          const { call } = yield* connect(yield* serve)
          const { method, params } = request as { readonly method: string; readonly params: unknown }
          const { error } = framing.errors.cases.find((entry: any) => entry.when === when)
          assert.deepStrictEqual(yield* call(method, params, 7), { jsonrpc: "2.0", id: 7, error })
        })
      )
    )
  }
  it.effect("arguments that do not decode name themselves", () =>
    run(
      Effect.gen(function* () {
        const { call } = yield* connect(yield* serve)
        const cases: ReadonlyArray<readonly [string, ReadonlyArray<unknown>, string]> = [
          ["interop_l2BlockRefByNumber", ["0x5"], "invalid argument 0: "],
          ["interop_l2BlockRefByNumber", [1.5], "invalid argument 0: "],
          ["interop_l2BlockRefByNumber", [null], "invalid argument 0: "],
          [
            "interop_updateCrossSafe",
            [
              { hash: l1Block(1).hash, number: 1 },
              { hash: "0x12", number: 1 }
            ],
            "invalid argument 1: "
          ],
          ["interop_fetchReceipts", ["0x12"], "invalid argument 0: "]
        ]
        for (const [method, params, prefix] of cases) {
          const { error } = yield* call(method, params)
          assert.strictEqual(error.code, -32602, method)
          assert.isTrue(error.message.startsWith(prefix), error.message)
        }
      })
    )
  )
  it.effect("an id that is no id", () =>
    run(
      Effect.gen(function* () {
        const { frames, session } = yield* connect(yield* serve)
        const [[, request], [, response]] = framing.invalidId.exchange
        assert.isTrue(yield* session.receive(JSON.stringify(request)))
        assert.deepStrictEqual(frames, [response])
      })
    )
  )
  it.effect("what is not JSON is answered, then the connection is given up", () =>
    run(
      Effect.gen(function* () {
        const { frames, session } = yield* connect(yield* serve)
        assert.isFalse(yield* session.receive("{nonsense"))
        assert.deepStrictEqual(frames, [
          { jsonrpc: "2.0", id: null, error: { code: -32700, message: "parse error" } }
        ])
      })
    )
  )
  it.effect("void methods have a result that is null", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve
        const { text } = yield* server.answer(
          JSON.stringify({ jsonrpc: "2.0", id: 7, method: "interop_provideL1", params: [l1Block(1)] })
        )
        assert.deepStrictEqual(JSON.parse(text!), {
          jsonrpc: "2.0",
          id: 7,
          result: framing.voidResult.result
        })
        assert.strictEqual(text, `{"jsonrpc":"2.0","id":7,"result":null}`)
      })
    )
  )
  it.effect("errors of the node keep their text; crashes do not show theirs", () =>
    run(
      Effect.gen(function* () {
        const { call } = yield* connect(yield* serve)
        const seal = { hash: l1Block(1).hash, number: 1, timestamp: 1 }
        assert.deepStrictEqual((yield* call("interop_invalidateBlock", [seal])).error, {
          code: -32000,
          message: "some text"
        })
        assert.deepStrictEqual((yield* call("interop_l2BlockRefByNumber", [6])).error, {
          code: -32000,
          message: "block not found: 6"
        })
        assert.deepStrictEqual((yield* call("interop_anchorPoint", [])).error, {
          code: -32603,
          message: "method handler crashed"
        })
      }),
      { anchorPoint: Effect.die(new Error("secret")) }
    )
  )
  it.effect("batches are answered in one frame, without their notifications", () =>
    run(
      Effect.gen(function* () {
        const { frames, session } = yield* connect(yield* serve)
        const call = (id: unknown, method: string) => ({
          jsonrpc: "2.0",
          ...(id === undefined ? {} : { id }),
          method,
          params: []
        })
        yield* session.receive(
          JSON.stringify([
            call(1, "interop_chainID"),
            call(undefined, "interop_chainID"),
            7,
            call("b", "interop_foo")
          ])
        )
        assert.deepStrictEqual(frames, [
          [
            { jsonrpc: "2.0", id: 1, result: "901" },
            { jsonrpc: "2.0", id: null, error: { code: -32600, message: "invalid request" } },
            {
              jsonrpc: "2.0",
              id: "b",
              error: { code: -32601, message: "the method interop_foo does not exist/is not available" }
            }
          ]
        ])
        yield* session.receive(JSON.stringify([call(undefined, "interop_chainID")]))
        assert.lengthOf(frames, 1)
        yield* session.receive("[]")
        assert.deepStrictEqual(frames[1], {
          jsonrpc: "2.0",
          id: null,
          error: { code: -32600, message: "empty batch" }
        })
      })
    )
  )
  it.effect("batches have a limit in items and in length", () =>
    run(
      Effect.gen(function* () {
        const server = yield* ManagedNodeServer.make({ limits: { batchItems: 3, batchResponseLength: 50 } })
        const batch = (count: number) =>
          JSON.stringify(
            Array.from({ length: count }, (_, id) => ({
              jsonrpc: "2.0",
              id,
              method: "interop_chainID",
              params: []
            }))
          )
        const answer = (count: number) =>
          Effect.map(server.answer(batch(count)), ({ text }) => JSON.parse(text!))
        assert.deepStrictEqual(yield* answer(4), [
          { jsonrpc: "2.0", id: 0, error: { code: -32600, message: "batch too large" } }
        ])
        const codes = (yield* answer(3)).map((one: any) => one.error?.code ?? one.result)
        assert.deepStrictEqual(codes, ["901", "901", -32003])
      })
    )
  )
  it.effect("health and modules", () =>
    run(
      Effect.gen(function* () {
        const { call } = yield* connect(yield* ManagedNodeServer.make({ version: "v1.2.3" }))
        assert.strictEqual((yield* call("health_status", [])).result, "v1.2.3")
        assert.property((yield* call("rpc_modules", [])).result, "interop")
      })
    )
  )
})

describe("subscriptions", () => {
  it.effect("items are wrapped and carry the id", () =>
    run(
      Effect.gen(function* () {
        const { call, frames } = yield* connect(yield* serve)
        const { result: id } = yield* call("interop_subscribe", ["events"])
        assert.match(id, /^0x[1-9a-f][0-9a-f]{0,31}$/)
        for (const [name, event] of Object.entries<any>(managedEvents.events)) {
          yield* say(event)
          const expected = structuredClone(managedEvents.wireNotifications[name])
          expected.params.subscription = id
          assert.strictEqual(JSON.stringify(frames.at(-1)), JSON.stringify(expected), name)
        }
      })
    )
  )
  it.effect("ids come from Random", () =>
    Effect.gen(function* () {
      const id = run(
        Effect.gen(function* () {
          return (yield* (yield* connect(yield* serve)).call("interop_subscribe", ["events"])).result
        })
      )
      assert.strictEqual(yield* Random.withSeed(id, "a"), yield* Random.withSeed(id, "a"))
      assert.notStrictEqual(yield* Random.withSeed(id, "a"), yield* Random.withSeed(id, "b"))
    })
  )
  it.effect("a reset that nobody carried out is the first item, after the answer", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve
        yield* say({ reset: "reset: start" })
        const first = yield* connect(server)
        yield* first.call("interop_subscribe", ["events"])
        assert.property(first.frames[0], "result")
        assert.deepStrictEqual(first.events(), [{ data: { reset: "reset: start" } }])
        const id = { hash: l1Block(1).hash, number: 1 }
        assert.isNull((yield* first.call("interop_reset", [id, id, id, id, id])).result)
        const second = yield* connect(server)
        yield* second.call("interop_subscribe", ["events"])
        assert.deepStrictEqual(second.events(), [])
        yield* TestClock.adjust("1 second")
        yield* say({ reset: "reset: again" })
        const third = yield* connect(server)
        yield* third.call("interop_subscribe", ["events"])
        assert.deepStrictEqual(third.events(), [{ data: { reset: "reset: again" } }])
        yield* third.call("interop_resetPreInterop", [])
        yield* third.call("interop_subscribe", ["events"])
        assert.deepStrictEqual(third.events().slice(1), [closing])
      })
    )
  )
  it.effect("a failed reset confirms nothing", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve
        yield* say({ reset: "reset: start" })
        const { call, events } = yield* connect(server)
        assert.property(yield* call("interop_resetPreInterop", []), "error")
        yield* call("interop_subscribe", ["events"])
        assert.lengthOf(events(), 1)
      }),
      {
        resetPreInterop: Effect.fail(
          new ManagedNodeError({ method: "m", reason: new Refused({ text: "no" }) })
        )
      }
    )
  )
  it.effect("pulling closes the subscription; subscribing drops what was queued", () =>
    run(
      Effect.gen(function* () {
        const { call, events, frames } = yield* connect(yield* serve)
        const { result: id } = yield* call("interop_subscribe", ["events"])
        yield* say(unsafe(1))
        const before = frames.length
        yield* call("interop_pullEvent", [], 8)
        assert.deepStrictEqual(frames.slice(before), [
          {
            ...managedEvents.wireServerClose,
            params: { ...managedEvents.wireServerClose.params, subscription: id }
          },
          { jsonrpc: "2.0", id: 8, error: { code: -39001, message: "out of events" } }
        ])
        yield* say(unsafe(2), unsafe(3))
        assert.deepStrictEqual((yield* call("interop_pullEvent", [])).result, unsafe(2))
        yield* call("interop_subscribe", ["events"])
        yield* say(unsafe(4))
        assert.deepStrictEqual(events(), [
          { data: unsafe(1) },
          { data: null, close: true },
          { data: unsafe(4) }
        ])
      })
    )
  )
  it.effect("a second subscription closes the first, also on another connection", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve
        const [first, second] = [yield* connect(server), yield* connect(server)]
        const { result: id } = yield* first.call("interop_subscribe", ["events"])
        yield* second.call("interop_subscribe", ["events"])
        yield* say(unsafe(1))
        assert.deepStrictEqual([first.events(), second.events()], [[closing], [{ data: unsafe(1) }]])
        assert.isTrue((yield* first.call("interop_unsubscribe", [id])).result)
        yield* say(unsafe(2))
        assert.lengthOf(second.events(), 2)
      })
    )
  )
  it.effect("unsubscribing, and what was never subscribed", () =>
    run(
      Effect.gen(function* () {
        const { call, events } = yield* connect(yield* serve)
        const { result: id } = yield* call("interop_subscribe", ["events"])
        assert.deepStrictEqual(
          yield* call("interop_unsubscribe", [id], 9),
          managedEvents.wireUnsubscribe.response
        )
        assert.deepStrictEqual((yield* call("interop_unsubscribe", [id])).error, {
          code: -32000,
          message: "subscription not found"
        })
        yield* say(unsafe(1))
        assert.deepStrictEqual(events(), [])
        assert.deepStrictEqual((yield* call("interop_pullEvent", [])).result, unsafe(1))
      })
    )
  )
  it.effect("who is displaced is told", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve
        const [first, second] = [yield* connect(server), yield* connect(server)]
        const { result } = yield* first.call("interop_subscribe", ["events"])
        yield* second.call("interop_subscribe", ["events"])
        assert.deepStrictEqual(first.frames.at(-1), {
          jsonrpc: "2.0",
          method: "interop_subscription",
          params: { subscription: result, result: { data: null, close: true } }
        })
      })
    )
  )
  it.effect("an id that is no text is an ordinary error", () =>
    run(
      Effect.gen(function* () {
        const { call } = yield* connect(yield* serve)
        for (const id of [{ toString: 1, valueOf: 1 }, 7, null, ["x"]])
          assert.strictEqual((yield* call("interop_unsubscribe", [id])).error.code, -32602)
      })
    )
  )
  it.effect("a connection that is gone, or takes nothing, ends its subscription", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve
        const [closed, deaf, puller] = [
          yield* connect(server),
          yield* connect(server),
          yield* connect(server)
        ]
        yield* closed.call("interop_subscribe", ["events"])
        closed.session.close()
        yield* say(unsafe(1))
        assert.deepStrictEqual((yield* puller.call("interop_pullEvent", [])).result, unsafe(1))
        yield* deaf.call("interop_subscribe", ["events"])
        deaf.breakOff()
        yield* say(unsafe(2), unsafe(3))
        assert.deepStrictEqual((yield* puller.call("interop_pullEvent", [])).result, unsafe(3))
      })
    )
  )
  it.effect("there are none over HTTP", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve
        const { text } = yield* server.answer(
          `{"jsonrpc":"2.0","id":1,"method":"interop_subscribe","params":["events"]}`
        )
        assert.deepStrictEqual(JSON.parse(text!).error, {
          code: -32601,
          message: "notifications not supported"
        })
      })
    )
  )
  it.effect("repetitions are held back for a while, and the queue has an end", () =>
    run(
      Effect.gen(function* () {
        const { call } = yield* connect(yield* ManagedNodeServer.make({ limits: { eventQueue: 2 } }))
        const pull = Effect.map(call("interop_pullEvent", []), (frame) => frame.result ?? frame.error.code)
        yield* say(unsafe(1), unsafe(1))
        yield* TestClock.adjust(100)
        yield* say(unsafe(1))
        assert.deepStrictEqual([yield* pull, yield* pull, yield* pull], [unsafe(1), unsafe(1), -39001])
        yield* say(unsafe(2), unsafe(3), unsafe(4))
        assert.deepStrictEqual([yield* pull, yield* pull, yield* pull], [unsafe(3), unsafe(4), -39001])
      })
    )
  )
  it.effect("a new subscriber is told what the one before it was told a moment ago", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve
        const [first, second] = [yield* connect(server), yield* connect(server)]
        yield* first.call("interop_subscribe", ["events"])
        yield* say(unsafe(1))
        yield* second.call("interop_subscribe", ["events"])
        yield* say(unsafe(1))
        assert.deepStrictEqual(
          [first.events(), second.events()],
          [[{ data: unsafe(1) }, closing], [{ data: unsafe(1) }]]
        )
      })
    )
  )
  it.effect("an event stream that fails is run again", () =>
    Effect.gen(function* () {
      let runs = 0
      yield* run(
        Effect.gen(function* () {
          const { call } = yield* connect(yield* serve)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(runs, 2)
          assert.deepStrictEqual((yield* call("interop_pullEvent", [])).result, unsafe(7))
        }),
        {
          events: Stream.suspend(() =>
            ++runs === 1
              ? Stream.fail(new ManagedNodeError({ method: "m", reason: new Refused({ text: "broken" }) }))
              : Stream.concat(Stream.make(unsafe(7)), Stream.never)
          )
        }
      )
    })
  )
})
