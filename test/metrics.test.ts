/** What is counted has the names that Prometheus' own linter passes. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { complaints } from "../packages/cli/test/support/metricsText.ts"
import { docs } from "./support/docs.ts"

const rows = [
  ...readFileSync(join(docs, "METRICS.md"), "utf8").matchAll(/^\| `([^`]+)` \| (\w+) \| (.*) \|$/gm)
].map(([, name = "", kind = "", help = ""]) => ({ name, kind, help }))

describe("the metrics of METRICS.md", () => {
  it("have names and units as they should be", () => {
    assert.isAbove(rows.length, 150)
    assert.deepStrictEqual(
      rows
        // Names that op-supervisor has given them, which its boards ask for.
        .filter(({ name }) => !name.startsWith("op_supervisor_"))
        .flatMap(({ help, kind, name }) => complaints(name, kind, help).map((why) => `${name}: ${why}`)),
      []
    )
  })

  it("are counters, gauges and histograms: what keeps quantiles cannot be added up", () => {
    for (const { kind, name } of rows) assert.include(["counter", "gauge", "histogram"], kind, name)
  })

  it("are held to rules that find what is wrong", () => {
    assert.deepStrictEqual(complaints("a_milliseconds", "gauge", "x"), ["use base units"])
    assert.lengthOf(complaints("a", "counter", ""), 2)
  })
})
