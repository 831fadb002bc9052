/** What a coordinator owes, whatever it was doing when it ended, and whichever block knows what it has to ask. */
import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import { candidateHash, type CandidateReceipt } from "@ephor/types"
import { Context, Effect, Layer, Metric, Option, Queue } from "effect"
import { Metrics } from "@ephor/disputes"
import { start } from "./support/coordinator.ts"
import * as World from "./support/world.ts"

const A = World.receipt("A")
const B = World.receipt("B")
const a = candidateHash(A)
const { invalid, seconded, valid, vote } = World
const relayParent = ChainScript.hash("a")
const both = (candidate: CandidateReceipt, session = 10) => [
  vote(candidate, session, valid, 2),
  vote(candidate, session, invalid, 2)
]
const against = [
  vote(A, 10, seconded, 1),
  vote(A, 10, invalid, 2),
  vote(A, 10, invalid, 3),
  vote(A, 10, invalid, 0)
]
const judgement = {
  _tag: "IssueLocalStatement",
  session: 10,
  candidateHash: a,
  candidate: A,
  valid: false
} as const
const newStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), Context.get(Store.Store))

describe("state is asked where the candidate began", () => {
  it.effect("who is disabled at the leaf only opens a dispute", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      rig.script.include("b", A, "CandidateIncluded")
      rig.script.disabledAt.set(ChainScript.hash("b"), [2])
      yield* rig.leaf("b", "a", 2)
      yield* rig.import(A, 10, both(A))
      assert.deepStrictEqual(
        (yield* rig.recent).map(({ candidateHash, status }) => [candidateHash, status._tag]),
        [[a, "Active"]]
      )
    })
  )

  it.effect("who is disabled at its relay parent opens none", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      rig.script.include("b", A, "CandidateIncluded")
      rig.script.disabledAt.set(relayParent, [2])
      yield* rig.leaf("b", "a", 2)
      yield* rig.import(A, 10, both(A))
      assert.deepStrictEqual(yield* rig.recent, [])
    })
  )

  it.effect("who is disabled at its relay parent in another session than that of the votes opens one", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      rig.script.include("b", A, "CandidateIncluded")
      rig.script.disabledAt.set(relayParent, [2])
      rig.script.sessionAt.set(relayParent, 11)
      yield* rig.leaf("b", "a", 2)
      yield* rig.import(A, 10, both(A))
      assert.deepStrictEqual(
        (yield* rig.recent).map(({ candidateHash, status }) => [candidateHash, status._tag]),
        [[a, "Active"]]
      )
    })
  )

  it.effect("what only losers raised is dropped by the list of each candidate", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      // With one faulty validator to be tolerated, whom the chain names leaves no room for a loser.
      const elsewhere: CandidateReceipt = {
        ...B,
        descriptor: { ...B.descriptor, relayParent: ChainScript.hash("x") }
      }
      rig.script.disabledAt.set(ChainScript.hash("x"), [1])
      rig.script.include("b", B, "CandidateIncluded")
      rig.script.include("b", elsewhere, "CandidateIncluded")
      rig.script.include("b", A, "CandidateIncluded")
      yield* rig.leaf("b", "a", 2)
      yield* rig.import(B, 10, both(B))
      yield* rig.import(elsewhere, 10, both(elsewhere))
      assert.lengthOf(yield* rig.recent, 2)
      // Validator 2 loses.
      yield* rig.import(A, 10, [
        vote(A, 10, seconded, 1),
        vote(A, 10, invalid, 2),
        vote(A, 10, valid, 0),
        vote(A, 10, valid, 3)
      ])
      assert.deepStrictEqual(
        new Set((yield* rig.recent).map(({ candidateHash }) => candidateHash)),
        new Set([a, candidateHash(elsewhere)])
      )
    })
  )

  it.effect("a session that the leaf's branch has not reached is known where the candidate began", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      rig.script.include("b", A, "CandidateIncluded")
      rig.script.sessionAt.set(relayParent, 11)
      yield* rig.leaf("b", "a", 2)
      assert.strictEqual(
        yield* rig.import(A, 11, [vote(A, 11, seconded, 1), vote(A, 11, invalid, 2)]),
        "ValidImport"
      )
      assert.strictEqual(yield* rig.import(A, 12, both(A, 12)), "InvalidImport")
    })
  )
})

