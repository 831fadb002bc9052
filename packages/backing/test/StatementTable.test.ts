import { assert, describe, it } from "@effect/vitest"
import { StatementTable } from "@ephor/backing"
import {
  BackedCandidate,
  type CandidateHash,
  candidateHash,
  type CommittedCandidateReceipt,
  fromHex,
  Scale,
  type Signature,
  splitCoreIndex,
  toHex,
  toPlain,
  withCoreIndex
} from "@ephor/types"
import backed from "./vectors/polkadot-backed-candidates.json" with { type: "json" }
import vectors from "./vectors/polkadot-backing-scenarios.json" with { type: "json" }

const hash = (name: string): CandidateHash => `0x${name.charCodeAt(0).toString(16).padStart(64, "0")}`
const signature = (text: string): Signature => `0x${Buffer.from(text).toString("hex").padStart(128, "0")}`

type Row = readonly [kind: string, candidate: string, validator: number, signature?: string]
const statement = ([kind, name, validatorIndex, sig]: Row): StatementTable.TableStatement<string> => ({
  ...(kind === "Seconded"
    ? { _tag: "Seconded", candidate: name, group: 0 }
    : { _tag: kind === "Valid" ? "Valid" : "Invalid" }),
  candidateHash: hash(name),
  validatorIndex,
  signature: signature(sig ?? `${kind} ${name} ${validatorIndex}`)
})

interface Scenario {
  readonly name: string
  readonly era: string
  readonly group: ReadonlyArray<number>
  readonly threshold?: number
  readonly minimum_backing_votes?: number
  readonly statements?: ReadonlyArray<Row>
  readonly statements_order?: ReadonlyArray<Row>
  readonly attested_after?: ReadonlyArray<boolean>
  readonly misbehavior?: {
    readonly validator: number
    readonly kind: string
    readonly report: string | null
  } | null
  readonly result?: string
  readonly validator_indices?: string
  readonly validity_votes?: ReadonlyArray<string>
}

const tableOf = (scenario: Pick<Scenario, "era" | "group" | "threshold" | "minimum_backing_votes">) =>
  StatementTable.make<string>({
    era: scenario.era === "seed" ? "seed" : "current",
    groups: new Map([[0, scenario.group]]),
    threshold:
      scenario.threshold === undefined
        ? StatementTable.quorum(scenario.minimum_backing_votes ?? 2)
        : () => scenario.threshold!
  })

