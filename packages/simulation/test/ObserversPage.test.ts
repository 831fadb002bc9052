/** `vitest run packages/simulation/test/ObserversPage.test.ts --update` writes the page anew. */
import { describe, expect, it } from "@effect/vitest"
import { join } from "node:path"
import { ObserversPage, ObserversScale } from "../src/index.ts"

const path = join(import.meta.dirname, "../../../docs/OBSERVERS.md")

describe("docs/OBSERVERS.md", () => {
  it("is what a run with ten thousand observers prints", { timeout: 900_000 }, () =>
    expect(ObserversPage.page(ObserversScale.simulate())).toMatchFileSnapshot(path)
  )
})
