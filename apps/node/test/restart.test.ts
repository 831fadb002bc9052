/** SIGKILL is a normal end: the same data directory goes on where it was. */
import { assert, describe, it } from "@effect/vitest"
import { OpenMetrics } from "@ephor/cli"
import { readFileSync } from "node:fs"
import { parse } from "../../../packages/cli/test/support/metricsText.ts"
import { eventually, freePort, getJson, start, temporary } from "./processes.ts"

describe("ephor-node run", () => {
  it("goes on where it was after SIGKILL, and ends cleanly on SIGTERM", async () => {
    using folder = temporary()
    const admin = await freePort()
    const args = [
      "run",
      "--dev",
      "--data-dir",
      folder.path,
      "--interop-port",
      "0",
      "--stream-port",
      "0",
      "--admin-port",
      String(admin),
      "--log-format",
      "json"
    ]
    const status = () => getJson(`http://127.0.0.1:${admin}/status`)
    const first = start("node", args)
    const before = await eventually("the fifth block with a candidate", async () => {
      const figures = await status()
      return figures.localUnsafe >= 5 && figures.candidatesIncluded >= 1 ? figures : undefined
    })
    first.kill("SIGKILL")
    await first.ended
    const second = start("node", args)
    const after = await eventually("a block after the restart", async () => {
      const figures = await status()
      return figures.localUnsafe > before.localUnsafe &&
        figures.candidatesIncluded > before.candidatesIncluded
        ? figures
        : undefined
    })
    assert.isAtLeast(after.localUnsafe, before.localUnsafe)
    assert.deepStrictEqual(await getJson(`http://127.0.0.1:${admin}/readyz`), { ready: true, problems: {} })
    const told = [
      ...readFileSync(new URL("../../../docs/METRICS.md", import.meta.url), "utf8").matchAll(
        /^\| `(\w+)` \|/gm
      )
    ]
    const known = new Set(told.map(([, name]) => name!))
    for (const format of ["prometheus", "openmetrics"] as const) {
      const response = await fetch(`http://127.0.0.1:${admin}/metrics`, {
        headers: { Accept: OpenMetrics.contentTypes[format] }
      })
      assert.strictEqual(response.headers.get("content-type"), OpenMetrics.contentTypes[format])
      const families = parse(await response.text(), format)
      assert.isAbove(families.length, 30)
      const unknown = families.filter(({ name }) => !known.has(name) && !known.has(`${name}_total`))
      assert.deepStrictEqual(
        unknown.map(({ name }) => name),
        []
      )
    }
    second.kill("SIGTERM")
    const { code, stderr } = await second.ended
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(JSON.parse(stderr.trim().split("\n").at(-1)!).message, "stopped")
  }, 150_000)
})
