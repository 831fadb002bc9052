import { assert, describe, it } from "@effect/vitest"
import { StatementKnowledge } from "@ephor/backing"
import { Reputation } from "@ephor/network"
import type { CandidateHash } from "@ephor/types"
import vectors from "./vectors/polkadot-backing-scenarios.json" with { type: "json" }

const hash = (name: string): CandidateHash => `0x${name.charCodeAt(0).toString(16).padStart(64, "0")}`
const parse = (text: string): StatementKnowledge.Stored<string> => {
  const [, kind, name, validator] = /^(Seconded|Valid) (\w) by (\d+)$/.exec(text)!
  return {
    kind: kind as "Seconded",
    candidateHash: hash(name!),
    validatorIndex: Number(validator),
    signature: `0x${"00".repeat(64)}`,
    item: text
  }
}

const cost = (
  text: string,
  given: {
    readonly head: StatementKnowledge.HeadKnowledge<string>
    readonly peer: StatementKnowledge.PeerKnowledge
  }
) => {
  const outcome = StatementKnowledge.receive(given.head, given.peer, parse(text))
  return outcome._tag === "Accepted" ? 0 : Reputation.changes[outcome.conduct]
}
const fresh = () => ({ head: StatementKnowledge.makeHead<string>(4), peer: StatementKnowledge.makePeer() })

interface Scenario {
  readonly name: string
  readonly receive: ReadonlyArray<string>
  readonly sent?: ReadonlyArray<string>
  readonly result: string
  readonly reputation?: number
}

describe("StatementKnowledge", () => {
  for (const scenario of vectors.statement_distribution_2020 as unknown as ReadonlyArray<Scenario>) {
    // Scenarios about the view concern the subsystem, and stand in its own test.
    if (!Array.isArray(scenario.receive) || scenario.name.startsWith("after StopWork")) continue
    it(scenario.name, () => {
      const given = fresh()
      for (const text of scenario.sent ?? []) {
        StatementKnowledge.store(given.head, parse(text))
        assert.isTrue(StatementKnowledge.send(given.head, given.peer, parse(text)))
      }
      const costs = scenario.receive.map((text) => cost(text, given))
      assert.deepStrictEqual(
        costs.slice(0, -1),
        costs.slice(0, -1).map(() => 0)
      )
      if (scenario.result.startsWith("accepted")) assert.strictEqual(costs.at(-1), 0)
      else assert.strictEqual(costs.at(-1), scenario.reputation ?? Reputation.changes.unexpected)
    })
  }

  it("calls more than twice as many statements as validators a flood", () => {
    const given = fresh()
    cost("Seconded A by 0", given)
    for (let i = 1; i < 8; i++) assert.strictEqual(cost(`Valid A by ${i}`, given), 0)
    assert.strictEqual(cost("Valid A by 8", given), Reputation.changes.flood)
  })

  it("sends a vote only to those who know its candidate, and each statement once", () => {
    const { head, peer } = fresh()
    for (const text of ["Seconded A by 0", "Valid A by 1"]) StatementKnowledge.store(head, parse(text))
    assert.isFalse(StatementKnowledge.send(head, peer, parse("Valid A by 1")))
    assert.deepStrictEqual(
      StatementKnowledge.sendable(head, peer).map(({ item }) => item),
      ["Seconded A by 0", "Valid A by 1"]
    )
    assert.deepStrictEqual(StatementKnowledge.sendable(head, peer), [])
  })

  it("does not send back what a peer sent", () => {
    const { head, peer } = fresh()
    StatementKnowledge.receive(head, peer, parse("Seconded A by 0"))
    StatementKnowledge.store(head, parse("Seconded A by 0"))
    assert.deepStrictEqual(StatementKnowledge.sendable(head, peer), [])
  })

  it("stores two candidates of a validator, and votes on known candidates", () => {
    const { head } = fresh()
    assert.deepStrictEqual(
      [
        "Valid A by 1",
        "Seconded A by 0",
        "Seconded A by 0",
        "Seconded B by 0",
        "Seconded C by 0",
        "Valid A by 1"
      ].map((text) => StatementKnowledge.store(head, parse(text))),
      ["NotUseful", "Fresh", "Known", "Fresh", "NotUseful", "Fresh"]
    )
  })
})
