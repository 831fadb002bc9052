import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { Adder, CandidateChecks, CandidateValidation, Malus, Pvf } from "@ephor/backing"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import {
  type CandidateReceipt,
  commitmentsHash,
  headDataHash,
  persistedValidationDataHash,
  PoV,
  Scale
} from "@ephor/types"
import * as World from "./support/world.ts"

const good = await World.candidateOf(1n)
const garbage = await World.candidateOf(1n, true)

/**
 * An executor that gives these answers in turn, the last one for ever, and notes the time limits it was given.
 */
const scripted = (outcomes: ReadonlyArray<Pvf.PvfOutcome>, limits: Array<number> = []) => {
  let calls = 0
  return Layer.succeed(Pvf.Pvf, {
    execute: ({ timeoutMs }) =>
      Effect.sync(() => {
        limits.push(timeoutMs)
        return outcomes[Math.min(calls++, outcomes.length - 1)]!
      })
  })
}
const answer: Pvf.PvfOutcome = {
  _tag: "Valid",
  result: Adder.expectedResult(World.validationData.parentHead, { state: 0n, add: 1n }, 7)
}

const harness = (
  pvf: Layer.Layer<Pvf.Pvf>,
  options: { readonly world?: World.World; readonly malus?: boolean } = {}
) =>
  SubsystemTest.make({
    subsystem: Overseer.CandidateValidation,
    layer: options.malus === true ? Malus.layer() : CandidateValidation.layer(),
    captures: [Overseer.AvailabilityRecovery]
  }).pipe(Effect.provide([pvf, World.runtime(options.world), World.keystoreOf("//Alice")]))

const request =
  (change: Partial<Omit<Overseer.Validate, "reply">> = {}) =>
  (reply: Overseer.Validate["reply"]): Overseer.Validate => ({
    _tag: "Validate",
    candidate: good.candidate,
    relayParent: World.relayParent,
    povOrigin: { _tag: "Included", pov: good.pov },
    kind: "Backing",
    reply,
    ...change
  })

const withDescriptor = (
  change: Partial<Extract<CandidateReceipt["descriptor"], { readonly _tag: "V1" }>>
) => {
  const { descriptor } = good.candidate
  assert(descriptor._tag === "V1")
  return { ...good.candidate, descriptor: { ...descriptor, ...change } }
}

