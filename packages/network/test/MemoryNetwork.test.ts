import { assert, describe, it } from "@effect/vitest"
import { MemoryNetwork, Network, type NetworkError, Protocol, Reputation, View } from "@ephor/network"
import * as NetworkTest from "@ephor/network/testing/NetworkTest"
import type { ValidatorId } from "@ephor/types"
import { Context, Effect, Fiber, Layer, Random, Stream } from "effect"
import { TestClock } from "effect/testing"

const keyOf = (byte: string): ValidatorId => `0x${byte.repeat(32)}`
const [authorityOfAlice, authorityOfBob, authorityOfCarol] = [keyOf("a1"), keyOf("b2"), keyOf("c3")]
const bytes = (text: string) => new TextEncoder().encode(text)

/** Two validators, and a third peer that is one only where nobody says who is. */
const join = Effect.fnUntraced(function* (hub: MemoryNetwork.Service) {
  const alice = yield* hub.join({ id: "alice", authority: authorityOfAlice })
  const bob = yield* hub.join({ id: "bob", authority: authorityOfBob })
  const carol = yield* hub.join({ id: "carol", authority: authorityOfCarol })
  return { alice, bob, carol, authorityOfAlice }
})

const validators = [authorityOfAlice, authorityOfBob]

const hubOf = (options?: MemoryNetwork.Options) =>
  Effect.map(Layer.build(MemoryNetwork.layer(options)), (context) =>
    Context.get(context, MemoryNetwork.MemoryNetwork)
  )

NetworkTest.suite("MemoryNetwork", Effect.flatMap(hubOf({ validators }), join))
NetworkTest.suite(
  "MemoryNetwork with weather",
  Effect.flatMap(hubOf({ validators, weather: () => Effect.succeed({ lost: false, delayMs: 1 }) }), join)
)

/** Subscribes and collects. */
const collect = Effect.fnUntraced(function* (network: Network.Service) {
  const seen: Array<string> = []
  yield* network.events.pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        seen.push(
          event._tag === "PeerMessage"
            ? `${event.peer}: ${new TextDecoder().decode(event.bytes)}`
            : `${event.peer} ${event._tag}`
        )
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return seen
})
const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

