/** Notifications: to whom, in which order, and how long they may be. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import * as Protocol from "../../Protocol.ts"
import { bytes, listen, type Test, text } from "./Trio.ts"

/** Declares the tests. */
export const notifications = (name: string, test: Test): void => {
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
}