describe("CandidateValidation", () => {
  it.effect("does not look at the signature of a collator: it decided in 2020 only", () =>
    Effect.gen(function* () {
      for (const kind of ["Backing", "Approval", "Dispute"] as const) {
        const validation = yield* harness(scripted([answer]))
        const candidate = withDescriptor({ signature: `0x${"00".repeat(64)}` })
        assert.strictEqual((yield* validation.ask(request({ candidate, kind })))._tag, "Valid")
      }
    })
  )

  it.effect("answers with the commitments of what it executed", () =>
    Effect.gen(function* () {
      const validation = yield* harness(scripted([answer]))
      assert.deepStrictEqual(yield* validation.ask(request()), {
        _tag: "Valid",
        commitments: World.commitmentsOf(1n),
        persistedValidationData: World.validationData
      })
    })
  )

  const zero = World.hashOf(0)
  const tooLarge = { blockData: new Uint8Array(2000) }
  for (const [what, change, world, expected] of [
    ["another head", { candidate: withDescriptor({ persistedValidationDataHash: zero }) }, {}, "BadParent"],
    ["another para", { candidate: withDescriptor({ paraId: 1 }) }, {}, "BadParent"],
    [
      "a PoV above the limit, before its hash",
      { candidate: withDescriptor({ povHash: zero }), povOrigin: { _tag: "Included", pov: tooLarge } },
      {},
      "ParamsTooLarge"
    ],
    [
      "another PoV, before other code",
      { candidate: withDescriptor({ povHash: zero, validationCodeHash: zero }) },
      {},
      "PoVHashMismatch"
    ],
    [
      "other code",
      { candidate: withDescriptor({ signature: `0x${"00".repeat(64)}` }) },
      { code: Option.some(Uint8Array.of(1)) },
      "CodeHashMismatch"
    ],
    ["a wrong head", { candidate: withDescriptor({ paraHead: zero }) }, {}, "ParaHeadHashMismatch"],
    [
      "wrong commitments",
      { candidate: { ...good.candidate, commitmentsHash: zero } },
      {},
      "CommitmentsHashMismatch"
    ]
  ] as const) {
    it.effect(`calls ${what} ${expected}`, () =>
      Effect.gen(function* () {
        const validation = yield* harness(scripted([answer]), { world })
        const outcome = yield* validation.ask(request(change))
        assert.strictEqual(outcome._tag === "Invalid" ? outcome.reason._tag : outcome._tag, expected)
      })
    )
  }

  for (const [ending, expected] of [
    [{ _tag: "Timeout", timeoutMs: 1 }, "Timeout"],
    [{ _tag: "Trapped", why: "unreachable" }, "ExecutionError"],
    [{ _tag: "OutOfMemory", why: "" }, "ExecutionError"],
    [{ _tag: "BadReturn", why: "" }, "BadReturn"],
    [{ _tag: "WorkerDied", why: "" }, "ExecutionError"],
    [{ _tag: "CompileFailure", why: "" }, "Failed"],
    [{ _tag: "Internal", why: "" }, "Failed"]
  ] as const) {
    it.effect(`${ending._tag} of the executor is ${expected}`, () =>
      Effect.gen(function* () {
        const limits: Array<number> = []
        const validation = yield* harness(scripted([ending], limits))
        const outcome = yield* validation.ask(request())
        assert.strictEqual(outcome._tag === "Invalid" ? outcome.reason._tag : outcome._tag, expected)
        assert.deepStrictEqual(limits, [2000]) // backing never tries again
      })
    )
  }

  it.effect("abstains when the state, the code or the proof is missing", () =>
    Effect.gen(function* () {
      const validation = yield* harness(scripted([answer]), { world: { code: Option.none() } })
      assert.strictEqual((yield* validation.ask(request()))._tag, "Failed")
      assert.strictEqual((yield* validation.ask(request({ relayParent: zero })))._tag, "Failed")
      const network = {
        povOrigin: { _tag: "Network", receipt: good.candidate },
        validationCode: Adder.code
      } as const
      const waiting = yield* Effect.forkChild(validation.ask(request(network)))
      const { reply } = yield* validation.next(Overseer.AvailabilityRecovery)
      yield* Deferred.succeed(reply, { _tag: "Unavailable" })
      const outcome = yield* Fiber.join(waiting)
      assert.strictEqual(outcome._tag === "Failed" && outcome.missing, "PoV")
    })
  )

  it.effect("fetches the proof from the backers that it is told of, and gives it with the verdict", () =>
    Effect.gen(function* () {
      const validation = yield* harness(scripted([answer]))
      const povOrigin = { _tag: "Network", receipt: good.candidate, backers: [1] } as const
      const waiting = yield* Effect.forkChild(validation.ask(request({ povOrigin })))
      const { backers, reply } = yield* validation.next(Overseer.AvailabilityRecovery)
      assert.deepStrictEqual(backers, [1])
      const data = { pov: good.pov, validationData: World.validationData }
      yield* Deferred.succeed(reply, { _tag: "Recovered", data })
      const outcome = yield* Fiber.join(waiting)
      assert.deepStrictEqual(outcome._tag === "Valid" && outcome.pov, good.pov)
    })
  )

  it.effect("tries once more in a dispute, with the time that is left", () =>
    Effect.gen(function* () {
      const limits: Array<number> = []
      const validation = yield* harness(scripted([{ _tag: "WorkerDied", why: "" }, answer], limits))
      const fiber = yield* Effect.forkChild(validation.ask(request({ kind: "Dispute" })))
      yield* validation.idle
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Valid")
      assert.deepStrictEqual(limits, [12_000, 9000])
    })
  )

  it.effect("a second attempt whose time was cut short is no verdict", () =>
    Effect.gen(function* () {
      const endings = [
        { _tag: "Internal", why: "" },
        { _tag: "Timeout", timeoutMs: 9000 }
      ] as const
      const validation = yield* harness(scripted(endings))
      const fiber = yield* Effect.forkChild(validation.ask(request({ kind: "Approval" })))
      yield* validation.idle
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Failed")
    })
  )

  it.effect("one death is no verdict when there is no time for a second attempt", () =>
    Effect.gen(function* () {
      const late = Layer.succeed(Pvf.Pvf, {
        execute: () => Effect.delay(Effect.succeed({ _tag: "WorkerDied", why: "" } as const), "10 seconds")
      })
      const validation = yield* harness(late)
      const fiber = yield* Effect.forkChild(validation.ask(request({ kind: "Dispute" })))
      yield* validation.idle
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Failed")
    })
  )

  it.effect("makes no second attempt for which no time would be left", () =>
    Effect.gen(function* () {
      for (const [timeoutMs, attempts] of [
        [3000, 1],
        [3001, 2]
      ] as const) {
        let executions = 0
        const execute = () =>
          Effect.sync((): Pvf.PvfOutcome => (executions++, { _tag: "WorkerDied", why: "" }))
        const fiber = yield* Effect.forkChild(
          CandidateValidation.executeWithRetry(execute, { timeoutMs } as Pvf.PvfRequest, {
            retry: true,
            retryDelayMs: 3000
          })
        )
        yield* TestClock.adjust(3000)
        yield* Fiber.join(fiber)
        assert.strictEqual(executions, attempts, `${timeoutMs} ms`)
      }
    })
  )

  it.effect("gives up after one more death, and says invalid", () =>
    Effect.gen(function* () {
      const limits: Array<number> = []
      const validation = yield* harness(scripted([{ _tag: "WorkerDied", why: "" }], limits))
      const fiber = yield* Effect.forkChild(validation.ask(request({ kind: "Approval" })))
      yield* validation.idle
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Invalid")
      assert.strictEqual(limits.length, 2)
    })
  )

  it.effect(
    "an honest validator refuses garbage, a faulty one backs it and tells the truth in a dispute",
    () =>
      Effect.gen(function* () {
        const message = {
          candidate: garbage.candidate,
          povOrigin: { _tag: "Included", pov: garbage.pov },
          validationCode: Adder.code
        } as const
        const honest = yield* harness(scripted([answer]))
        assert.strictEqual((yield* honest.ask(request(message)))._tag, "Invalid")
        const faulty = yield* harness(scripted([answer]), { malus: true })
        const backing = yield* faulty.ask(request(message))
        assert(backing._tag === "Valid")
        assert.strictEqual(commitmentsHash(backing.commitments), garbage.candidate.commitmentsHash)
        assert.strictEqual((yield* faulty.ask(request({ ...message, kind: "Dispute" })))._tag, "Invalid")
        assert.strictEqual((yield* faulty.ask(request()))._tag, "Valid")
      })
  )
})

