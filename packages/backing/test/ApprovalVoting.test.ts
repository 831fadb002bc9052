import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ApprovalVoting } from "@ephor/backing"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import * as Overseer from "@ephor/overseer"
import { candidateHash, disputeStatementPayload } from "@ephor/types"
import * as Approval from "./support/approval.ts"
import * as World from "./support/world.ts"

const { candidate, pov } = await World.candidateOf(1n)
const second = await World.candidateOf(2n)
const hash = candidateHash(candidate)
const recovered = Approval.recovered(pov)
const unavailable = { _tag: "Unavailable" } as const
const { retryDelayMs, retryLimitMs } = ApprovalVoting.defaults

/** One block that includes a candidate, and a validator who hears of it. */
const setup = Effect.gen(function* () {
  const ground = yield* Approval.ground("g-a-b-c")
  ground.blocks.set("a", [candidate])
  const voting = yield* Approval.start(ground)
  yield* voting.leaf("a")
  return { ...voting, ground }
})
const dispute = {
  _tag: "IssueLocalStatement",
  session: World.session,
  candidateHash: hash,
  candidate,
  valid: false
} as const

describe("ApprovalVoting", () => {
  it.effect("remembers what is valid, and signs it when a dispute of its session asks", () =>
    Effect.gen(function* () {
      const voting = yield* setup
      assert.deepStrictEqual(yield* voting.approvals(candidate), [])
      yield* voting.recover(recovered)
      const asked = yield* voting.judge(Approval.valid(1n))
      assert.deepStrictEqual(
        [asked.kind, asked.relayParent, asked.persistedValidationData, asked.povOrigin],
        ["Approval", World.relayParent, World.validationData, { _tag: "Included", pov }]
      )
      const [approval, ...more] = yield* voting.approvals(candidate)
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual([approval!.validatorIndex, approval!.candidates], [1, [hash]])
      const payload = disputeStatementPayload(
        { _tag: "Valid", value: { _tag: "ApprovalChecking" } },
        hash,
        World.session
      )!
      assert.isTrue(yield* World.everybody.verify(World.validators[1]!, payload, approval!.signature))
      assert.deepStrictEqual(yield* voting.approvals(candidate, World.session + 1), [])
      assert.deepStrictEqual(yield* voting.captured(Overseer.DisputeCoordinator), [])
    })
  )

  it.effect("reports what is invalid, even when its leaf is gone, and once", () =>
    Effect.gen(function* () {
      const voting = yield* setup
      yield* voting.recover(recovered)
      yield* voting.deactivate(ChainScript.hash("a"))
      yield* voting.leaf("b")
      yield* voting.judge({ _tag: "Invalid", reason: { _tag: "ParaHeadHashMismatch" } })
      yield* voting.leaf("c")
      assert.deepStrictEqual(yield* voting.captured(Overseer.DisputeCoordinator), [dispute])
      assert.deepStrictEqual(yield* voting.asked, [])
      assert.deepStrictEqual(yield* voting.approvals(candidate), [])
      assert.strictEqual(yield* voting.approved("g", "c"), "")
    })
  )

  it.effect("reports data that can never fit", () =>
    Effect.gen(function* () {
      const voting = yield* setup
      yield* voting.recover({ _tag: "InvalidData" })
      assert.deepStrictEqual(yield* voting.captured(Overseer.DisputeCoordinator), [dispute])
    })
  )

  it.effect("says nothing while it cannot tell, and tries again with longer and longer pauses", () =>
    Effect.gen(function* () {
      const voting = yield* setup
      yield* voting.recover(recovered)
      yield* voting.judge({ _tag: "Failed", why: "test" })
      for (let pauseMs = retryDelayMs, tries = 0; tries < 8; tries++) {
        yield* TestClock.adjust(pauseMs - 1)
        assert.deepStrictEqual(yield* voting.asked, [], `try ${tries} comes after ${pauseMs} ms`)
        yield* TestClock.adjust(1)
        yield* voting.recover(unavailable)
        pauseMs = Math.min(pauseMs * 2, retryLimitMs)
      }
      assert.deepStrictEqual(yield* voting.captured(Overseer.DisputeCoordinator), [])
      assert.deepStrictEqual(yield* voting.approvals(candidate), [])
      yield* TestClock.adjust(retryLimitMs)
      yield* voting.recover(recovered)
      yield* voting.judge(Approval.valid(1n))
      assert.lengthOf(yield* voting.approvals(candidate), 1)
      yield* TestClock.adjust(2 * retryLimitMs)
      assert.deepStrictEqual(yield* voting.asked, [])
    })
  )

  it.effect("gives up when the block is final or was found invalid", () =>
    Effect.gen(function* () {
      for (const end of ["finalize b", "blacklist a"]) {
        const voting = yield* setup
        yield* voting.recover(unavailable)
        yield* ChainScript.run(voting.ground.chain, end)
        yield* TestClock.adjust(2 * retryLimitMs)
        assert.deepStrictEqual(yield* voting.asked, [], end)
      }
    })
  )

  it.effect("takes up at its first leaf what blocks that are not final include", () =>
    Effect.gen(function* () {
      const ground = yield* Approval.ground("g-a-b-c-d; finalize a; b-x")
      const third = yield* Effect.promise(() => World.candidateOf(3n))
      ground.blocks
        .set("a", [second.candidate])
        .set("b", [candidate])
        .set("c", "unreadable")
        .set("x", [third.candidate])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* Approval.start(ground)
          yield* first.leaf("b")
          assert.deepStrictEqual(yield* first.asked, [hash], "asked for, never answered: it is gone")
        })
      )
      const next = yield* Approval.start(ground)
      yield* next.leaf("d")
      assert.deepStrictEqual(yield* next.asked, [hash])
      // What could not be read is read at the next leaf.
      ground.blocks.set("c", [second.candidate])
      yield* next.leaf("d")
      assert.deepStrictEqual(yield* next.asked, [candidateHash(second.candidate)])
    })
  )

  it.effect("knows after a restart what it approved, and tells how far a chain is approved", () =>
    Effect.gen(function* () {
      const ground = yield* Approval.ground("g-a-b-c-d; a-x")
      ground.blocks.set("b", [candidate]).set("d", [second.candidate])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* Approval.start(ground)
          yield* first.leaf("b")
          assert.strictEqual(yield* first.approved("g", "c"), "a")
          yield* first.recover(recovered)
          yield* first.judge(Approval.valid(1n))
          assert.strictEqual(yield* first.approved("g", "c"), "abc")
        })
      )
      const next = yield* Approval.start(ground, { keptBlocks: 1 })
      assert.strictEqual(yield* next.approved("g", "d"), "abc")
      assert.strictEqual(yield* next.approved("b", "d"), "c")
      assert.strictEqual(yield* next.approved("x", "d"), "", "not built upon it")
      assert.strictEqual(yield* next.approved("d", "d"), "")
      assert.lengthOf(yield* next.approvals(candidate), 1)
      yield* next.leaf("d")
      assert.deepStrictEqual(yield* next.asked, [candidateHash(second.candidate)])
      ground.blocks.set("a", "unreadable")
      assert.strictEqual(yield* next.approved("g", "d"), "", "what cannot be read is not approved")
    })
  )

  it.effect("forgets on disk what is far below the final block", () =>
    Effect.gen(function* () {
      const ground = yield* Approval.ground("g-a-b-c-d")
      ground.blocks.set("a", [candidate])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* Approval.start(ground, { keptBlocks: 1 })
          yield* first.leaf("a")
          yield* first.recover(recovered)
          yield* first.judge(Approval.valid(1n))
          yield* first.finalized("b")
        })
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const next = yield* Approval.start(ground, { keptBlocks: 1 })
          assert.lengthOf(yield* next.approvals(candidate), 1)
          yield* next.finalized("c")
        })
      )
      const last = yield* Approval.start(ground)
      assert.deepStrictEqual(yield* last.approvals(candidate), [])
    })
  )

  it.effect("leaves what is too much for a later leaf", () =>
    Effect.gen(function* () {
      const ground = yield* Approval.ground("g-a-b")
      ground.blocks.set("a", [candidate, second.candidate])
      const voting = yield* Approval.start(ground, { maxWaiting: 1 })
      yield* voting.leaf("a")
      yield* voting.recover(recovered)
      yield* voting.judge(Approval.valid(1n))
      assert.deepStrictEqual(yield* voting.asked, [])
      yield* voting.leaf("b")
      assert.deepStrictEqual(yield* voting.asked, [candidateHash(second.candidate)])
    })
  )
})
