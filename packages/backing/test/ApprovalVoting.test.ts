import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ApprovalVoting } from "@ephor/backing"
import { RuntimeApi } from "@ephor/chain"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { candidateHash, disputeStatementPayload } from "@ephor/types"
import * as World from "./support/world.ts"

const { candidate, pov } = await World.candidateOf(1n)
const hash = candidateHash(candidate)
const recovered = { _tag: "Recovered", data: { pov, validationData: World.validationData } } as const

const setup = Effect.gen(function* () {
  const included = { _tag: "CandidateIncluded", value: [candidate, Uint8Array.of(), 0, 0] } as const
  const backed = { _tag: "CandidateBacked", value: [candidate, Uint8Array.of(), 0, 0] } as const
  const runtime = Layer.mock(RuntimeApi.RuntimeApi, {
    sessionIndexForChild: () => Effect.succeed(World.session),
    sessionInfo: () => Effect.succeed({ validators: World.validators } as never),
    candidateEvents: () => Effect.succeed([backed, included])
  })
  const voting = yield* SubsystemTest.make({
    subsystem: Overseer.ApprovalVoting,
    layer: ApprovalVoting.layer(),
    captures: [Overseer.AvailabilityRecovery, Overseer.CandidateValidation, Overseer.DisputeCoordinator]
  }).pipe(Effect.provide(Layer.mergeAll(runtime, World.keystoreOf("//Bob"))))
  yield* voting.activate(World.leaf)
  return {
    ...voting,
    recover: Effect.fnUntraced(function* (outcome: Overseer.RecoveryOutcome) {
      const message = yield* voting.next(Overseer.AvailabilityRecovery)
      yield* Deferred.succeed(message.reply, outcome)
      yield* voting.idle
    }),
    judge: Effect.fnUntraced(function* (outcome: Overseer.ValidationOutcome) {
      const message = yield* voting.next(Overseer.CandidateValidation)
      assert.deepStrictEqual(
        [message.kind, message.persistedValidationData, message.povOrigin],
        ["Approval", World.validationData, { _tag: "Included", pov }]
      )
      yield* Deferred.succeed(message.reply, outcome)
      yield* voting.idle
    }),
    approvals: voting.ask((reply: Deferred.Deferred<ReadonlyArray<Overseer.ApprovalSignature>>) => ({
      _tag: "ApprovalStatements",
      candidateHash: hash,
      session: World.session,
      reply
    }))
  }
})
const dispute = {
  _tag: "IssueLocalStatement",
  session: World.session,
  candidateHash: hash,
  candidate,
  valid: false
} as const

describe("ApprovalVoting", () => {
  it.effect("remembers what is valid, and signs it when a dispute asks", () =>
    Effect.gen(function* () {
      const voting = yield* setup
      assert.deepStrictEqual(yield* voting.approvals, [])
      yield* voting.recover(recovered)
      const validationData = World.validationData
      yield* voting.judge({
        _tag: "Valid",
        commitments: World.commitmentsOf(1n),
        persistedValidationData: validationData
      })
      const [approval, ...more] = yield* voting.approvals
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual([approval!.validatorIndex, approval!.candidates], [1, [hash]])
      const payload = disputeStatementPayload(
        { _tag: "Valid", value: { _tag: "ApprovalChecking" } },
        hash,
        World.session
      )!
      assert.isTrue(yield* World.everybody.verify(World.validators[1]!, payload, approval!.signature))
      assert.deepStrictEqual(yield* voting.captured(Overseer.DisputeCoordinator), [])
    })
  )

  it.effect("reports what is invalid, even when its leaf is gone, and once", () =>
    Effect.gen(function* () {
      const voting = yield* setup
      yield* voting.recover(recovered)
      yield* voting.deactivate(World.leaf.hash)
      yield* voting.activate({ ...World.leaf, hash: World.hashOf(1) })
      yield* voting.judge({ _tag: "Invalid", reason: { _tag: "ParaHeadHashMismatch" } })
      assert.deepStrictEqual(yield* voting.captured(Overseer.DisputeCoordinator), [dispute])
      assert.deepStrictEqual(yield* voting.captured(Overseer.AvailabilityRecovery), [])
      assert.deepStrictEqual(yield* voting.approvals, [])
    })
  )

  it.effect("reports data that can never fit", () =>
    Effect.gen(function* () {
      const voting = yield* setup
      yield* voting.recover({ _tag: "InvalidData" })
      assert.deepStrictEqual(yield* voting.captured(Overseer.DisputeCoordinator), [dispute])
    })
  )

  it.effect("abstains when it cannot tell", () =>
    Effect.gen(function* () {
      const failing = yield* setup
      yield* failing.recover(recovered)
      yield* failing.judge({ _tag: "Failed", why: "test" })
      assert.deepStrictEqual(yield* failing.captured(Overseer.DisputeCoordinator), [])
      const lacking = yield* setup
      for (let attempt = 1; attempt <= ApprovalVoting.defaults.recoveryAttempts; attempt++) {
        yield* lacking.recover({ _tag: "Unavailable" })
        yield* TestClock.adjust("1 second")
      }
      yield* lacking.idle
      assert.deepStrictEqual(yield* lacking.captured(Overseer.AvailabilityRecovery), [])
      assert.deepStrictEqual(yield* lacking.captured(Overseer.DisputeCoordinator), [])
      const fiber = yield* Effect.forkChild(lacking.approvals)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [])
    })
  )
})
