import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Adder, Pvf } from "@ephor/backing"
import * as NodePvf from "@ephor/backing/NodePvf"
import { compile, render } from "../scripts/build-adder.ts"
import generated from "../src/adder/adder.gen.ts"
import * as Fixtures from "./fixtures/wasm.ts"

const parentHead = Adder.encodeHead(Adder.genesis(5n))
const block = { state: 5n, add: 0xffff_ffff_ffff_fffen }
const request = (code: Uint8Array, options: Partial<Pvf.PvfRequest> = {}): Pvf.PvfRequest => ({
  code,
  params: {
    parentHead,
    blockData: Adder.encodeBlock(block),
    relayParentNumber: 9,
    relayParentStorageRoot: `0x${"07".repeat(32)}`
  },
  timeoutMs: 10_000,
  ...options
})
const execute = (code: Uint8Array, options?: Partial<Pvf.PvfRequest>) =>
  Pvf.Pvf.use((pvf) => pvf.execute(request(code, options)))

layer(NodePvf.layer())("NodePvf", (it) => {
  describe("the adder", () => {
    it.effect("answers as its native twin", () =>
      Effect.gen(function* () {
        const outcome = yield* execute(Adder.code)
        assert.deepStrictEqual(outcome, { _tag: "Valid", result: Adder.expectedResult(parentHead, block, 9) })
        assert.strictEqual(Adder.nextState(block), 3n)
      })
    )

    it.effect("traps on a block that starts from another state", () =>
      Effect.gen(function* () {
        const { params } = request(Adder.code)
        const blockData = Adder.encodeBlock({ state: 6n, add: 1n })
        const outcome = yield* execute(Adder.code, { params: { ...params, blockData } })
        assert.strictEqual(outcome._tag, "Trapped")
      })
    )

    it.effect("traps on parameters of another size", () =>
      Effect.gen(function* () {
        const { params } = request(Adder.code)
        for (const length of [0, 15, 17, 64, 20_000]) {
          const outcome = yield* execute(Adder.code, {
            params: { ...params, blockData: new Uint8Array(length) }
          })
          assert.strictEqual(outcome._tag, "Trapped", `${length} bytes of block data`)
        }
      })
    )

    it.effect("is what its source compiles to", () =>
      Effect.gen(function* () {
        const wasm = yield* Effect.promise(() => compile())
        assert.include(render(wasm), `"${generated}"`)
      })
    )
  })

  describe("endings", () => {
    it.effect("ends a module that loops, and serves the next request", () =>
      Effect.gen(function* () {
        const outcome = yield* execute(Fixtures.looping, { timeoutMs: 50 })
        assert.deepStrictEqual(outcome, { _tag: "Timeout", timeoutMs: 50 })
        assert.strictEqual((yield* execute(Adder.code))._tag, "Valid")
      })
    )

    it.effect("bounds a memory without a maximum", () =>
      Effect.gen(function* () {
        const outcome = yield* execute(Fixtures.hungry, { maxMemoryPages: 16 })
        assert.deepStrictEqual(outcome, { _tag: "OutOfMemory", why: "stopped with 16 of at most 16 pages" })
      })
    )

    it.effect("bounds an imported memory", () =>
      Effect.gen(function* () {
        const outcome = yield* execute(Fixtures.hungryImport, { maxMemoryPages: 8 })
        assert.deepStrictEqual(outcome, { _tag: "OutOfMemory", why: "stopped with 8 of at most 8 pages" })
      })
    )

    it.effect("refuses a module that starts too large", () =>
      Effect.gen(function* () {
        const outcome = yield* execute(Fixtures.module([0x00], { memory: [17] }), { maxMemoryPages: 16 })
        assert.strictEqual(outcome._tag, "OutOfMemory")
      })
    )

    it.effect("has no place for the input when the memory is full", () =>
      Effect.gen(function* () {
        const outcome = yield* execute(Fixtures.module([0x42, 0], { memory: [1, 1] }))
        assert.strictEqual(outcome._tag, "OutOfMemory")
      })
    )

    for (const [what, code, expected] of [
      ["a trap", Fixtures.trapping, "Trapped"],
      ["endless recursion", Fixtures.recursive, "Trapped"],
      ["a result outside of the memory", Fixtures.outOfBounds, "BadReturn"],
      ["a result that does not decode", Fixtures.undecodable, "BadReturn"],
      ["no WebAssembly", Uint8Array.of(1, 2, 3), "CompileFailure"],
      ["a broken section", Fixtures.trapping.slice(0, -4), "CompileFailure"],
      ["an invalid body", Fixtures.module([0x42, 0, 0x42, 0]), "CompileFailure"],
      ["a missing export", Fixtures.module([0x42, 0], { exportName: "validate" }), "CompileFailure"],
      ["an imported function", Fixtures.module([0x42, 0], { importFunction: true }), "CompileFailure"],
      ["code beyond the limit", new Uint8Array(NodePvf.defaults.maxCodeBytes + 1), "CompileFailure"]
    ] as const) {
      it.effect(`tells ${what} as ${expected}`, () =>
        Effect.gen(function* () {
          assert.strictEqual((yield* execute(code))._tag, expected)
        })
      )
    }

    it.effect("an interrupted execution gives its thread back", () =>
      Effect.gen(function* () {
        for (let i = 0; i < 4; i++) {
          const fiber = yield* Effect.forkChild(execute(Fixtures.looping), { startImmediately: true })
          yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
          fiber.interruptUnsafe()
        }
        assert.strictEqual((yield* execute(Adder.code))._tag, "Valid")
      })
    )
  })
})
