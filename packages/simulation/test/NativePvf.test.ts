import { assert, describe, it } from "@effect/vitest"
import { Adder, Pvf } from "@ephor/backing"
import * as NodePvf from "@ephor/backing/NodePvf"
import { Effect } from "effect"
import { NativePvf } from "../src/index.ts"

const parentHead = Adder.encodeHead(Adder.genesis(5n))
const request = (block: Adder.AdderBlock, head = parentHead): Pvf.PvfRequest => ({
  code: Adder.code,
  params: {
    parentHead: head,
    blockData: Adder.encodeBlock(block),
    relayParentNumber: 7,
    relayParentStorageRoot: `0x${"00".repeat(32)}`
  },
  timeoutMs: 10_000
})

describe("NativePvf", () => {
  it.live("judges as the WebAssembly does", () =>
    Effect.gen(function* () {
      const { execute } = yield* Pvf.Pvf
      const right = request({ state: 5n, add: 3n })
      assert.deepStrictEqual(NativePvf.execute(right), yield* execute(right))
      const wrongs = [
        request({ state: 6n, add: 3n }),
        request({ state: 5n, add: 3n }, Uint8Array.of(1)),
        { ...right, params: { ...right.params, blockData: Uint8Array.of(1) } }
      ]
      for (const wrong of wrongs)
        assert.strictEqual(NativePvf.execute(wrong)._tag, (yield* execute(wrong))._tag)
    }).pipe(Effect.provide(NodePvf.layer()))
  )

  it("knows no other code", () => {
    const other = { ...request({ state: 5n, add: 3n }), code: Uint8Array.of(0) }
    assert.strictEqual(NativePvf.execute(other)._tag, "CompileFailure")
  })
})