describe("own votes", () => {
  it.effect("a judgement that cannot be voted yet waits for a leaf that knows its session", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      yield* rig.send(judgement)
      yield* rig.settled
      assert.isTrue(Option.isNone(yield* rig.db.votes(10, a)), "no leaf yet")
      rig.script.failing = true
      yield* rig.leaf("a", "g", 1)
      assert.isTrue(Option.isNone(yield* rig.db.votes(10, a)), "no runtime")
      rig.script.failing = false
      yield* rig.leaf("b", "a", 2)
      const votes = Option.getOrThrow(yield* rig.db.votes(10, a))
      assert.deepStrictEqual(
        votes.invalid.map(([, validator]) => validator),
        [0]
      )
    })
  )

  it.effect("of too many that wait the oldest gives way", () =>
    Effect.gen(function* () {
      const rig = yield* start({ coordinator: { unvotedJudgements: 1 } })
      const b = candidateHash(B)
      yield* rig.send(judgement)
      yield* rig.send({ ...judgement, candidateHash: b, candidate: B })
      yield* rig.settled
      yield* rig.leaf("a", "g", 1)
      yield* rig.settled
      assert.isTrue(Option.isNone(yield* rig.db.votes(10, a)))
      assert.isTrue(Option.isSome(yield* rig.db.votes(10, b)))
    })
  )

  it.effect("one that came before any opposite vote is told once there is one", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      rig.script.include("a", A, "CandidateIncluded")
      yield* rig.leaf("a", "g", 1)
      yield* rig.send(judgement)
      assert.deepStrictEqual(yield* rig.sent, [])
      yield* rig.import(A, 10, [vote(A, 10, seconded, 1)])
      const [told, ...more] = yield* rig.sent
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual(
        [told!.request.invalidVote.validatorIndex, told!.request.validVote.validatorIndex],
        [0, 1]
      )
    })
  )
})

describe("after a restart", () => {
  it.effect("a verdict is told again, and heard again, although no block shows its candidate", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* Effect.scoped(
        Effect.gen(function* () {
          const rig = yield* start({ store })
          rig.script.include("a", A, "CandidateIncluded")
          yield* rig.leaf("a", "g", 1)
          yield* rig.import(A, 10, against.slice(0, 3))
          yield* rig.import(A, 10, against.slice(3))
          assert.isFalse((yield* Queue.take(rig.concluded)).valid)
        })
      )
      const again = yield* start({ store })
      yield* again.leaf("x", "g", 1)
      const told = yield* Queue.take(again.late)
      assert.deepStrictEqual(
        [told.candidateHash, told.valid, told.including.map(({ hash }) => hash)],
        [a, false, [ChainScript.hash("a")]]
      )
      assert.deepStrictEqual(
        (yield* again.hearings).map(({ candidateHash, invalid, isClosed }) => [
          candidateHash,
          invalid,
          isClosed
        ]),
        [[a, [0, 2, 3], true]]
      )
      yield* again.leaf("y", "x", 2)
      assert.deepStrictEqual(yield* again.hearings, [], "once")
      assert.deepStrictEqual(yield* Queue.clear(again.late), [])
    })
  )
})

describe("sessions", () => {
  it.effect("the highest one never goes back, whatever branch a leaf is on", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      rig.script.session = 20
      yield* rig.leaf("a", "g", 1)
      rig.script.session = 10
      yield* rig.leaf("b", "g", 1)
      assert.strictEqual(yield* rig.import(A, 10, against), "InvalidImport")
    })
  )

  it.effect("spam slots of a session that left the window are free", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      yield* rig.leaf("a", "g", 1)
      yield* rig.import(A, 10, both(A))
      yield* rig.leaf("b", "a", 2)
      assert.strictEqual((yield* Metric.value(Metrics.spamSlots)).value, 1)
      rig.script.session = 20
      yield* rig.leaf("c", "b", 3)
      assert.strictEqual((yield* Metric.value(Metrics.spamSlots)).value, 0)
    })
  )
})
