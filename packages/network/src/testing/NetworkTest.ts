/**
 * What every network must do, as a suite: run it against your own transport.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Hash, ValidatorId } from "@ephor/types"
import { Deferred, Effect, Fiber, Option, Queue, Result, type Scope, Stream } from "effect"
import type { NetworkEvent, Service } from "../Network.ts"
import { type NetworkError, Refusal } from "../NetworkError.ts"
import * as Protocol from "../Protocol.ts"
import * as Reputation from "../Reputation.ts"
import * as View from "../View.ts"

/**
 * Three peers that are connected with each other. The network names two validators: `alice`, who has proved to be
 * `authorityOfAlice`, and `bob`, who has proved to be the other one. `carol` is none.
 */
export interface Trio {
  readonly alice: Service
  readonly bob: Service
  readonly carol: Service
  readonly authorityOfAlice: ValidatorId
}

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (of: Uint8Array) => new TextDecoder().decode(of)
const head = (n: number): Hash => `0x${n.toString(16).padStart(64, "0")}`

/** Subscribes, and gives the events one by one. */
const listen = Effect.fnUntraced(function* (events: Stream.Stream<NetworkEvent>) {
  const queue = yield* Queue.unbounded<NetworkEvent>()
  yield* Effect.forkScoped(
    Stream.runForEach(events, (event) => Queue.offer(queue, event)),
    {
      startImmediately: true
    }
  )
  const next = <Tag extends NetworkEvent["_tag"]>(tag: Tag) =>
    Effect.gen(function* () {
      while (true) {
        const event = yield* Queue.take(queue)
        if (event._tag === tag) return event as Extract<NetworkEvent, { readonly _tag: Tag }>
      }
    })
  return { next, rest: Queue.clear(queue) }
})

