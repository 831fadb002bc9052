import { assert, describe, it } from "@effect/vitest"
import { Json } from "../src/index.ts"

const aside = (token: string) => String(Number(token)) !== token
const read = (text: string) => Json.readNumbers(text, aside, (digits) => `#${digits}`)

describe("readNumbers", () => {
  it("puts numbers aside wherever they are, and touches nothing else", () => {
    const table: ReadonlyArray<readonly [string, unknown]> = [
      ["1e2", "#1e2"],
      ["[1.50, 1.5, 3]", ["#1.50", 1.5, 3]],
      [`{"a":{"b":[-0,0]},"c":18446744073709551615}`, { a: { b: ["#-0", 0] }, c: "#18446744073709551615" }],
      [`["1e2", "\\"1e2", "\\\\", 1e2]`, ["1e2", `"1e2`, "\\", "#1e2"]],
      [`["\ue000", "\\ue001", 1e2]`, ["\ue000", "\ue001", "#1e2"]]
    ]
    for (const [text, value] of table) assert.deepStrictEqual(read(text), value, text)
  })
  it("a key __proto__ stays a key", () => {
    const value = read(`{"__proto__":1e2}`) as object
    assert.deepStrictEqual(Object.entries(value), [["__proto__", "#1e2"]])
    assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
  })
  it("what is no JSON does not become any", () => {
    for (const text of [
      "{1e2:1}",
      "{1e2 :1}",
      "[01e2]",
      "[1e2",
      "[1e2 1e2]",
      "[1e]",
      "[.5e2]",
      "[-]",
      `["1e2]`
    ])
      assert.throws(() => read(text), SyntaxError)
  })
  it("nests as deeply as JSON.parse does", () => {
    const depth = 200_000
    const text = `${"[".repeat(depth)}1e2${"]".repeat(depth)}`
    let value = read(text)
    while (Array.isArray(value)) value = value[0]
    assert.strictEqual(value, "#1e2")
  })
})

describe("read", () => {
  it("integers of more digits than any type has are not made bigints", () => {
    const wide = "9".repeat(78)
    assert.deepStrictEqual(Json.read(`[${wide}, -${wide}]`), [BigInt(wide), -BigInt(wide)])
    assert.deepStrictEqual(Json.read(`[${wide}9, ${"9".repeat(1_000_000)}]`), [
      1e79,
      Number.POSITIVE_INFINITY
    ])
  })
})
