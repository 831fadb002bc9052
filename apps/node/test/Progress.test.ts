import { assert, describe, it } from "@effect/vitest"
import * as Progress from "../src/observe/Progress.ts"

const before: Progress.Sample = {
  atMs: 1000,
  mode: "CommitsOnly",
  paused: false,
  lag: 120,
  index: 100,
  bytes: 1_000_000,
  rejected: 0,
  peer: "http://a:1"
}

describe("Progress", () => {
  it("tells mode, lag, rates and bytes in one line", () => {
    const now = { ...before, atMs: 3000, index: 151, lag: 3, bytes: 5_194_304, mode: "Overlap" }
    assert.strictEqual(
      Progress.line(Progress.figuresOf(before, now)),
      "Overlap  commit 151  lag 3  25.5 commits/s  5.0 MiB, 2.0 MiB/s  http://a:1"
    )
    const paused = Progress.figuresOf(before, { ...now, paused: true, rejected: 2 })
    assert.strictEqual(paused.mode, "Overlap (paused)")
    assert.include(Progress.line(paused), "2 rejected")
  })

  it("writes bytes as people read them", () => {
    const texts = [0, 1, 1023, 1024, 1536, 200 * 1024, 1024 ** 3, 5 * 1024 ** 5].map(Progress.bytesText)
    assert.deepStrictEqual(texts, [
      "0 B",
      "1 B",
      "1023 B",
      "1.0 KiB",
      "1.5 KiB",
      "200 KiB",
      "1.0 GiB",
      "5120 TiB"
    ])
  })
})
