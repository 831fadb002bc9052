import { tcp } from "@libp2p/tcp"
import { noise } from "@libp2p/noise"
import { yamux } from "@libp2p/yamux"
import { lpStream } from "@libp2p/utils"
import { multiaddr } from "@multiformats/multiaddr"
import { assert, describe, it } from "@effect/vitest"
import { Scale } from "@ephor/types"
import { Deferred, Effect, Exit, Fiber, Option, Redacted, Scope, Stream } from "effect"
import { createLibp2p } from "libp2p"
import { connect } from "node:net"
import * as Handshake from "../src/Handshake.ts"
import type { NetworkEvent, Service } from "../src/Network.ts"
import * as NodeLibp2p from "../src/NodeLibp2p.ts"
import * as Protocol from "../src/Protocol.ts"
import * as NetworkTest from "../src/testing/NetworkTest.ts"
import {
  authorityOf,
  authorityOfAlice,
  authorityOfBob,
  connected,
  genesis,
  keyOf,
  nodeKey,
  peer,
  trio,
  until,
  verify
} from "./support/libp2p.ts"

NetworkTest.suite("libp2p", trio)

const bytes = (text: string) => new TextEncoder().encode(text)

/** Collects what happens, from now on. */
const collect = Effect.fnUntraced(function* (network: Service) {
  const events: Array<NetworkEvent> = []
  yield* Effect.forkScoped(
    Stream.runForEach(network.events, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  return events
})

/** A stranger that speaks libp2p and none of our rules. */
const stranger = Effect.acquireRelease(
  Effect.promise(() =>
    createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] })
  ),
  (node) => Effect.promise(async () => void (await node.stop()))
)

const live = (name: string, body: Effect.Effect<unknown, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body), 30_000)

describe("libp2p, connections", () => {
  live(
    "come back after a peer was killed and started again on its port",
    Effect.gen(function* () {
      const first = yield* Scope.make()
      const alice = yield* Scope.provide(peer(1), first)
      const bob = yield* peer(2, { peers: alice.libp2p.addresses })
      const events = yield* collect(bob.network)
      yield* connected(bob.network, 1)
      yield* Scope.close(first, Exit.void)
      yield* connected(bob.network, 0)
      const listen = alice.libp2p.addresses.map((address) => address.replace(/\/p2p\/.*$/, ""))
      const again = yield* peer(1, { listen })
      yield* connected(bob.network, 1)
      assert.deepStrictEqual(again.libp2p.addresses, alice.libp2p.addresses)
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["PeerConnected", "PeerDisconnected", "PeerConnected"]
      )
    })
  )

  live(
    "of two that dial each other at once are one peer",
    Effect.gen(function* () {
      const scout = yield* Scope.make()
      const probe = yield* Scope.provide(peer(1), scout)
      const listen = probe.libp2p.addresses.map((address) => address.replace(/\/p2p\/.*$/, ""))
      yield* Scope.close(scout, Exit.void)
      const bob = yield* peer(2, { peers: listen, authority: authorityOf(authorityOfBob) })
      const events = yield* collect(bob.network)
      const alice = yield* peer(1, { listen, peers: bob.libp2p.addresses })
      yield* connected(bob.network, 1)
      yield* connected(alice.network, 1)
      yield* Effect.sleep(600)
      yield* bob.network.notify(Protocol.statement, [alice.network.self], bytes("x"))
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["PeerConnected"]
      )
    })
  )

  live(
    "to addresses that are none, taken, or with a bad key fail with a sentence",
    Effect.gen(function* () {
      const bad = yield* Effect.flip(peer(1, { peers: ["localhost:30333"] }))
      assert.match(bad.message, /^dial: localhost:30333 is not an address such as/)
      const alice = yield* peer(1)
      const listen = alice.libp2p.addresses.map((address) => address.replace(/\/p2p\/.*$/, ""))
      assert.match((yield* Effect.flip(peer(2, { listen }))).message, /^listen: cannot listen on/)
      const short = yield* Effect.flip(NodeLibp2p.peerIdOf(Redacted.make(new Uint8Array(3))))
      assert.strictEqual(short.reason._tag, "BadNodeKey")
      assert.strictEqual(yield* NodeLibp2p.peerIdOf(nodeKey(1)), alice.libp2p.peerId)
    })
  )
})

