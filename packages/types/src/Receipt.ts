/**
 * Execution receipts and logs in go-ethereum's shape, with numbers inside and `0x` quantities on the wire.
 */
import { Schema } from "effect"
import { parseHex, toHex } from "./codec/Hex.ts"
import { bigNatural, HexText, natural } from "./codec/Wire.ts"
import { keccak256Bytes } from "./Hashing.ts"
import { Address, Hash } from "./Primitives.ts"

/** Bytes of free length as `0x` text, as execution clients print them. */
export const HexData = HexText
export type HexData = typeof HexData.Type

/** A number that execution clients print as `0x` hex without leading zeros. */
export const Quantity = natural("Quantity", { bits: 64, json: "quantity" })
export type Quantity = typeof Quantity.Type

/** An amount that execution clients print as `0x` hex without leading zeros. */
export const BigQuantity = bigNatural("BigQuantity", { bits: 256, json: "quantity" })
export type BigQuantity = typeof BigQuantity.Type

/** One log of a receipt. `logIndex` counts over the whole block, without gaps. */
export const Log = Schema.Struct({
  address: Address,
  topics: Schema.Array(Hash),
  data: HexData,
  blockNumber: Quantity,
  blockHash: Hash,
  transactionHash: Hash,
  transactionIndex: Quantity,
  logIndex: Quantity,
  blockTimestamp: Schema.optionalKey(Quantity),
  removed: Schema.optionalKey(Schema.Boolean)
})
export interface Log extends Schema.Schema.Type<typeof Log> {}

/** What one transaction did. Readers in Go insist on `logsBloom`: `withLogsBloom` adds it. */
export const Receipt = Schema.Struct({
  type: Quantity,
  status: Quantity,
  cumulativeGasUsed: Quantity,
  gasUsed: Quantity,
  logs: Schema.Array(Log),
  transactionHash: Hash,
  transactionIndex: Quantity,
  blockHash: Hash,
  blockNumber: Quantity,
  logsBloom: Schema.optionalKey(HexData),
  contractAddress: Schema.optionalKey(Schema.NullOr(Address)),
  effectiveGasPrice: Schema.optionalKey(BigQuantity),
  depositNonce: Schema.optionalKey(Quantity),
  depositReceiptVersion: Schema.optionalKey(Quantity)
})
export interface Receipt extends Schema.Schema.Type<typeof Receipt> {}

const bloomSize = 256

/** The 2048-bit filter over addresses and topics of logs: three bits for each. */
export const logsBloom = (logs: ReadonlyArray<Pick<Log, "address" | "topics">>): HexData => {
  const bloom = new Uint8Array(bloomSize)
  const add = (item: string) => {
    const hash = keccak256Bytes(parseHex(item))
    for (let i = 0; i < 6; i += 2) {
      const bit = ((hash[i]! << 8) | hash[i + 1]!) & 0x7ff
      bloom[bloomSize - 1 - (bit >> 3)]! |= 1 << (bit & 7)
    }
  }
  for (const { address, topics } of logs) {
    add(address)
    topics.forEach(add)
  }
  return toHex(bloom)
}

/** The receipt with the filter over its logs. */
export const withLogsBloom = (receipt: Receipt): Receipt => ({
  ...receipt,
  logsBloom: logsBloom(receipt.logs)
})
