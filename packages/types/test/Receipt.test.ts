import { assert, describe, it } from "@effect/vitest"
import { Json, logsBloom, Receipt, withLogsBloom } from "@ephor/types"

const hash = (digit: string): `0x${string}` => `0x${digit.repeat(64)}`
// The shape that go-ethereum prints, as its reader requires it.
const json = {
  type: "0x2",
  status: "0x1",
  cumulativeGasUsed: "0x5208",
  gasUsed: "0x5208",
  logs: [
    {
      address: `0x${"4".repeat(40)}`,
      topics: [hash("a")],
      data: "0x01ff",
      blockNumber: "0x4d2",
      blockHash: hash("b"),
      transactionHash: hash("c"),
      transactionIndex: "0x1",
      logIndex: "0x5",
      blockTimestamp: "0x6553f100",
      removed: false
    }
  ],
  transactionHash: hash("c"),
  transactionIndex: "0x1",
  blockHash: hash("b"),
  blockNumber: "0x4d2",
  contractAddress: null,
  effectiveGasPrice: "0x1"
}

describe("Receipt", () => {
  it("is printed in quantities and read as numbers", () => {
    const receipt = Json.decode(Receipt)(json)
    assert.strictEqual(receipt.cumulativeGasUsed, 21_000)
    assert.strictEqual(receipt.logs[0]!.logIndex, 5)
    assert.strictEqual(receipt.effectiveGasPrice, 1n)
    assert.isNull(receipt.contractAddress)
    assert.deepStrictEqual(Json.encode(Receipt)(receipt), json as Json.Json)
  })

  it("absent keys stay absent, and null is absent where null means nothing", () => {
    const { contractAddress: _c, effectiveGasPrice: _e, ...rest } = json
    const receipt = Json.decode(Receipt)({ ...rest, effectiveGasPrice: null })
    assert.isFalse("effectiveGasPrice" in receipt)
    assert.isFalse("contractAddress" in receipt)
    assert.deepStrictEqual(Json.encode(Receipt)(receipt), rest as Json.Json)
  })

  it("quantities have no leading zeros", () => {
    for (const status of ["0x01", "0x", "1", 1, "0x20000000000000"]) {
      assert.throws(() => Json.decode(Receipt)({ ...json, status }), /status/)
    }
  })

  it("the filter of no logs is empty, and each item sets at most three bits", () => {
    const count = (bloom: string) =>
      Array.from(bloom.slice(2)).reduce(
        (bits, digit) => bits + Number.parseInt(digit, 16).toString(2).replaceAll("0", "").length,
        0
      )
    assert.strictEqual(logsBloom([]), `0x${"00".repeat(256)}`)
    const { logs } = Json.decode(Receipt)(json)
    const bits = count(logsBloom(logs))
    assert.isTrue(bits > 3 && bits <= 6)
    assert.strictEqual(withLogsBloom(Json.decode(Receipt)(json)).logsBloom, logsBloom(logs))
  })

  it("the filter has the bits of a known log", () => {
    // keccak256 of twenty zero bytes begins with 5380c7b7ae81: the bits are 0x380, 0x7b7 and 0x681.
    const bloom = Buffer.from(logsBloom([{ address: `0x${"00".repeat(20)}`, topics: [] }]).slice(2), "hex")
    const set = Array.from(bloom.toReversed()).flatMap((byte, at) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte >> bit) & 1).map((bit) => at * 8 + bit)
    )
    assert.deepStrictEqual(set, [0x380, 0x681, 0x7b7])
  })
})