describe("MemoryNetwork", () => {
  it.effect("peers come and go", () =>
    Effect.gen(function* () {
      const hub = yield* hubOf()
      const alice = yield* hub.join({ id: "alice" })
      const seen = yield* collect(alice)
      yield* Effect.scoped(Effect.andThen(hub.join({ id: "bob" }), settle))
      yield* settle
      assert.deepStrictEqual(seen, ["bob PeerConnected", "bob PeerDisconnected"])
      const taken: NetworkError = yield* Effect.flip(hub.join({ id: "alice" }))
      assert.strictEqual(taken.reason._tag, "PeerTaken")
    })
  )

  it.effect("a cut link disconnects both sides, a mended one connects them again with their views", () =>
    Effect.gen(function* () {
      const hub = yield* hubOf()
      const { alice, bob } = yield* join(hub)
      yield* bob.setView(View.make([], 3))
      const seen = yield* collect(alice)
      yield* hub.setLink("bob", "alice", false)
      yield* bob.notify(Protocol.statement, ["alice"], bytes("lost"))
      yield* hub.setLink("alice", "bob", true)
      yield* settle
      assert.deepStrictEqual(seen, [
        "bob PeerConnected",
        "bob PeerViewChange",
        "carol PeerConnected",
        "bob PeerDisconnected",
        "bob PeerConnected",
        "bob PeerViewChange"
      ])
    })
  )

  it.effect("a slow subscriber loses what exceeds a peer's share, other peers lose nothing", () =>
    Effect.gen(function* () {
      const hub = yield* hubOf({ limits: { inboundPerPeer: 2 } })
      const { alice, bob, carol } = yield* join(hub)
      const events = yield* Stream.toPull(alice.events)
      yield* events // who is connected; from here on nothing is read
      for (const n of [1, 2, 3, 4]) yield* bob.notify(Protocol.statement, ["alice"], bytes(`${n}`))
      for (const n of [1, 2, 3]) yield* bob.setView(View.make([], n))
      yield* carol.notify(Protocol.statement, ["alice"], bytes("5"))
      const read = yield* events
      assert.deepStrictEqual(
        read.map((event) =>
          event._tag === "PeerMessage" ? new TextDecoder().decode(event.bytes) : event._tag
        ),
        ["1", "2", "PeerViewChange", "5"]
      )
      assert.deepInclude(read[2], { view: View.make([], 3) })
      assert.strictEqual(yield* hub.dropped("alice"), 2)
      yield* bob.notify(Protocol.statement, ["alice"], bytes("6"))
      assert.lengthOf(yield* events, 1, "what was read makes room")
    })
  )

  it.effect("a view with too many heads costs reputation and is not taken", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* join(yield* hubOf())
      const seen = yield* collect(alice)
      const heads = [1, 2, 3, 4, 5, 6].map((n): `0x${string}` => `0x${`${n}`.repeat(64)}`)
      yield* bob.setView({ heads, finalizedNumber: 0 })
      yield* settle
      assert.notInclude(seen, "bob PeerViewChange")
      assert.strictEqual(yield* alice.reputation("bob"), Reputation.changes.major)
    })
  )

  it.effect("a refused peer comes back when its reputation has recovered", () =>
    Effect.gen(function* () {
      const { alice } = yield* join(yield* hubOf())
      const seen = yield* collect(alice)
      yield* alice.report("bob", -20_000, "floods")
      yield* settle
      assert.deepStrictEqual(seen.slice(2), ["bob PeerDisconnected"])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(seen.slice(3), [])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(seen.slice(3), ["bob PeerConnected"])
    })
  )

  it.effect("with weather, parcels are late or lost, but never overtake each other", () =>
    Effect.gen(function* () {
      const delays = [50, 10, 30]
      let sent = 0
      const weather: MemoryNetwork.Weather = ({ what }) =>
        Effect.sync(() => ({ lost: what === "notification" && sent === 3, delayMs: delays[sent++] ?? 0 }))
      const { alice, bob } = yield* join(yield* hubOf({ weather }))
      const seen = yield* collect(alice)
      for (const n of [1, 2, 3, 4, 5]) yield* bob.notify(Protocol.statement, ["alice"], bytes(`${n}`))
      yield* TestClock.adjust("49 millis")
      assert.deepStrictEqual(seen.slice(2), [])
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.deepStrictEqual(seen.slice(2), ["bob: 1", "bob: 2", "bob: 3", "bob: 5"])
    })
  )

  it.effect("a lost request ends in its timeout", () =>
    Effect.gen(function* () {
      const weather: MemoryNetwork.Weather = () => Effect.succeed({ lost: true, delayMs: 0 })
      const { alice, bob } = yield* join(yield* hubOf({ weather }))
      yield* bob.serve(Protocol.pov, () => Effect.succeed(bytes("answer")))
      const asking = yield* Effect.forkChild(Effect.flip(alice.request(Protocol.pov, "bob", bytes("x"))))
      yield* TestClock.adjust(Protocol.pov.timeoutMs)
      assert.strictEqual((yield* Fiber.join(asking)).reason._tag, "RequestTimeout")
    })
  )

  it.effect("the same seed gives the same trace", () =>
    Effect.gen(function* () {
      const run = (seed: string) =>
        Effect.gen(function* () {
          const weather: MemoryNetwork.Weather = () =>
            Effect.map(Effect.all([Random.next, Random.nextIntBetween(0, 100)]), ([luck, delayMs]) => ({
              lost: luck < 0.3,
              delayMs
            }))
          const { alice, bob, carol } = yield* join(yield* hubOf({ weather }))
          const seen = yield* collect(alice)
          for (let n = 0; n < 30; n++) {
            yield* (n % 2 === 0 ? bob : carol).notify(Protocol.statement, ["alice"], bytes(`${n}`))
            yield* TestClock.adjust("7 millis")
          }
          yield* TestClock.adjust("1 second")
          return seen
        }).pipe(Effect.scoped, Random.withSeed(seed))
      const first = yield* run("one")
      assert.isAbove(first.length, 10)
      assert.deepStrictEqual(yield* run("one"), first)
      assert.notDeepEqual(yield* run("two"), first)
    })
  )

  it.effect("peers of one hub are layers", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        Layer.mergeAll(MemoryNetwork.layerPeer({ peer: "alice" })).pipe(
          Layer.provideMerge(MemoryNetwork.layer())
        )
      )
      yield* Context.get(context, MemoryNetwork.MemoryNetwork).join({ id: "bob" })
      assert.deepStrictEqual(yield* Context.get(context, Network.Network).peers, [{ id: "bob" }])
    })
  )
})
