import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { build, embedded, toolchain, Unfetched } from "../scripts/build.mjs"
import { artefact } from "../src/module/Artefact.gen.ts"

const tools = await toolchain()

describe("the artefact", () => {
  it("takes nothing from its host, and gives four things", () => {
    const module = new WebAssembly.Module(Buffer.from(artefact, "base64"))
    assert.deepStrictEqual(WebAssembly.Module.imports(module), [])
    const names = WebAssembly.Module.exports(module)
      .filter(({ kind }) => kind !== "global")
      .map(({ name }) => name)
    assert.sameMembers(names, ["memory", "reserve", "verify", "verify_batch"])
  })

  it("is what the script builds", { timeout: 1_800_000 }, async (test) => {
    if (tools.why !== undefined) return test.skip(tools.why)
    let bytes: Buffer
    try {
      bytes = await build(tools)
    } catch (error) {
      if (error instanceof Unfetched) return test.skip(error.message)
      throw error
    }
    const committed = readFileSync(new URL("../src/module/Artefact.gen.ts", import.meta.url), "utf8")
    assert.isTrue(embedded(bytes) === committed, "run `node scripts/build.mjs` and commit what it writes")
  })
})
