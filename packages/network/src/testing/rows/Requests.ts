/** Requests: answered, refused, in time, and within their limits. */
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Result } from "effect"
import { type NetworkError, Refusal } from "../../NetworkError.ts"
import * as Protocol from "../../Protocol.ts"
import { bytes, type Test, text } from "./Trio.ts"

/** Declares the tests. */
export const requests = (name: string, test: Test): void => {
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
}
