import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { candidateHash, type CandidateReceipt } from "@ephor/types"
import { Context, Deferred, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { DisputeParticipation, Disputes } from "@ephor/disputes"
import * as World from "./support/world.ts"

const { data } = World
const recovered = { _tag: "Recovered", data } as const
const judged = {
  valid: { _tag: "Valid", commitments: undefined as never, persistedValidationData: data.validationData },
  invalid: { _tag: "Invalid", reason: { _tag: "InvalidOutputs" } },
  failed: { _tag: "Failed", why: "a dead worker" }
} as const

const start = Effect.fnUntraced(function* (options: Partial<DisputeParticipation.Options> = {}) {
  const script = new World.Script()
  const chain = Context.get(yield* Layer.build(Layer.fresh(World.chain)), Chain.Chain)
  yield* Effect.provideService(World.grow("a-b-c-d"), Chain.Chain, chain)
  const services = yield* Layer.build(
    Layer.mergeAll(World.runtimeOf(script), Layer.succeed(Chain.Chain, chain), Layer.fresh(Disputes.layer))
  )
  const harness = yield* SubsystemTest.make({
    subsystem: Overseer.DisputeParticipation,
    layer: DisputeParticipation.layer(options).pipe(Layer.provide(Layer.succeedContext(services))),
    captures: [Overseer.AvailabilityRecovery, Overseer.CandidateValidation, Overseer.DisputeCoordinator]
  })
  return {
    ...harness,
    script,
    hub: Context.get(services, Disputes.Disputes),
    begin: Effect.andThen(harness.activate(World.leafOf("d", "c", 4)), harness.idle),
    participate: (candidate: CandidateReceipt, priority: "Priority" | "BestEffort" = "BestEffort") =>
      harness
        .send({
          _tag: "Participate",
          candidateHash: candidateHash(candidate),
          candidate,
          session: 10,
          nValidators: 4,
          priority
        })
        .pipe(Effect.andThen(harness.idle)),
    recover: (outcome: Overseer.RecoveryOutcome) =>
      Effect.gen(function* () {
        const message = yield* harness.next(Overseer.AvailabilityRecovery)
        yield* Deferred.succeed(message.reply, outcome)
        yield* harness.idle
        return message.candidate
      }),
    judge: (outcome: Overseer.ValidationOutcome) =>
      Effect.gen(function* () {
        const message = yield* harness.next(Overseer.CandidateValidation)
        assert.deepStrictEqual(
          [message.kind, message.povOrigin],
          ["Dispute", { _tag: "Included", pov: data.pov }]
        )
        yield* Deferred.succeed(message.reply, outcome)
        yield* harness.idle
      }),
    waiting: Effect.map(harness.captured(Overseer.AvailabilityRecovery), (list) =>
      list.map(({ candidate }) => candidate)
    ),
    verdicts: Effect.map(harness.captured(Overseer.DisputeCoordinator), (list) =>
      list.map((message) => (message._tag === "IssueLocalStatement" ? message.valid : undefined))
    )
  }
})
const at = (name: string, block: string): CandidateReceipt => {
  const receipt = World.receipt(name)
  return { ...receipt, descriptor: { ...receipt.descriptor, relayParent: ChainScript.hash(block) } }
}

describe("DisputeParticipation", () => {
  it.effect(
    "waits for a leaf; then three at a time: included first, lowest relay parent first, unknown last",
    () =>
      Effect.gen(function* () {
        const rig = yield* start()
        const [high, low, unknown, included] = [at("H", "c"), at("L", "a"), at("U", "nowhere"), at("I", "d")]
        for (const candidate of [unknown, high, low]) yield* rig.participate(candidate)
        yield* rig.participate(included, "Priority")
        assert.deepStrictEqual(yield* rig.waiting, [])
        yield* rig.begin
        const first = yield* rig.next(Overseer.AvailabilityRecovery)
        assert.deepStrictEqual([first.candidate, ...(yield* rig.waiting)], [included, low, high])
        yield* Deferred.succeed(first.reply, { _tag: "Unavailable" })
        assert.deepStrictEqual(yield* rig.waiting, [unknown])
      })
  )
  it.effect("the same candidate is checked once at a time, and again when it is asked for again", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      yield* rig.begin
      const A = at("A", "a")
      yield* rig.participate(A)
      yield* rig.participate(A, "Priority")
      yield* rig.recover({ _tag: "Unavailable" })
      assert.deepStrictEqual(yield* rig.waiting, [])
      yield* rig.participate(A)
      assert.deepStrictEqual(yield* rig.waiting, [A])
    })
  )
  for (const [name, outcome, verdict] of [
    ["valid", judged.valid, [true]],
    ["invalid", judged.invalid, [false]],
    ["failed: no vote", judged.failed, []]
  ] as const) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const rig = yield* start()
        yield* rig.begin
        yield* rig.participate(at("A", "a"))
        yield* rig.recover(recovered)
        yield* rig.judge(outcome)
        assert.deepStrictEqual(yield* rig.verdicts, [...verdict])
      })
    )
  }
  it.effect("data that contradicts the descriptor is invalid, data that nobody has is no vote", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      yield* rig.begin
      yield* rig.participate(at("A", "a"))
      yield* rig.recover({ _tag: "InvalidData" })
      assert.deepStrictEqual(yield* rig.verdicts, [false])
      yield* rig.participate(at("B", "a"))
      yield* rig.recover({ _tag: "Unavailable" })
      assert.deepStrictEqual(yield* rig.verdicts, [])
    })
  )
  it.effect("code that the runtime cannot give is no vote", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      yield* rig.begin
      rig.script.failing = true
      yield* rig.participate(at("A", "a"))
      yield* rig.recover(recovered)
      assert.deepStrictEqual(
        [yield* rig.verdicts, yield* rig.captured(Overseer.CandidateValidation)],
        [[], []]
      )
    })
  )
  it.effect("a check that never ends gives its place to others", () =>
    Effect.gen(function* () {
      const rig = yield* start({ maxParallel: 1 })
      yield* rig.begin
      yield* rig.participate(at("A", "a"))
      yield* rig.participate(at("B", "b"))
      assert.strictEqual((yield* rig.waiting).length, 1)
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* rig.waiting, [at("B", "b")])
      assert.deepStrictEqual(yield* rig.verdicts, [])
    })
  )
  it.effect(
    "what kept us from voting may pass: tried again, ever later, as long as the dispute is open",
    () =>
      Effect.gen(function* () {
        const rig = yield* start({ retryDelayMs: 100, retryLimitMs: 150 })
        yield* rig.begin
        const A = at("A", "a")
        yield* rig.hub.setActive([
          { session: 10, candidateHash: candidateHash(A), status: { _tag: "Active" } }
        ])
        yield* rig.participate(A)
        yield* rig.recover({ _tag: "Unavailable" })
        for (const pauseMs of [100, 150, 150]) {
          yield* TestClock.adjust(pauseMs - 1)
          assert.deepStrictEqual(yield* rig.waiting, [], `before ${pauseMs} ms`)
          yield* TestClock.adjust(1)
          yield* rig.recover(recovered)
          yield* rig.judge(judged.failed)
        }
        assert.deepStrictEqual(yield* rig.verdicts, [])
        // Somebody asks meanwhile: there is one next try, not two.
        yield* rig.participate(A)
        yield* rig.recover({ _tag: "Unavailable" })
        yield* TestClock.adjust(150)
        assert.deepStrictEqual(yield* rig.recover(recovered), A)
        yield* rig.judge(judged.valid)
        assert.deepStrictEqual(yield* rig.verdicts, [true])
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(yield* rig.waiting, [])
      })
  )
  it.effect("a dispute that is over is not tried again", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      yield* rig.begin
      yield* rig.participate(at("A", "a"))
      yield* rig.recover({ _tag: "Unavailable" })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* rig.waiting, [])
    })
  )
  it.effect("what did not fit into the queue follows by itself", () =>
    Effect.gen(function* () {
      const rig = yield* start({ bestEffortCapacity: 1, maxParallel: 1 })
      const [A, B] = [at("A", "a"), at("B", "b")]
      yield* rig.hub.setActive([{ session: 10, candidateHash: candidateHash(B), status: { _tag: "Active" } }])
      yield* rig.participate(A)
      yield* rig.participate(B)
      yield* rig.begin
      assert.deepStrictEqual(yield* rig.waiting, [A])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* rig.waiting, [B])
    })
  )
  it.effect("a full queue refuses, and the next request is heard", () =>
    Effect.gen(function* () {
      const rig = yield* start({ bestEffortCapacity: 1 })
      yield* rig.participate(at("A", "a"))
      yield* rig.participate(at("B", "b"))
      yield* rig.begin
      assert.deepStrictEqual(yield* rig.waiting, [at("A", "a")])
      yield* rig.participate(at("B", "b"))
      assert.deepStrictEqual(yield* rig.waiting, [at("B", "b")])
    })
  )
})