describe("StatementTable", () => {
  for (const scenario of vectors.statement_table as unknown as ReadonlyArray<Scenario>) {
    if (scenario.statements === undefined) continue
    it(`${scenario.era}: ${scenario.name}`, () => {
      const table = tableOf(scenario)
      const outcomes = scenario.statements!.map((row) =>
        StatementTable.importStatement(table, statement(row))
      )
      if (scenario.attested_after !== undefined) {
        const reached = scenario.attested_after.map(
          (attested, i) => attested && scenario.attested_after![i - 1] !== true
        )
        assert.deepStrictEqual(
          outcomes.map((outcome) => outcome._tag === "Counted" && outcome.attested),
          reached
        )
        assert.strictEqual(StatementTable.attested(table, hash("A"))?.candidate, "A")
      }
      const misbehavior = outcomes.flatMap((outcome) =>
        outcome._tag === "Misbehaved"
          ? [
              {
                validator: outcome.misbehavior.validatorIndex,
                kind: outcome.misbehavior.kind,
                report: StatementTable.reportOf(outcome.misbehavior.kind) ?? null
              }
            ]
          : []
      )
      if (scenario.misbehavior !== undefined) {
        assert.deepStrictEqual(
          misbehavior,
          scenario.misbehavior === null ? [] : [scenario.misbehavior as never]
        )
      }
      if (scenario.result === "ignored") assert.strictEqual(outcomes[0]?._tag, "Ignored")
    })
  }

  it("orders votes by the set bits of the group, not by arrival", () => {
    const scenario = (vectors.statement_table as unknown as ReadonlyArray<Scenario>).find(
      ({ validity_votes }) => validity_votes !== undefined
    )!
    const table = tableOf(scenario)
    // Distribution delivers the seconding first; the rest keeps the order of the scenario.
    const rows = scenario.statements_order!.toSorted(
      (a, b) => Number(b[0] === "Seconded") - Number(a[0] === "Seconded")
    )
    for (const row of rows) StatementTable.importStatement(table, statement(row))
    const attested = StatementTable.attested(table, hash("A"))!
    assert.strictEqual(attested.validatorIndices, scenario.validator_indices)
    assert.deepStrictEqual(
      attested.validityVotes,
      scenario.validity_votes!.map((text) => {
        const [, tag, index] = /^(\w+)\((\d+)\)$/.exec(text)!
        const kind = tag === "Implicit" ? "Seconded" : "Valid"
        return { _tag: tag as "Implicit", value: signature(`${kind} A ${index}`) }
      })
    )
  })

  it("ignores a repeated statement and does not count an outsider", () => {
    const table = tableOf({ era: "current", group: [0, 1], minimum_backing_votes: 2 })
    StatementTable.importStatement(table, statement(["Seconded", "A", 0]))
    assert.deepStrictEqual(StatementTable.importStatement(table, statement(["Seconded", "A", 0])), {
      _tag: "Ignored",
      why: "repeated"
    })
    for (const kind of ["Seconded", "Valid"]) {
      const outcome = StatementTable.importStatement(table, statement([kind, "A", 7]))
      assert.strictEqual(outcome._tag === "Misbehaved" && outcome.misbehavior.kind, "UnauthorizedStatement")
    }
    assert.isUndefined(StatementTable.attested(table, hash("A")))
  })

  it("does not count a member of another group, whatever it says about the candidate (polkadot-statement-table)", () => {
    const table = StatementTable.make<string>({
      era: "current",
      groups: new Map([
        [0, [0, 1, 2]],
        [1, [5, 6, 7]]
      ]),
      threshold: StatementTable.quorum(2)
    })
    const says = (_tag: "Seconded" | "Valid", group: number, validatorIndex: number) =>
      StatementTable.importStatement(table, {
        _tag,
        candidateHash: hash("A"),
        candidate: "A",
        group,
        validatorIndex,
        signature: signature(`${_tag} A ${validatorIndex}`)
      })
    says("Seconded", 0, 0)
    for (const outcome of [says("Seconded", 1, 5), says("Valid", 1, 5), says("Seconded", 1, 6)]) {
      assert.strictEqual(outcome._tag === "Misbehaved" && outcome.misbehavior.kind, "UnauthorizedStatement")
    }
    assert.isUndefined(StatementTable.attested(table, hash("A")))
    // What was not counted is no proposal of theirs either.
    assert.strictEqual(table.proposals.get(5), undefined)
    says("Valid", 0, 1)
    assert.strictEqual(StatementTable.attested(table, hash("A"))?.validatorIndices, "110")
  })

  it("2020: an Invalid statement bars a candidate, and a block carries exactly the votes it needs", () => {
    const table = tableOf({ era: "seed", group: [0, 1, 2, 3], threshold: 2 })
    for (const row of [
      ["Seconded", "A", 0],
      ["Valid", "A", 1],
      ["Valid", "A", 2]
    ] as const) {
      StatementTable.importStatement(table, statement(row))
    }
    assert.strictEqual(StatementTable.attested(table, hash("A"))?.validatorIndices, "1100")
    StatementTable.importStatement(table, statement(["Invalid", "A", 3]))
    assert.isUndefined(StatementTable.attested(table, hash("A")))
    assert.deepStrictEqual(StatementTable.allAttested(table), [])
  })

  // Without votes there is nothing to tally.
  for (const vector of backed.vectors.filter(({ value }) => value.validator_indices.includes("1"))) {
    it(`bytes of Polkadot: ${vector.name}`, () => {
      const expected = Scale.decode(BackedCandidate)(fromHex(vector.scale))
      const votes = expected.validityVotes
      const { core, groupBits } = splitCoreIndex(
        expected.validatorIndices,
        expected.validatorIndices.length % 8
      )
      const members = [...groupBits].map((_, index) => index)
      const voters = members.filter((index) => groupBits[index] === "1")
      const table = StatementTable.make<CommittedCandidateReceipt>({
        era: "current",
        groups: new Map([[7, members]]),
        threshold: StatementTable.quorum(voters.length)
      })
      const name = candidateHash(toPlain(expected.candidate))
      const statements = voters.map(
        (validatorIndex, at): StatementTable.TableStatement<CommittedCandidateReceipt> => ({
          ...(votes[at]!._tag === "Implicit"
            ? { _tag: "Seconded", candidate: expected.candidate, group: 7 }
            : { _tag: "Valid" }),
          candidateHash: name,
          validatorIndex,
          signature: votes[at]!.value
        })
      )
      for (const one of statements.toSorted((a, b) =>
        a._tag === "Seconded" ? -1 : b._tag === "Seconded" ? 1 : 0
      )) {
        StatementTable.importStatement(table, one)
      }
      const { candidate, validatorIndices, validityVotes } = StatementTable.attested(table, name)!
      const bits = core === undefined ? validatorIndices : withCoreIndex(validatorIndices, core)
      const bytes = Scale.encode(BackedCandidate)({ candidate, validityVotes, validatorIndices: bits })
      assert.strictEqual(toHex(bytes), vector.scale)
    })
  }

  it("knows both quorums", () => {
    assert.deepStrictEqual([0, 1, 2, 5].map(StatementTable.quorum(2)), [0, 1, 2, 2])
    assert.deepStrictEqual([1, 2, 3, 4, 5].map(StatementTable.majority), [1, 2, 2, 3, 3])
  })
})