/** Declares the suite. `trio` starts the peers, and stops them when its scope closes. */
export const suite = <E>(name: string, trio: Effect.Effect<Trio, E, Scope.Scope>): void => {
  const test = (what: string, body: (peers: Trio) => Effect.Effect<void, unknown, Scope.Scope>) =>
    it.live(what, () => Effect.scoped(Effect.flatMap(trio, body)))

  describe(`${name}, peers and views`, () => {
    test("knows who is connected, and who is which authority", ({ alice, authorityOfAlice, bob, carol }) =>
      Effect.gen(function* () {
        const names = (yield* bob.peers).map(({ id }) => id)
        assert.deepStrictEqual(names, [alice.self, carol.self].sort())
        assert.strictEqual(Option.getOrThrow(yield* bob.peerOf(authorityOfAlice)).id, alice.self)
        assert.isTrue(Option.isNone(yield* alice.peerOf(authorityOfAlice)), "we are not our own peer")
      }))

    test("a subscription begins with who is there and what they work on", ({
      alice,
      authorityOfAlice,
      bob
    }) =>
      Effect.gen(function* () {
        const early = yield* listen(bob.events)
        const view = View.make([head(2), head(1)], 7)
        yield* alice.setView(view)
        assert.deepStrictEqual(yield* early.next("PeerViewChange"), {
          _tag: "PeerViewChange",
          peer: alice.self,
          view
        })
        const late = yield* listen(bob.events)
        const first = yield* late.next("PeerConnected")
        assert.strictEqual(first.peer, alice.self)
        assert.strictEqual(first.authority, authorityOfAlice)
        assert.deepStrictEqual((yield* late.next("PeerViewChange")).view, view)
      }))
  })

  describe(`${name}, notifications`, () => {
    test("reach the named peers in order, and nobody else", ({ alice, bob, carol }) =>
      Effect.gen(function* () {
        const [atBob, atCarol] = [yield* listen(bob.events), yield* listen(carol.events)]
        for (const n of [1, 2, 3])
          yield* alice.notify(Protocol.statement, [bob.self, "nobody"], bytes(`${n}`))
        for (const n of [1, 2, 3]) {
          const message = yield* atBob.next("PeerMessage")
          assert.deepStrictEqual(
            [message.peer, message.protocol, text(message.bytes)],
            [alice.self, Protocol.statement.name, `${n}`]
          )
        }
        yield* alice.notify(Protocol.statement, [carol.self], bytes("for carol"))
        assert.strictEqual(text((yield* atCarol.next("PeerMessage")).bytes), "for carol")
      }))

    test("of one protocol may be subscribed to alone", ({ alice, bob }) =>
      Effect.gen(function* () {
        const only = yield* listen(bob.eventsOf(Protocol.bitfield))
        yield* alice.notify(Protocol.statement, [bob.self], bytes("statement"))
        yield* alice.notify(Protocol.bitfield, [bob.self], bytes("bitfield"))
        assert.strictEqual(text((yield* only.next("PeerMessage")).bytes), "bitfield")
      }))

    test("up to the limit pass, longer ones are refused where they are sent", ({ alice, bob }) =>
      Effect.gen(function* () {
        const atBob = yield* listen(bob.events)
        const { maxBytes } = Protocol.statement
        yield* alice.notify(Protocol.statement, [bob.self], new Uint8Array(maxBytes))
        assert.strictEqual((yield* atBob.next("PeerMessage")).bytes.length, maxBytes)
        const error = yield* Effect.flip(
          alice.notify(Protocol.statement, [bob.self], new Uint8Array(maxBytes + 1))
        )
        assert.deepInclude(error.reason, { _tag: "TooLarge", what: "notification", bytes: maxBytes + 1 })
      }))
  })

  describe(`${name}, requests`, () => {
    test("are answered, each with its own answer", ({ alice, authorityOfAlice, bob }) =>
      Effect.gen(function* () {
        yield* bob.serve(Protocol.pov, (peer, question) =>
          Effect.succeed(
            bytes(`${peer.authority === authorityOfAlice ? "alice" : "?"} asked ${text(question)}`)
          )
        )
        const ask = (n: number) => Effect.map(alice.request(Protocol.pov, bob.self, bytes(`${n}`)), text)
        const answers = yield* Effect.all([ask(1), ask(2), ask(3)], { concurrency: 3 })
        assert.deepStrictEqual(answers, ["alice asked 1", "alice asked 2", "alice asked 3"])
      }))

    test("may be refused, with the reason told; a broken handler tells nothing about itself", ({
      alice,
      bob
    }) =>
      Effect.gen(function* () {
        yield* bob.serve(Protocol.pov, (_, question) =>
          text(question) === "bug"
            ? Effect.die(new Error("secret"))
            : Effect.fail(new Refusal({ why: "not mine" }))
        )
        const refused = yield* Effect.flip(alice.request(Protocol.pov, bob.self, bytes("x")))
        assert.deepInclude(refused.reason, { _tag: "Refused", why: "not mine" })
        assert.include(refused.message, "not mine")
        const broken = yield* Effect.flip(alice.request(Protocol.pov, bob.self, bytes("bug")))
        assert.deepInclude(broken.reason, { _tag: "Refused", why: "internal error" })
      }))

    test("that nobody serves, or to nobody, fail at once", ({ alice, bob }) =>
      Effect.gen(function* () {
        const unserved = yield* Effect.flip(alice.request(Protocol.pov, bob.self, bytes("x")))
        assert.strictEqual(unserved.reason._tag, "NotServed")
        const nobody = yield* Effect.flip(alice.request(Protocol.pov, "nobody", bytes("x")))
        assert.strictEqual(nobody.reason._tag, "NotConnected")
        assert.isTrue(nobody.retryable)
      }))

    test("end in time", ({ alice, bob }) =>
      Effect.gen(function* () {
        yield* bob.serve(Protocol.pov, () => Effect.never)
        const error = yield* Effect.flip(alice.request(Protocol.pov, bob.self, bytes("x"), { timeoutMs: 30 }))
        assert.deepInclude(error.reason, { _tag: "RequestTimeout", timeoutMs: 30 })
      }))

    test("and answers beyond their limits are neither sent nor taken", ({ alice, bob }) =>
      Effect.gen(function* () {
        yield* bob.serve(Protocol.sendDispute, (_, question) => Effect.succeed(new Uint8Array(question[0]!)))
        const ask = (question: Uint8Array, maxResponseBytes?: number) =>
          alice.request(Protocol.sendDispute, bob.self, question, { maxResponseBytes })
        assert.lengthOf(yield* ask(Uint8Array.of(100)), 100)
        assert.deepInclude((yield* Effect.flip(ask(Uint8Array.of(101)))).reason, {
          _tag: "TooLarge",
          what: "response"
        })
        assert.deepInclude((yield* Effect.flip(ask(Uint8Array.of(11), 10))).reason, {
          _tag: "TooLarge",
          maxBytes: 10
        })
        assert.deepInclude((yield* Effect.flip(ask(new Uint8Array(1001)))).reason, {
          _tag: "TooLarge",
          what: "request"
        })
      }))

    test("beyond what a server holds are refused at once", ({ alice, bob }) =>
      Effect.gen(function* () {
        const small: Protocol.RequestProtocol = { ...Protocol.pov, concurrency: 1, queueCapacity: 1 }
        const gate = yield* Deferred.make<void>()
        const started = yield* Deferred.make<void>()
        yield* bob.serve(small, () =>
          Effect.andThen(Deferred.succeed(started, undefined), Effect.as(Deferred.await(gate), bytes("late")))
        )
        const ask = alice.request(small, bob.self, bytes("x"))
        const first = yield* Effect.forkChild(ask, { startImmediately: true })
        yield* Deferred.await(started)
        const outcomes = yield* Queue.unbounded<Result.Result<Uint8Array, NetworkError>>()
        const report = Effect.flatMap(Effect.result(ask), (outcome) => Queue.offer(outcomes, outcome))
        yield* Effect.forkChild(Effect.all([report, report], { concurrency: 2 }))
        const refused = yield* Queue.take(outcomes) // the other one waits
        assert.strictEqual(Result.isFailure(refused) && refused.failure.reason._tag, "Overloaded")
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(text(yield* Fiber.join(first)), "late")
        assert.isTrue(Result.isSuccess(yield* Queue.take(outcomes)))
      }))

    test("of one protocol have one handler at a time", ({ bob }) =>
      Effect.gen(function* () {
        const serve = bob.serve(Protocol.pov, () => Effect.succeed(bytes("")))
        yield* Effect.scoped(serve)
        yield* serve
        assert.strictEqual((yield* Effect.flip(serve)).reason._tag, "AlreadyServed")
      }))
  })

  describe(`${name}, shares`, () => {
    /** A protocol as one speaks it who does not keep to its share. */
    const greedy = (protocol: Protocol.RequestProtocol): Protocol.RequestProtocol => ({
      ...protocol,
      perPeer: 1000
    })
    const open: Protocol.RequestProtocol = {
      ...Protocol.pov,
      name: "/ephor/test/1",
      from: "anyone",
      perPeer: 2
    }
    const reasonOf = (asking: Effect.Effect<unknown, NetworkError>) =>
      Effect.map(Effect.flip(asking), ({ reason }) => reason)

    test("notifications of validators are sent by nobody else, and taken from nobody else", ({
      alice,
      bob,
      carol
    }) =>
      Effect.gen(function* () {
        const atBob = yield* listen(bob.eventsOf(Protocol.statement))
        const refused = yield* Effect.flip(carol.notify(Protocol.statement, [bob.self], bytes("x")))
        assert.strictEqual(refused.reason._tag, "NotAllowed")
        const rogue: Protocol.NotificationProtocol = { ...Protocol.statement, from: "anyone" }
        yield* carol.notify(rogue, [bob.self], bytes("from a stranger"))
        // What carol says next is behind it on the same way.
        const open = yield* listen(bob.eventsOf(Protocol.collation))
        yield* carol.notify(Protocol.collation, [bob.self], bytes("offer"))
        assert.strictEqual(text((yield* open.next("PeerMessage")).bytes), "offer")
        yield* alice.notify(Protocol.statement, [bob.self], bytes("from a validator"))
        assert.strictEqual(text((yield* atBob.next("PeerMessage")).bytes), "from a validator")
        assert.isBelow(yield* bob.reputation(carol.self), 0)
      }))

    test("requests of validators are refused to others, and nobody works for them", ({ alice, bob, carol }) =>
      Effect.gen(function* () {
        let asked = 0
        yield* bob.serve(Protocol.pov, () => Effect.sync(() => (asked++, bytes("proof"))))
        const refused = yield* reasonOf(carol.request(Protocol.pov, bob.self, bytes("x")))
        assert.deepInclude(refused, { _tag: "NotAllowed", speakers: "validators" })
        assert.strictEqual(asked, 0)
        assert.strictEqual(text(yield* alice.request(Protocol.pov, bob.self, bytes("x"))), "proof")
      }))

    test("a protocol may be for one authority alone", ({ alice, authorityOfAlice, bob, carol }) =>
      Effect.gen(function* () {
        const toAlice: Protocol.RequestProtocol = { ...open, from: [authorityOfAlice] }
        yield* bob.serve(toAlice, () => Effect.succeed(bytes("yes")))
        yield* carol.serve(toAlice, () => Effect.succeed(bytes("yes")))
        assert.strictEqual(text(yield* alice.request(toAlice, bob.self, bytes("x"))), "yes")
        const refused = yield* reasonOf(bob.request(toAlice, carol.self, bytes("x")))
        assert.strictEqual(refused._tag, "NotAllowed")
      }))

    test("a peer has so many requests at a time, further ones are refused at once, and others are answered", ({
      alice,
      bob,
      carol
    }) =>
      Effect.gen(function* () {
        yield* bob.serve(open, (_, question) =>
          text(question) === "wait" ? Effect.never : Effect.succeed(bytes("at once"))
        )
        const outcomes = yield* Queue.unbounded<Result.Result<Uint8Array, NetworkError>>()
        const ask = Effect.flatMap(
          Effect.result(carol.request(greedy(open), bob.self, bytes("wait"), { timeoutMs: 10_000 })),
          (outcome) => Queue.offer(outcomes, outcome)
        )
        yield* Effect.forkScoped(Effect.replicateEffect(ask, 12, { concurrency: 12 }))
        for (let n = 0; n < 10; n++) {
          const outcome = yield* Queue.take(outcomes)
          const reason = Result.isFailure(outcome) ? outcome.failure.reason : undefined
          assert.deepInclude(reason, { _tag: "ShareTaken", what: "at a time" })
        }
        assert.strictEqual(text(yield* alice.request(open, bob.self, bytes("x"))), "at once")
      }))

    test("who keeps to its share waits for its turn instead, and is answered in full", ({ bob, carol }) =>
      Effect.gen(function* () {
        let working = 0
        let most = 0
        yield* bob.serve(open, () =>
          Effect.gen(function* () {
            most = Math.max(most, ++working)
            yield* Effect.sleep(5)
            working--
            return bytes("done")
          })
        )
        const ask = carol.request(open, bob.self, bytes("x"))
        const answers = yield* Effect.replicateEffect(ask, 8, { concurrency: 8 })
        assert.lengthOf(answers, 8)
        assert.isAtMost(most, open.perPeer)
      }))

    test("what others have taken is not missing to validators", ({ alice, bob, carol }) =>
      Effect.gen(function* () {
        const others = { concurrency: 1, queueCapacity: 0, bytesPerSecond: 1e6 }
        const scarce: Protocol.RequestProtocol = { ...open, concurrency: 1, queueCapacity: 0, others }
        const started = yield* Deferred.make<void>()
        yield* bob.serve(scarce, (_, question) =>
          text(question) === "wait"
            ? Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
            : Effect.succeed(bytes("at once"))
        )
        yield* Effect.forkScoped(Effect.ignore(carol.request(scarce, bob.self, bytes("wait"))))
        yield* Deferred.await(started)
        const refused = yield* reasonOf(carol.request(scarce, bob.self, bytes("x")))
        assert.include(["ShareTaken", "Overloaded"], refused._tag)
        assert.strictEqual(text(yield* alice.request(scarce, bob.self, bytes("x"))), "at once")
      }))

    test("a peer has so many requests per second, and so many bytes if it is no validator", ({
      alice,
      bob,
      carol
    }) =>
      Effect.gen(function* () {
        const slow: Protocol.RequestProtocol = { ...open, perSecond: 0.001 }
        yield* bob.serve(slow, () => Effect.succeed(bytes("one")))
        assert.strictEqual(text(yield* alice.request(slow, bob.self, bytes("x"))), "one")
        const refused = yield* reasonOf(alice.request(slow, bob.self, bytes("x")))
        assert.deepInclude(refused, { _tag: "ShareTaken", what: "per second" })

        const others = { concurrency: 4, queueCapacity: 4, bytesPerSecond: 10 }
        const large: Protocol.RequestProtocol = { ...open, name: "/ephor/test/2", others }
        yield* bob.serve(large, () => Effect.succeed(new Uint8Array(100_000)))
        assert.lengthOf(yield* carol.request(large, bob.self, bytes("x")), 100_000)
        const spent = yield* reasonOf(carol.request(large, bob.self, bytes("x")))
        assert.deepInclude(spent, { _tag: "ShareTaken", what: "per second" })
        for (let n = 0; n < 2; n++) yield* alice.request(large, bob.self, bytes("x"))
      }))

    test("who asks on although it is refused is refused for good", ({ bob, carol }) =>
      Effect.gen(function* () {
        yield* bob.serve(Protocol.pov, () => Effect.succeed(bytes("proof")))
        const ask = Effect.ignore(carol.request(greedy(Protocol.pov), bob.self, bytes("x")))
        const isPeer = Effect.map(carol.peers, (peers) => peers.some(({ id }) => id === bob.self))
        for (let round = 0; round < 200 && (yield* isPeer); round++) {
          yield* Effect.replicateEffect(ask, 50, { concurrency: 50 })
        }
        assert.isBelow(yield* bob.reputation(carol.self), Reputation.defaults.banThreshold)
      }))
  })

  describe(`${name}, reputation`, () => {
    test("adds up, and below the threshold ends the connection and its requests", ({ alice, bob, carol }) =>
      Effect.gen(function* () {
        yield* bob.serve(Protocol.pov, () => Effect.never)
        const atAlice = yield* listen(alice.events)
        const waiting = yield* Effect.forkChild(
          Effect.flip(alice.request(Protocol.pov, bob.self, bytes("x"))),
          {
            startImmediately: true
          }
        )
        yield* bob.report(alice.self, Reputation.changes.validFirst, "useful")
        assert.approximately(yield* bob.reputation(alice.self), 25, 1) // it decays
        yield* bob.report(alice.self, Reputation.changes.malicious, "forged a signature")
        assert.isBelow(yield* bob.reputation(alice.self), Reputation.defaults.banThreshold)
        assert.strictEqual((yield* atAlice.next("PeerDisconnected")).peer, bob.self)
        assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "NotConnected")
        assert.deepStrictEqual(
          (yield* bob.peers).map(({ id }) => id),
          [carol.self]
        )
      }))
  })
}
