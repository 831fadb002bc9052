import { assert, describe, it } from "@effect/vitest"
import { encodeOutput, type Hash, replacementSender, toHex } from "@ephor/types"
import { positionOf } from "../src/passive/Origin.ts"
import { replacedBy, transactionOf } from "../src/passive/Transaction.ts"

const word = (number: number, bytes = 32) => number.toString(16).padStart(bytes * 2, "0")
const hash: Hash = `0x${"ab".repeat(32)}`
const deposit = (input: string, fields: { readonly from?: string; readonly to?: string } = {}) =>
  transactionOf({
    from: "0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001",
    to: "0x4200000000000000000000000000000000000015",
    input,
    type: "0x7e",
    ...fields
  })!

/** `setL1BlockValues(number, timestamp, basefee, hash, sequenceNumber, batcherHash, overhead, scalar)`. */
const bedrock = (number: number, sequenceNumber: number) =>
  [
    "0x015d8eb9",
    word(number),
    word(2),
    word(3),
    hash.slice(2),
    word(sequenceNumber),
    word(6),
    word(7),
    word(8)
  ].join("")

/** The packed form: scalars, sequence number, time, number, fees, hash, batcher; later forks add at the end. */
const packed = (selector: string, number: number, sequenceNumber: number, more = "") =>
  [
    selector,
    word(1, 4),
    word(2, 4),
    word(sequenceNumber, 8),
    word(4, 8),
    word(number, 8),
    word(6),
    word(7),
    hash.slice(2),
    word(9),
    more
  ].join("")

describe("the L1 block that a block was built upon", () => {
  it("is read from the first deposit of every fork", () => {
    const expected = { l1origin: { hash, number: 1234 }, sequenceNumber: 5 }
    assert.deepStrictEqual(positionOf(deposit(bedrock(1234, 5))), expected)
    assert.deepStrictEqual(positionOf(deposit(packed("0x440a5e20", 1234, 5))), expected)
    assert.deepStrictEqual(positionOf(deposit(packed("0x098999be", 1234, 5, word(0, 12)))), expected)
    assert.deepStrictEqual(positionOf(deposit(packed("0x3db6be2b", 1234, 5, word(0, 14)))), expected)
  })

  it("is not read from anything else", () => {
    const other = "0x1111111111111111111111111111111111111111"
    assert.isUndefined(positionOf(deposit(bedrock(1, 1), { from: other })))
    assert.isUndefined(positionOf(deposit(bedrock(1, 1), { to: other })))
    assert.isUndefined(positionOf(deposit(bedrock(1, 1).slice(0, -64))))
    assert.isUndefined(positionOf(deposit(packed("0x440a5e20", 1, 1).slice(0, -2))))
    assert.isUndefined(positionOf(deposit("0x")))
    // A height that no chain has.
    const large = packed("0x440a5e20", 0, 1).replace(word(4, 8) + word(0, 8), word(4, 8) + "ff".repeat(8))
    assert.isUndefined(positionOf(deposit(large)))
    for (const nothing of [null, "0x", {}, { from: 1 }]) assert.isUndefined(transactionOf(nothing))
  })

  it("is beside what a replacement says that it replaced", () => {
    const output = { stateRoot: hash, messagePasserStorageRoot: hash, blockHash: hash }
    const input = toHex(encodeOutput(output))
    assert.deepStrictEqual(replacedBy(deposit(input, { from: replacementSender })), output)
    assert.isUndefined(replacedBy(deposit(input)))
    assert.isUndefined(replacedBy(deposit("0x1234", { from: replacementSender })))
  })
})
