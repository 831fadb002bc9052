/** `vitest run test/docs.test.ts --update` writes the pages anew. */
import { describe, expect, it } from "@effect/vitest"
import { join } from "node:path"
import { docs, errorsPage, limitsPage, metricsPage } from "./support/docs.ts"

describe("the pages that are read off the sources", () => {
  for (const [name, page] of [
    ["METRICS.md", metricsPage],
    ["ERRORS.md", errorsPage],
    ["LIMITS.md", limitsPage]
  ] as const) {
    it(`${name} is up to date`, () => expect(page()).toMatchFileSnapshot(join(docs, name)))
  }
})
