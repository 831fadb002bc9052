import { assert, describe, it } from "@effect/vitest"
import { FinalityVote } from "@ephor/backing"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import * as Overseer from "@ephor/overseer"
import { Deferred, Effect, Layer } from "effect"
import * as World from "./support/world.ts"

const block = (name: string, number: number) => ChainScript.ref(name, "", number)
const candidate = (byte: number, session = World.session) => ({ session, candidateHash: World.hashOf(byte) })

/** What a validator votes about blocks 1 to 3 when these candidates of theirs are approved, and some disputed. */
const vote = Effect.fnUntraced(function* (
  approved: ReadonlyArray<ReadonlyArray<Overseer.CandidateInSession>>,
  disputed: ReadonlyArray<Overseer.CandidateInSession> = []
) {
  const asked: Array<number> = []
  const subsystems = Layer.mergeAll(
    Overseer.ApprovalVoting.toLayer(
      Effect.succeed({
        message: Overseer.ApprovalVoting.match({
          ApprovalStatements: () => Effect.void,
          ApprovedAncestor: ({ reply }) =>
            Effect.asVoid(
              Deferred.succeed(
                reply,
                approved.map((candidates, index) => ({ block: block("abc"[index]!, index + 1), candidates }))
              )
            )
        })
      })
    ),
    Overseer.DisputeCoordinator.toLayer(
      Effect.succeed({
        message: (message: Overseer.DisputeCoordinatorMessage) => {
          if (message._tag !== "DetermineUndisputedChain") return Effect.void
          const { base, descriptions, reply } = message
          asked.push(descriptions[0]!.session)
          const end = descriptions.findIndex(({ candidates, session }) =>
            disputed.some((one) => one.session === session && candidates.includes(one.candidateHash))
          )
          const height = base.number + (end < 0 ? descriptions.length : end)
          return Effect.asVoid(Deferred.succeed(reply, { hash: base.hash, number: height }))
        }
      })
    )
  )
  const services = yield* Layer.build(
    subsystems.pipe(
      Layer.provideMerge(
        Overseer.Overseer.layerManual([Overseer.ApprovalVoting, Overseer.DisputeCoordinator])
      )
    )
  )
  const voter = yield* Effect.provide(FinalityVote.make, services)
  const height = yield* voter(block("g", 0), block("c", 3))
  return { height, asked }
})

describe("FinalityVote", () => {
  it.effect("accepts what is approved", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* vote([])).height, 0)
      assert.strictEqual((yield* vote([[], []])).height, 2)
      assert.strictEqual((yield* vote([[], [candidate(1)], []])).height, 3)
    })
  )

  it.effect("accepts nothing from the first block on that includes what is disputed", () =>
    Effect.gen(function* () {
      const blocks = [[candidate(1)], [], [candidate(2), candidate(3)]]
      assert.strictEqual((yield* vote(blocks, [candidate(3)])).height, 2)
      assert.strictEqual((yield* vote(blocks, [candidate(1), candidate(3)])).height, 0)
    })
  )

  it.effect("asks in the session of each candidate", () =>
    Effect.gen(function* () {
      const old = candidate(1, World.session - 1)
      const { asked, height } = yield* vote([[candidate(2)], [candidate(3), old], []], [old])
      assert.deepStrictEqual(new Set(asked), new Set([World.session, World.session - 1]))
      assert.strictEqual(height, 1)
    })
  )
})
