/** Values at the borders of their types, as the crates of polkadot-sdk read them. */
import { assert, describe, it } from "@effect/vitest"
import {
  CandidateCommitments,
  CodecError,
  fromHex,
  Json,
  maxCandidateMessages,
  Registry,
  Scale,
  toHex
} from "@ephor/types"
import { Schema } from "effect"
import { readFileSync } from "node:fs"

interface Border {
  readonly type: string
  readonly what: string
  readonly scale: `0x${string}`
  /** What Rust writes for the value that it has read; `null` where it refuses the bytes. */
  readonly written: string | null
}

const borders = readFileSync(new URL("vectors/rust/borders.ndjson", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line): Border => JSON.parse(line))

/** What Rust reads and we refuse, on purpose: see the comments of the types. */
const stricter = new Set([
  "time of 2^53 seconds",
  "slashes with keys out of order",
  "slashes with a key twice"
])

describe("borders of polkadot-sdk", () => {
  for (const { scale, type, what, written } of borders) {
    const entry = Registry.types.get(type)!
    const isRefused = written === null || stricter.has(what)
    it(`${isRefused ? "refuses" : "reads"} ${what}`, () => {
      const decoded = Scale.decodeResult(entry.schema)(fromHex(scale))
      assert.strictEqual(decoded._tag, isRefused ? "Failure" : "Success")
      if (decoded._tag === "Success")
        assert.strictEqual(toHex(Scale.encode(entry.schema)(decoded.success)), written)
    })
  }

  it("no wire takes more messages than a candidate may send, and none is written", () => {
    const commitments = (count: number): CandidateCommitments => ({
      upwardMessages: Array.from({ length: count }, () => new Uint8Array()),
      horizontalMessages: [],
      newValidationCode: null,
      headData: new Uint8Array(),
      processedDownwardMessages: 0,
      hrmpWatermark: 0
    })
    const most = commitments(maxCandidateMessages)
    assert.deepStrictEqual(Scale.decode(CandidateCommitments)(Scale.encode(CandidateCommitments)(most)), most)
    const tooMany = commitments(maxCandidateMessages + 1)
    assert.throws(() => Scale.encode(CandidateCommitments)(tooMany), CodecError)
    assert.isFalse(Schema.is(CandidateCommitments)(tooMany))
    const json = Json.encode(CandidateCommitments)(most) as { upward_messages: Array<string> }
    json.upward_messages.push("0x")
    assert.throws(() => Json.decode(CandidateCommitments)(json), CodecError)
  })
})