describe("libp2p, strangers", () => {
  /** Opens the session stream and says this. */
  const say = (address: string, frames: ReadonlyArray<Uint8Array>) =>
    Effect.gen(function* () {
      const node = yield* stranger
      const connection = yield* Effect.promise(() => node.dial(multiaddr(address)))
      const stream = yield* Effect.promise(() => connection.newStream("/ephor/session/1"))
      const framed = lpStream(stream)
      for (const frame of frames) yield* Effect.promise(() => framed.write(frame).catch(() => undefined))
      const heard: Array<number> = []
      yield* Effect.promise(async () => {
        for (;;) heard.push((await framed.read()).subarray()[0]!)
      }).pipe(Effect.ignoreCause, Effect.timeoutOption(3000))
      return { heard, node, connection }
    })
  const helloOf = (hello: Partial<Handshake.Hello>) =>
    Uint8Array.of(0, ...Scale.encode(Handshake.Hello)({ version: 1, genesis, authority: null, ...hello }))
  const goodbye = 3

  const refused = (name: string, frames: ReadonlyArray<Uint8Array>) =>
    live(
      `are refused when they ${name}`,
      Effect.gen(function* () {
        const alice = yield* peer(1, { limits: { helloTimeoutMs: 500 } })
        const honest = yield* peer(2, { peers: alice.libp2p.addresses })
        yield* connected(alice.network, 1)
        const { heard } = yield* say(alice.libp2p.addresses[0]!, frames)
        assert.include(heard, goodbye)
        assert.deepStrictEqual(
          (yield* alice.network.peers).map(({ id }) => id),
          [honest.network.self]
        )
      })
    )
  refused("say nothing", [])
  refused("say something else", [bytes("GET / HTTP/1.1")])
  refused("begin without a hello", [Uint8Array.of(1, 0, 0, 0, 0, 0)])
  refused("are of another chain", [helloOf({ genesis: `0x${"22".repeat(32)}` })])
  refused("speak another version", [helloOf({ version: 9 })])
  refused("forge a validator's proof", [
    helloOf({ authority: { key: authorityOfAlice, signature: `0x${"00".repeat(64)}` } })
  ])
  live(
    "are cut off when they announce more than a frame may have, or say hello twice",
    Effect.gen(function* () {
      const alice = yield* peer(1)
      const { heard } = yield* say(alice.libp2p.addresses[0]!, [new Uint8Array(1024 * 1024)])
      assert.notInclude(heard, 1)
      yield* say(alice.libp2p.addresses[0]!, [helloOf({}), helloOf({})])
      yield* connected(alice.network, 0)
    })
  )

  it.effect("cannot use a proof that was made for somebody else", () =>
    Effect.gen(function* () {
      const overheard = yield* Handshake.hello(genesis, authorityOf(authorityOfAlice), "alice", "mallory")
      const open = (from: string, to: string) =>
        Effect.result(Handshake.open(overheard, genesis, to, from, verify))
      assert.strictEqual((yield* open("alice", "mallory"))._tag, "Success")
      assert.strictEqual((yield* open("mallory", "bob"))._tag, "Failure")
      assert.strictEqual((yield* open("alice", "bob"))._tag, "Failure")
    })
  )

  live(
    "cannot take a validator's name while it is connected",
    Effect.gen(function* () {
      const alice = yield* peer(1, { authority: authorityOf(authorityOfAlice) })
      const bob = yield* peer(2, { peers: alice.libp2p.addresses })
      yield* connected(bob.network, 1)
      yield* peer(4, { authority: authorityOf(authorityOfAlice), peers: bob.libp2p.addresses })
      yield* Effect.sleep(400)
      assert.strictEqual(
        Option.getOrThrow(yield* bob.network.peerOf(authorityOfAlice)).id,
        alice.network.self
      )
      assert.lengthOf(yield* bob.network.peers, 1)
    })
  )

  live(
    "with half-open sockets keep nobody else out",
    Effect.gen(function* () {
      const alice = yield* peer(1, {
        limits: { maxPendingConnections: 4, helloTimeoutMs: 700, inboundPerSecond: 100 }
      })
      const [, port] = /tcp\/(\d+)/.exec(alice.libp2p.addresses[0]!)!
      const sockets = Array.from({ length: 8 }, () =>
        connect(Number(port), "127.0.0.1").on("error", () => undefined)
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
      yield* Effect.sleep(100)
      const bob = yield* peer(2, { peers: alice.libp2p.addresses })
      yield* connected(bob.network, 1)
    })
  )

  live(
    "are let go when they connect and say nothing, or are refused",
    Effect.gen(function* () {
      const alice = yield* peer(1, { limits: { helloTimeoutMs: 400 } })
      const node = yield* stranger
      yield* Effect.promise(() => node.dial(multiaddr(alice.libp2p.addresses[0]!)))
      yield* until(
        "the end of the connection",
        Effect.sync(() => node.getConnections().length === 0)
      )
      const refusedOne = yield* say(alice.libp2p.addresses[0]!, [helloOf({ version: 9 })])
      yield* until(
        "the end of the refused connection",
        Effect.sync(() => refusedOne.node.getConnections().length === 0)
      )
    })
  )

  live(
    "have their requests refused before they said hello",
    Effect.gen(function* () {
      const alice = yield* peer(1)
      let asked = 0
      yield* alice.network.serve(Protocol.pov, () => Effect.sync(() => (asked++, bytes("secret"))))
      const node = yield* stranger
      const connection = yield* Effect.promise(() => node.dial(multiaddr(alice.libp2p.addresses[0]!)))
      const answer = yield* Effect.promise(async () => {
        const framed = lpStream(await connection.newStream(Protocol.pov.name))
        await framed.write(bytes("x"))
        return await framed.read()
      }).pipe(Effect.exit)
      assert.isTrue(Exit.isFailure(answer))
      assert.strictEqual(asked, 0)
    })
  )
})

describe("libp2p, bounds", () => {
  live(
    "a peer that floods loses what exceeds its share, and a slow subscriber holds up nobody",
    Effect.gen(function* () {
      const alice = yield* peer(1, { authority: authorityOf(authorityOfAlice) })
      const bob = yield* peer(2, { peers: alice.libp2p.addresses, limits: { inboundPerPeer: 16 } })
      yield* connected(alice.network, 1)
      const gate = yield* Deferred.make<void>()
      let taken = 0
      yield* Effect.forkScoped(
        Stream.runForEach(bob.network.eventsOf(Protocol.statement), (event) =>
          event._tag === "PeerMessage"
            ? Effect.andThen(
                Effect.sync(() => taken++),
                Deferred.await(gate)
              )
            : Effect.void
        ),
        { startImmediately: true }
      )
      const fast = yield* collect(bob.network)
      for (let n = 0; n < 300; n++) {
        yield* alice.network.notify(Protocol.statement, [bob.network.self], new Uint8Array(1000))
        if (n % 50 === 0) yield* Effect.sleep(10)
      }
      yield* alice.network.notify(Protocol.bitfield, [bob.network.self], bytes("last"))
      yield* until(
        "the last message",
        Effect.sync(() =>
          fast.some((event) => event._tag === "PeerMessage" && event.protocol === Protocol.bitfield.name)
        )
      )
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.sleep(100)
      assert.isBelow(taken, 100)
    })
  )

  live(
    "large answers and many requests at a time do not stop notifications",
    Effect.gen(function* () {
      const alice = yield* peer(1, { authority: authorityOf(authorityOfAlice) })
      const bob = yield* peer(2, { peers: alice.libp2p.addresses, authority: authorityOf(authorityOfBob) })
      yield* connected(alice.network, 1)
      const large = new Uint8Array(Protocol.pov.maxResponseBytes).fill(7)
      yield* alice.network.serve({ ...Protocol.pov, timeoutMs: 20_000 }, () => Effect.succeed(large))
      const heard = yield* collect(bob.network)
      const asking = yield* Effect.forkChild(
        bob.network.request(Protocol.pov, alice.network.self, bytes("x"), { timeoutMs: 20_000 })
      )
      yield* alice.network.notify(Protocol.statement, [bob.network.self], bytes("meanwhile"))
      yield* until(
        "the notification",
        Effect.sync(() => heard.some(({ _tag }) => _tag === "PeerMessage"))
      )
      assert.deepStrictEqual(yield* Fiber.join(asking), large)
    })
  )

  live(
    "a banned peer is refused when it dials again, until its reputation has recovered",
    Effect.gen(function* () {
      const alice = yield* peer(1, { limits: { banThreshold: -100, decayPerSecond: 0.5 } })
      const bob = yield* peer(2, { peers: alice.libp2p.addresses, authority: authorityOf(keyOf("bb")) })
      yield* connected(alice.network, 1)
      yield* alice.network.report(bob.network.self, -180, "for the test")
      yield* connected(alice.network, 0)
      assert.isBelow(yield* alice.network.reputation(bob.network.self), -100)
      yield* connected(alice.network, 1)
      assert.isAtLeast(yield* alice.network.reputation(bob.network.self), -100)
    })
  )
})