describe("CandidateChecks", () => {
  it("data belongs to a descriptor by three hashes", () => {
    const { descriptor } = good.candidate
    const data = { pov: good.pov, validationData: World.validationData }
    assert.isTrue(CandidateChecks.isDataOf(descriptor, data))
    assert.isFalse(CandidateChecks.isDataOf(descriptor, { ...data, pov: { blockData: Uint8Array.of(1) } }))
    assert.isFalse(
      CandidateChecks.isDataOf(descriptor, {
        ...data,
        validationData: { ...data.validationData, maxPovSize: 1 }
      })
    )
    assert.isFalse(CandidateChecks.isDataOf({ ...descriptor, erasureRoot: World.hashOf(0) } as never, data))
  })

  it("a PoV may be as large as the chain allows, and not larger", () => {
    const encodedSize = Scale.encode(PoV)(good.pov).length
    for (const [maxPovSize, expected] of [
      [encodedSize, undefined],
      [encodedSize - 1, { _tag: "ParamsTooLarge", size: encodedSize }]
    ] as const) {
      const persistedValidationData = { ...World.validationData, maxPovSize }
      const descriptor = {
        ...good.candidate.descriptor,
        persistedValidationDataHash: persistedValidationDataHash(persistedValidationData)
      }
      assert.deepStrictEqual(
        CandidateChecks.beforeExecution({
          descriptor,
          pov: good.pov,
          persistedValidationData,
          code: Adder.code
        }),
        expected
      )
    }
  })

  it("new code and head data may be as large as all validators agreed, and not larger", () => {
    const limits = { maxCodeBytes: 4, maxHeadDataBytes: 8, maxMessages: 1 }
    for (const [codeBytes, headBytes, expected] of [
      [4, 8, undefined],
      [5, 8, { _tag: "InvalidOutputs" }],
      [4, 9, { _tag: "InvalidOutputs" }]
    ] as const) {
      const commitments = {
        ...World.commitmentsOf(1n),
        newValidationCode: new Uint8Array(codeBytes),
        headData: new Uint8Array(headBytes)
      }
      const candidate = {
        descriptor: { ...good.candidate.descriptor, paraHead: headDataHash(commitments.headData) },
        commitmentsHash: commitmentsHash(commitments)
      }
      const outputs = { candidate, commitments, kind: "Dispute", session: 3, cores: [] } as const
      assert.deepStrictEqual(CandidateChecks.afterExecution(outputs, limits), expected)
    }
  })

  it("a V2 descriptor must name session and core while it is backed", () => {
    const candidate = {
      ...good.candidate,
      descriptor: {
        ...good.candidate.descriptor,
        _tag: "V2",
        version: 0,
        coreIndex: 0,
        sessionIndex: 4
      } as never
    }
    const outputs = { candidate, commitments: World.commitmentsOf(1n), session: 3, cores: [1] }
    assert.deepStrictEqual(CandidateChecks.afterExecution({ ...outputs, kind: "Backing" }), {
      _tag: "InvalidSessionIndex"
    })
    assert.deepStrictEqual(CandidateChecks.afterExecution({ ...outputs, session: 4, kind: "Backing" }), {
      _tag: "InvalidUMPSignals",
      fault: "CoreIndexMismatch"
    })
    assert.isUndefined(
      CandidateChecks.afterExecution({ ...outputs, session: 4, cores: [0], kind: "Backing" })
    )
    assert.isUndefined(CandidateChecks.afterExecution({ ...outputs, kind: "Dispute" }))
  })
})
