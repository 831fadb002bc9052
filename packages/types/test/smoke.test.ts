import { assert, it } from "@effect/vitest"
import { Schema } from "effect"
import { Hash } from "@ephor/types"
it("x", () => { const h: Hash = Schema.decodeUnknownSync(Hash)("0x" + "ab".repeat(32)); assert.strictEqual(h.length, 66) })
