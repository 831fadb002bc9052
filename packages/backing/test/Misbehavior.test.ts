import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { ArbitrationPolicy, Misbehavior, MisbehaviorArbitration } from "@ephor/backing"
import { Store } from "@ephor/store"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import type { Verdict } from "@ephor/types"
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

const hearing: Overseer.Hearing = {
  _tag: "Hearing",
  relayParent,
  session: World.session,
  candidateHash: World.hashOf(1),
  isValid: false,
  validatorCount: 6,
  valid: [0, 4],
  invalid: [1, 2, 3, 4],
  isClosed: false
}
const judgements = (verdicts: ReadonlyArray<Verdict>) =>
  verdicts.map(({ judgement, validatorIndex }) => `${validatorIndex} ${judgement._tag}`)
const decided = ["0 Slash", "1 Reward", "2 Reward", "3 Reward", "4 Slash"]

describe("ArbitrationPolicy", () => {
  const { ignoring, seed } = ArbitrationPolicy
  it("the protocol's: the minority is slashed, the majority rewarded, abstainers lightly slashed in the end", () => {
    assert.deepStrictEqual(judgements(seed.judge(hearing)), decided)
    assert.deepStrictEqual(judgements(seed.judge({ ...hearing, isClosed: true })), [
      ...decided,
      "5 LightSlash"
    ])
    const turned = { ...hearing, isValid: true, valid: hearing.invalid, invalid: hearing.valid }
    assert.deepStrictEqual(judgements(seed.judge(turned)), decided)
  })
  it("today's: nobody", () => assert.deepStrictEqual(ignoring.judge(hearing), []))
})

describe("MisbehaviorArbitration", () => {
  it.effect("passes on each verdict once, by the policy in force", () =>
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(Layer.fresh(Store.layerMemory)), Store.Store)
      const start = (layer = MisbehaviorArbitration.layer()) =>
        SubsystemTest.make({
          subsystem: Overseer.MisbehaviorArbitration,
          layer,
          captures: [Overseer.Provisioner]
        }).pipe(
          Effect.provide(
            Layer.mergeAll(World.runtime(), World.keystoreOf("//Alice"), Layer.succeed(Store.Store, store))
          )
        )
      const arbitration = yield* start()
      for (const isClosed of [false, false, true]) yield* arbitration.send({ ...hearing, isClosed })
      const provided = yield* arbitration.captured(Overseer.Provisioner)
      const verdicts = provided.map((message) => {
        assert(message._tag === "ProvisionableData" && message.data._tag === "Verdicts")
        return judgements(message.data.verdicts)
      })
      assert.deepStrictEqual(verdicts, [decided, ["5 LightSlash"]])

      const again = yield* start()
      yield* again.send({ ...hearing, isClosed: true })
      assert.deepStrictEqual(yield* again.captured(Overseer.Provisioner), [], "judged before the restart")
      yield* again.send({ ...hearing, candidateHash: World.hashOf(2) })
      assert.lengthOf(yield* again.captured(Overseer.Provisioner), 1)

      const policy = Layer.succeed(ArbitrationPolicy.ArbitrationPolicy, ArbitrationPolicy.ignoring)
      const ignoring = yield* start(MisbehaviorArbitration.layer().pipe(Layer.provide(policy)))
      for (const message of [hearing, contradiction]) yield* ignoring.send(message)
      assert.deepStrictEqual(yield* ignoring.captured(Overseer.Provisioner), [])
    })
  )

  it.effect("passes on a proof once, and nothing with a bad signature or of an unknown block", () =>
    Effect.gen(function* () {
      const arbitration = yield* SubsystemTest.make({
        subsystem: Overseer.MisbehaviorArbitration,
        layer: MisbehaviorArbitration.layer(),
        captures: [Overseer.Provisioner]
      }).pipe(
        Effect.provide(
          Layer.mergeAll(World.runtime(), World.keystoreOf("//Alice"), Layer.fresh(Store.layerMemory))
        )
      )
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
