import { assert, describe, it } from "@effect/vitest"
import { Adder } from "@ephor/backing"
import * as WasmFeatures from "../src/validation/WasmFeatures.ts"
import * as WasmPreparation from "../src/validation/WasmPreparation.ts"
import { WasmRefusal } from "../src/validation/WasmReader.ts"
import * as Fixtures from "./fixtures/wasm.ts"

const body = [0x42, 0]
const bound = (code: Uint8Array, maxMemoryPages: number) =>
  WasmPreparation.prepare(code, { ...WasmFeatures.defaults, maxMemoryPages })

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

  it("keeps the exports that the host uses, and adds its own", () => {
    const { code } = bound(Adder.code, 100)
    assert.deepStrictEqual(
      WebAssembly.Module.exports(new WebAssembly.Module(code)).map(({ name }) => name),
      ["alloc", "validate_block", "memory", WasmPreparation.machineFault]
    )
  })

  it("says what it cannot run", () => {
    const why = (code: Uint8Array, maxPages = 10) => {
      try {
        bound(code, maxPages)
        return "-"
      } catch (error) {
        assert.instanceOf(error, WasmRefusal)
        return error.message
      }
    }
    assert.include(why(Uint8Array.of(0)), "ends too early")
    assert.include(why(new Uint8Array(20)), "header")
    assert.include(why(Fixtures.module(body, { memory: [11] })), "11 pages of memory, the limit is 10")
    assert.include(why(Fixtures.module(body, { importFunction: true })), "imports env.ext_time")
    const code = Fixtures.module(body)
    for (let length = 0; length < code.length; length++) why(code.subarray(0, length))
  })

  it("throws nothing but refusals, whatever the bytes", () => {
    let seed = 7
    const next = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31)
    for (let round = 0; round < 500; round++) {
      const code = Adder.code.slice()
      for (let i = 0; i < 4; i++) code[next() % code.length] = next() & 255
      try {
        bound(code, 100)
      } catch (error) {
        assert.instanceOf(error, WasmRefusal)
      }
    }
  })
})
