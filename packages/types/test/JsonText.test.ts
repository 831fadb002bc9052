import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { BlockRef, fromHex, InherentData, Json, Registry, Scale, Wire } from "@ephor/types"
import { compilePattern } from "../src/json/Pattern.ts"
import { compileText } from "../src/json/Text.ts"
import { layoutOf } from "../src/layout/Layout.ts"
import { polkadotFiles, type ScaleVector, vectors } from "./support/vectors.ts"

const Event = Schema.Struct({
  reset: Schema.optionalKey(Schema.String),
  block: Schema.optionalKey(BlockRef),
  pair: Schema.optionalKey(Schema.Struct({ left: BlockRef, final: Schema.Boolean })),
  small: Schema.optionalKey(Wire.U8)
})
const hash = `0x${"ab".repeat(32)}` as const
const block: BlockRef = { hash, number: 7, parentHash: hash, timestamp: 1_700_000_000 }
const events: ReadonlyArray<typeof Event.Type> = [
  {},
  { reset: "now" },
  { reset: "", small: 255 },
  { block },
  { pair: { left: block, final: false }, small: 0 },
  { reset: "é\ud83d\ude00", block, pair: { left: block, final: true }, small: 1 }
]

describe("text by pattern", () => {
  const match = compilePattern(layoutOf(Event.ast))!

  it("reads what stringify writes, keys in order", () => {
    for (const event of events) {
      const text = Json.stringify(Event)(event)
      assert.strictEqual(text, JSON.stringify(event))
      assert.deepStrictEqual(match(text), event)
      assert.deepStrictEqual(Object.keys(match(text)), Object.keys(event))
      assert.deepStrictEqual(Json.parse(Event)(text), event)
    }
  })

  it("leaves everything else to the parser", () => {
    const text = JSON.stringify(events[5])
    const others = [
      ` ${text}`,
      text.replace(`"now"`, `"n\\u006fw"`),
      JSON.stringify({ small: 1, reset: "x" }),
      JSON.stringify({ reset: "x", other: 1 }),
      JSON.stringify({ reset: `"` }),
      JSON.stringify({ block: { ...block, hash: hash.toUpperCase().replace("X", "x") } }),
      JSON.stringify({ block: { ...block, number: 2 ** 53 - 1 } }),
      JSON.stringify({ reset: null, small: 1 }),
      JSON.stringify({ reset: "x".repeat(5000) })
    ]
    for (const other of others) {
      assert.strictEqual(match(other) === undefined, other !== text, other)
      assert.deepStrictEqual(Json.parse(Event)(other), Json.decode(Event)(Json.read(other)))
    }
  })

  it("accepts nothing that is not JSON of the type", () => {
    for (const text of [
      `{"reset":"x",}`,
      `{"reset":"x""small":1}`,
      `{,"small":1}`,
      `{"small":256}`,
      `{"small":01}`,
      `{"small":-1}`,
      `{"small":1.5}`,
      `{"reset":"a\nb"}`,
      `{"pair":{"final":true}}`,
      `{"reset":"x"} `.trimEnd() + "x"
    ]) {
      assert.isUndefined(match(text), text)
      assert.throws(() => Json.parse(Event)(text), /JSON: cannot read/)
    }
  })

  it("wide integers are exact, rounded ones are refused", () => {
    const Wide = Schema.Struct({
      safe: Wire.SafeU64,
      wide: Wire.bigNatural("Wide", { bits: 64, json: "number" })
    })
    const value = { safe: 2 ** 53 - 1, wide: 2n ** 64n - 1n }
    const text = `{"safe":9007199254740991,"wide":18446744073709551615}`
    assert.strictEqual(Json.stringify(Wide)(value), text)
    assert.deepStrictEqual(Json.parse(Wide)(text), value)
    assert.throws(() => Json.parse(Wide)(`{"safe":9007199254740993,"wide":0}`), /cannot read safe/)
  })

  it("other layouts have none", () => {
    assert.isUndefined(compilePattern(layoutOf(Schema.Array(BlockRef).ast)))
    assert.isUndefined(compilePattern(layoutOf(InherentData.ast)))
  })
})

describe("text by generated code", () => {
  const compile = compileText()
  const rows = polkadotFiles
    .flatMap((file): ReadonlyArray<ScaleVector> => vectors(`polkadot/${file}`).vectors)
    .filter(({ type }) => Registry.types.has(type))

  it("is the text of the JSON value, for every vector", () => {
    for (const { name, scale, type } of rows) {
      const { schema } = Registry.types.get(type)!
      const value = Scale.decode(schema)(fromHex(scale))
      assert.strictEqual(compile(layoutOf(schema.ast))(value), Json.print(Json.encode(schema)(value)), name)
    }
  })

  it("faults are those of encode", () => {
    for (const bad of [{ small: 256 }, { small: -1 }, { block: { ...block, hash: "0xab" } }, { reset: 1 }]) {
      const message = (run: () => unknown) => Result.try({ try: run, catch: (error: any) => error.message })
      const outcome = message(() => Json.stringify(Event)(bad as never))
      assert.isTrue(Result.isFailure(outcome))
      assert.deepStrictEqual(
        outcome,
        message(() => Json.encode(Event)(bad as never))
      )
    }
    const space = Json.stringify(Event)({ small: 1 }, 2)
    assert.strictEqual(space, `{\n  "small": 1\n}`)
  })
})
