import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Misbehavior, MisbehaviorArbitration } from "@ephor/backing"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import * as World from "./support/world.ts"

const a = (await World.candidateOf(1n)).candidate
const b = (await World.candidateOf(2n)).candidate
const secondedA = await World.secondedBy(1, a, 1n)
const secondedB = await World.secondedBy(1, b, 2n)
const validA = await World.validBy(1, a)
const { relayParent } = World

const contradiction: Overseer.SelfContradiction = {
  _tag: "SelfContradiction",
  relayParent,
  receipt: a,
  first: secondedA,
  second: validA
}
const double: Overseer.DoubleVote = {
  _tag: "DoubleVote",
  relayParent,
  receipt: a,
  first: secondedA,
  second: secondedB
}
const disagreement: Overseer.CandidateValidityDisagreement = {
  _tag: "CandidateValidityDisagreement",
  relayParent,
  receipt: a,
  statements: [secondedA]
}

describe("Misbehavior", () => {
  it("three kinds of proof hold", () => {
    for (const report of [contradiction, double, disagreement]) assert.isUndefined(Misbehavior.fault(report))
  })

  for (const [what, report] of [
    ["equal statements", { ...contradiction, second: secondedA }],
    ["statements of two validators", { ...contradiction, second: { ...validA, validatorIndex: 2 } }],
    ["another candidate", { ...contradiction, receipt: b }],
    ["one candidate twice", { ...double, second: secondedA }],
    ["a vote that seconds nothing", { ...double, second: validA }],
    ["a third candidate", { ...double, receipt: { ...a, commitmentsHash: World.hashOf(1) } }],
    ["no statements", { ...disagreement, statements: [] }],
    ["a statement about another candidate", { ...disagreement, statements: [secondedB] }]
  ] as const) {
    it(`${what} prove nothing`, () => {
      assert.isString(Misbehavior.fault(report))
    })
  }
})

describe("MisbehaviorArbitration", () => {
  it.effect("passes on a proof once, and nothing with a bad signature or of an unknown block", () =>
    Effect.gen(function* () {
      const arbitration = yield* SubsystemTest.make({
        subsystem: Overseer.MisbehaviorArbitration,
        layer: MisbehaviorArbitration.layer(),
        captures: [Overseer.Provisioner]
      }).pipe(Effect.provide(Layer.mergeAll(World.runtime(), World.keystoreOf("//Alice"))))
      yield* arbitration.send({ ...contradiction, second: { ...validA, signature: secondedA.signature } })
      yield* arbitration.send({ ...contradiction, relayParent: World.hashOf(0) })
      assert.deepStrictEqual(yield* arbitration.captured(Overseer.Provisioner), [])
      for (const report of [contradiction, contradiction, double]) yield* arbitration.send(report)
      const { relayParent: _, ...report } = contradiction
      const provided = yield* arbitration.captured(Overseer.Provisioner)
      assert.strictEqual(provided.length, 2)
      assert.deepStrictEqual(provided[0], {
        _tag: "ProvisionableData",
        relayParent,
        data: { _tag: "MisbehaviorReport", relayParent, report }
      })
    })
  )
})
