import { assert, describe, it } from "@effect/vitest"
import * as JsonRpc from "../src/JsonRpc.ts"

const single = (text: string) => {
  const frame = JsonRpc.parse(text, 10)
  assert.strictEqual(frame?._tag, "Single")
  return frame?._tag === "Single" ? frame.message : assert.fail()
}

describe("parse", () => {
  it("tells messages apart as go-ethereum does", () => {
    const table: ReadonlyArray<readonly [string, JsonRpc.Message["_tag"]]> = [
      [`{"jsonrpc":"2.0","id":1,"method":"m","params":[]}`, "Call"],
      [`{"jsonrpc":"2.0","id":"x","method":"m"}`, "Call"],
      [`{"jsonrpc":"2.0","id":null,"method":"m"}`, "Call"],
      [`{"jsonrpc":"2.0","method":"m","params":[]}`, "Notification"],
      [`{"jsonrpc":"2.0","id":1,"result":null}`, "Success"],
      [`{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x"}}`, "Failure"],
      [`{"id":[],"method":"test_foo"}`, "Invalid"],
      [`{"jsonrpc":"2.0","id":{},"method":"test_foo"}`, "Invalid"],
      [`{"jsonrpc":"1.0","id":1,"method":"m"}`, "Invalid"],
      [`{"jsonrpc":"2.0","id":1,"method":7}`, "Invalid"],
      [`{"jsonrpc":"2.0","id":1}`, "Invalid"],
      [`{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}`, "Invalid"],
      [`7`, "Invalid"],
      [`null`, "Invalid"],
      [`"text"`, "Invalid"]
    ]
    for (const [text, tag] of table) assert.strictEqual(single(text)._tag, tag, text)
  })
  it("an answer to something invalid carries the id if there is one", () => {
    assert.deepStrictEqual(single(`{"id":3,"method":"m"}`), { _tag: "Invalid", id: 3 })
    assert.deepStrictEqual(single(`{"id":[],"method":"m"}`), { _tag: "Invalid", id: null })
  })
  it("not JSON is nothing", () => {
    for (const text of ["", "{", "{}{}", "nonsense", `{"a":01}`]) assert.isUndefined(JsonRpc.parse(text, 10))
  })
  it("batches, and those that are too large", () => {
    const call = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"m"}`
    assert.strictEqual(JsonRpc.parse(`[${call(1)},${call(2)}]`, 2)?._tag, "Batch")
    assert.deepStrictEqual(JsonRpc.parse(`[1,${call(2)},${call(3)}]`, 2), { _tag: "BatchTooLarge", id: 2 })
    assert.deepStrictEqual(JsonRpc.parse(`[1,2,3]`, 2), { _tag: "BatchTooLarge", id: null })
  })
})

describe("numbers", () => {
  it("ids are echoed to the digit", () => {
    const ids = [
      "1",
      "0",
      "-7",
      "18446744073709551615",
      "9007199254740993",
      "1.0",
      "1e2",
      `"0x1"`,
      `""`,
      "null",
      "true"
    ]
    for (const id of ids) {
      const message = single(`{"jsonrpc":"2.0","id":${id},"method":"m"}`)
      assert.strictEqual(message._tag, "Call", id)
      const printed = JsonRpc.formatResult(message._tag === "Call" ? message.id : undefined, 1)
      assert.strictEqual(printed, `{"jsonrpc":"2.0","id":${id},"result":1}`)
    }
  })
  it("a number that cannot be held exactly is no number", () => {
    for (const [text, isNumber] of [
      ["[9007199254740991]", true],
      ["[9007199254740993]", false],
      ["[ 18446744073709551615]", false],
      ["[1.5]", true],
      [`["0x1234567890123456", 1700000000]`, false]
    ] as const) {
      assert.strictEqual(typeof (JsonRpc.parseJson(text) as Array<unknown>)[0] === "number", isNumber, text)
    }
  })
})

describe("format", () => {
  it("keys come in the order of Go, and void is null", () => {
    assert.strictEqual(JsonRpc.formatResult(7, undefined), `{"jsonrpc":"2.0","id":7,"result":null}`)
    assert.strictEqual(JsonRpc.formatResult(7, null), `{"jsonrpc":"2.0","id":7,"result":null}`)
    assert.strictEqual(
      JsonRpc.formatError(null, JsonRpc.errors.invalidRequest),
      `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}}`
    )
    assert.strictEqual(
      JsonRpc.formatError(1, { code: 1, message: "m", data: { a: 1 } }),
      `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{"a":1}}}`
    )
    assert.strictEqual(
      JsonRpc.formatCall(1, "interop_subscribe", ["events"]),
      `{"jsonrpc":"2.0","id":1,"method":"interop_subscribe","params":["events"]}`
    )
  })
  it("subscription ids lose their leading zeros", () => {
    const id = (...bytes: ReadonlyArray<number>) => JsonRpc.subscriptionId(Uint8Array.from(bytes))
    assert.strictEqual(id(0x9c, 0xef), "0x9cef")
    assert.strictEqual(id(0x0c, 0xef), "0xcef")
    assert.strictEqual(id(0, 0, 0x10), "0x10")
    assert.strictEqual(JsonRpc.subscriptionId(new Uint8Array(16)), "0x0")
  })
})

describe("positional", () => {
  const error = (params: unknown, required: number, most: number) => {
    const result = JsonRpc.positional(params, required, most)
    return "error" in result ? result.error.message : result.args
  }
  it("wants an array of the right length", () => {
    assert.deepStrictEqual(error([1, 2], 2, 2), [1, 2])
    assert.deepStrictEqual(error(undefined, 0, 0), [])
    assert.deepStrictEqual(error([1], 1, 2), [1])
    assert.strictEqual(error({}, 0, 0), "non-array args")
    assert.strictEqual(error([], 1, 1), "missing value for required argument 0")
    assert.strictEqual(error([1], 2, 2), "missing value for required argument 1")
    assert.strictEqual(error([1], 0, 0), "too many arguments, want at most 0")
  })
})
