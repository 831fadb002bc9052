/** What peers know of each other, and how they lose each other. */
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import * as Protocol from "../../Protocol.ts"
import * as Reputation from "../../Reputation.ts"
import * as View from "../../View.ts"
import { bytes, head, listen, type Test } from "./Trio.ts"

/** Declares the tests. */
export const sessions = (name: string, test: Test): void => {
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
