/** What each peer may take of the others. */
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Queue, Result } from "effect"
import type { NetworkError } from "../../NetworkError.ts"
import * as Protocol from "../../Protocol.ts"
import * as Reputation from "../../Reputation.ts"
import { bytes, listen, type Test, text } from "./Trio.ts"

/** Declares the tests. */
export const shares = (name: string, test: Test): void => {
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
        assert.deepInclude(refused, {
          _tag: "NotAllowed",
          speakers: "only authorities (the chain's validators)"
        })
        assert.strictEqual(asked, 0)
        assert.strictEqual(text(yield* alice.request(Protocol.pov, bob.self, bytes("x"))), "proof")
      }))

    test("a protocol may be for one authority alone", ({ alice, authorityOfAlice, bob, carol }) =>
      Effect.gen(function* () {
        const toAlice: Protocol.RequestProtocol = {
          ...open,
          from: { named: "the sequencer", keys: [authorityOfAlice] }
        }
        yield* bob.serve(toAlice, () => Effect.succeed(bytes("yes")))
        yield* carol.serve(toAlice, () => Effect.succeed(bytes("yes")))
        assert.strictEqual(text(yield* alice.request(toAlice, bob.self, bytes("x"))), "yes")
        const refused = yield* reasonOf(bob.request(toAlice, carol.self, bytes("x")))
        assert.deepInclude(refused, { _tag: "NotAllowed", speakers: "only the sequencer" })
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
}
