import { assert, describe, it } from "@effect/vitest"
import { DerivationDb, Fault, SupervisorError, toWireError } from "../src/index.ts"
import { Failsafe, faultCodes, Refused } from "../src/SupervisorError.ts"
import vectors from "./vectors/error_codes.json" with { type: "json" }
import revisions from "./vectors/safety_and_revision.json" with { type: "json" }

const byName = new Map(vectors.supervisorSide.codes.map((row) => [row.name, row]))

describe("wire codes, vectors", () => {
  for (const tag of Object.keys(Fault.cases) as Array<Fault["_tag"]>) {
    const { code, name, text } = faultCodes[tag]
    it(`${tag} is ${code}`, () => {
      const row = byName.get(name)
      assert.deepStrictEqual([code, text], [row?.code, row?.goText])
      const fault = { _tag: tag, detail: "why" } as Fault
      const query = new SupervisorError({ method: "supervisor_crossSafe", reason: new Refused({ fault }) })
      assert.deepStrictEqual(toWireError(query), { code, message: `${text}: why` })
    })
  }
  it("failsafe", () => {
    const row = byName.get("failsafe")!
    const error = new SupervisorError({ method: "supervisor_checkAccessList", reason: new Failsafe() })
    assert.deepStrictEqual(toWireError(error), { code: row.code, message: row.goText })
  })
})

describe("revisions, vectors", () => {
  revisions.revision.cmp.forEach(([a, b, expected], i) => {
    it(`${i + 1}: ${a} against ${b}`, () =>
      assert.strictEqual(DerivationDb.compareRevision(a as number | "any", b as number), expected))
  })
})
