import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Adder, WasmMemory } from "@ephor/backing"
import * as Fixtures from "./fixtures/wasm.ts"

const body = [0x42, 0]
const bound = (code: Uint8Array, maxPages: number) => Result.getOrThrow(WasmMemory.bound(code, maxPages))

describe("WasmMemory", () => {
  it("writes the limit into a memory without maximum, and keeps a smaller one", () => {
    assert.strictEqual(bound(Fixtures.module(body, { memory: [1] }), 9).maxPages, 9)
    assert.strictEqual(bound(Fixtures.module(body, { memory: [1, 3] }), 9).maxPages, 3)
    assert.strictEqual(bound(Fixtures.module(body, { memory: [1, 99] }), 9).maxPages, 9)
    for (const [memory, maximum] of [
      [[1], 9],
      [[2, 3], 3],
      [[1, 99], 1000]
    ] as const) {
      const { code, maxPages } = bound(Fixtures.module(body, { memory }), maximum)
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code))
      const own = exports["memory"] as WebAssembly.Memory
      own.grow(maxPages - own.buffer.byteLength / 65_536)
      assert.throws(() => own.grow(1))
    }
  })

  it("describes an imported memory", () => {
    const { code, imported } = bound(Fixtures.module(body, { memory: [2], importMemory: true }), 300)
    assert.deepStrictEqual(imported, { module: "env", name: "memory", initialPages: 2, maxPages: 300 })
    assert.deepStrictEqual(WebAssembly.Module.imports(new WebAssembly.Module(code)), [
      { module: "env", name: "memory", kind: "memory" }
    ])
  })

  it("is the same module otherwise", () => {
    const once = bound(Adder.code, 100).code
    assert.deepStrictEqual(bound(once, 100).code, once)
    assert.deepStrictEqual(
      WebAssembly.Module.exports(new WebAssembly.Module(once)).map(({ name }) => name),
      ["alloc", "validate_block", "memory"]
    )
  })

  it("says what it cannot run", () => {
    const why = (code: Uint8Array, maxPages = 10) => {
      const result = WasmMemory.bound(code, maxPages)
      return Result.isFailure(result) ? result.failure.message : "-"
    }
    assert.include(why(Uint8Array.of(0)), "ends too early")
    assert.include(why(new Uint8Array(20)), "header")
    assert.include(why(Fixtures.module(body, { memory: [11] })), "11 pages of memory, the limit is 10")
    assert.include(why(Fixtures.module(body, { importFunction: true })), "imports env.ext_time")
    const code = Fixtures.module(body)
    for (let length = 0; length < code.length; length++) WasmMemory.bound(code.subarray(0, length), 10)
  })

  it("never throws, whatever the bytes", () => {
    let seed = 7
    const next = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31)
    for (let round = 0; round < 500; round++) {
      const code = Adder.code.slice()
      for (let i = 0; i < 4; i++) code[next() % Math.min(200, code.length)] = next() & 255
      WasmMemory.bound(code, 100)
    }
  })
})
