import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { ObserverApi, ObserverError, Subscriber } from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import { Misconfigured, reasonOfStatus, Unavailable } from "../src/ObserverError.ts"
import { Refusals } from "../src/subscriber/Refusals.ts"
import { dagOf } from "./dag.ts"
import { publisher } from "./support/publisher.ts"
import { quick } from "./support/quick.ts"
import { quietly } from "./support/quietly.ts"

/** What a proxy may answer while the publisher behind it is exchanged: gRPC statuses, and those of HTTP. */
const statuses = [3, 7, 11, 12, 16] as const
const range = { "x-earliest-commit": "5", "x-latest-commit": "9" } as Readonly<Record<string, string>>
const refusal = (status: number) =>
  new ObserverError({
    where: "StreamBlocks",
    reason: reasonOfStatus(status, "said the proxy", (name) => (status === 11 ? range[name] : undefined))
  })
const lost = new ObserverError({ where: "StreamBlocks", reason: new Unavailable({ why: "gone" }) })

describe("Refusals", () => {
  for (const status of statuses) {
    it(`status ${status} is final once it was said again and again, for long enough`, () => {
      const refusals = new Refusals(1000)
      refusals.note(0, refusal(status), 5000)
      assert.isUndefined(refusals.verdict(["a"], 9000), "said once")
      refusals.note(0, refusal(status), 5500)
      assert.isUndefined(refusals.verdict(["a"], 5999), "not for long")
      assert.isDefined(refusals.verdict(["a"], 6000))
    })
  }
  it("counts anew after anything else, and after anybody was of use", () => {
    const refusals = new Refusals(1000)
    const twice = (nowMs: number) => {
      refusals.note(0, refusal(7), nowMs)
      refusals.note(0, refusal(16), nowMs)
    }
    twice(0)
    refusals.note(0, lost, 500)
    twice(600)
    assert.isUndefined(refusals.verdict(["a"], 1500))
    refusals.clear()
    twice(1500)
    assert.isUndefined(refusals.verdict(["a"], 2400))
    assert.isDefined(refusals.verdict(["a"], 2500))
  })
  it("every publisher must have said so", () => {
    const refusals = new Refusals(0)
    for (let times = 0; times < 2; times++) refusals.note(1, refusal(12), 0)
    assert.isUndefined(refusals.verdict(["a", "b"], 10))
    for (let times = 0; times < 2; times++) refusals.note(0, refusal(16), 0)
    assert.isDefined(refusals.verdict(["a", "b"], 10))
  })
  it("our own settings do not change by waiting", () => {
    const refusals = new Refusals(1000)
    const reason = new Misconfigured({ why: "no such file" })
    refusals.note(0, new ObserverError({ where: "NodeGrpcClient", reason }), 0)
    assert.isDefined(refusals.verdict(["a"], 0))
  })
  it("the sentence names the publisher, and says what to do", () => {
    const sentences = [3, 12, 16].map((status) => {
      const refusals = new Refusals(0)
      for (let times = 0; times < 3; times++) refusals.note(0, refusal(status), times * 1000)
      return refusals.verdict(["https://a:1"], 2000)![0]!.error.message
    })
    assert.deepStrictEqual(sentences, [
      "https://a:1: said the proxy (3 times in 2 s): check that the committee is that of its chain, or follow another publisher",
      "https://a:1: said the proxy is not served there; it has said so (3 times in 2 s): check its address, and the package of its services, or follow another publisher",
      "https://a:1: said the proxy (3 times in 2 s): give a token or a key that it knows, or follow another publisher"
    ])
  })
})

describe("a subscriber whose publisher has worked", () => {
  for (const status of statuses) {
    it.live(`takes status ${status} for a passing one`, () =>
      Effect.gen(function* () {
        const dag = dagOf(40)
        const { api, memory } = yield* publisher({ heartbeatMs: 100 })
        const put = Effect.fnUntraced(function* (round: ReturnType<typeof dag.next>) {
          yield* memory.accept(round.blocks)
          yield* memory.commit([round.commit])
        })
        for (const round of dag.rounds) yield* put(round)
        let sessions = 0
        const connect = Effect.sync((): ObserverApi.Service => {
          sessions++
          if (sessions > 1 && sessions < 6) {
            const no = Stream.fail(refusal(status))
            return { ...api, streamBlocks: () => no, streamCommits: () => no }
          }
          const fails = <A>(stream: Stream.Stream<A, ObserverError>) =>
            sessions === 1 ? Stream.concat(Stream.take(stream, 20), Stream.fail(refusal(status))) : stream
          return { ...api, streamBlocks: (commands) => fails(api.streamBlocks(commands)) }
        })
        const subscriber = yield* Effect.provide(
          Subscriber.make([{ name: "proxy", connect }], { ...quick, giveUpMs: 60_000 }),
          NodeBlockVerifier.layerMysticeti({ committee: dag.committee })
        )
        yield* Effect.suspend(() => put(dag.next())).pipe(Effect.delay(5), Effect.forever, Effect.forkScoped)
        const commits = yield* Stream.runCollect(Stream.take(subscriber.commits, 80))
        assert.strictEqual(commits.at(-1)?.index, 80)
        assert.isAtLeast(sessions, 6)
      }).pipe(Effect.scoped, quietly)
    )
  }

  it.live("gives up when it is refused for longer than it was told to wait, with a sentence", () =>
    Effect.gen(function* () {
      const no = Stream.fail(refusal(16))
      const connect = Effect.succeed({ streamBlocks: () => no, streamCommits: () => no })
      const subscriber = yield* Effect.provide(
        Subscriber.make([{ name: "https://a:1", connect }], { ...quick, giveUpMs: 50 }),
        NodeBlockVerifier.layerMysticeti({ committee: dagOf(1).committee })
      )
      const error = yield* Effect.flip(Stream.runDrain(subscriber.commits))
      assert.match(
        error.message,
        /^https:\/\/a:1: said the proxy \(\d+ times in 0 s\): give a token or a key/
      )
    }).pipe(Effect.scoped, quietly)
  )
})
