/**
 * Execution receipts and logs in go-ethereum's shape, with numbers inside and `0x` quantities on the wire.
 */
import { Schema } from "effect"
import { Address, BlockNumber, Hash } from "./Primitives.ts"

/** Bytes of free length as `0x` text, as execution clients print them. */
export const HexData = Schema.TemplateLiteral(["0x", Schema.String]).check(
  Schema.isPattern(/^0x([0-9a-f]{2})*$/, { expected: "whole bytes as 0x-prefixed lower-case hex" })
).annotate({ identifier: "HexData" })
export type HexData = typeof HexData.Type

/** One log of a receipt. `logIndex` counts over the whole block, without gaps. */
export const Log = Schema.Struct({
  address: Address,
  topics: Schema.Array(Hash),
  data: HexData,
  blockNumber: BlockNumber,
  blockHash: Hash,
  transactionHash: Hash,
  transactionIndex: BlockNumber,
  logIndex: BlockNumber
})
export interface Log extends Schema.Schema.Type<typeof Log> {}

/** What one transaction did. */
export const Receipt = Schema.Struct({
  type: BlockNumber,
  status: BlockNumber,
  cumulativeGasUsed: BlockNumber,
  gasUsed: BlockNumber,
  logs: Schema.Array(Log),
  transactionHash: Hash,
  transactionIndex: BlockNumber,
  blockHash: Hash,
  blockNumber: BlockNumber
})
export interface Receipt extends Schema.Schema.Type<typeof Receipt> {}
