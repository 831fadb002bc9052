/**
 * What blocks of a development DAG carry: the transactions of the development chain.
 */
import {
  Address,
  BlockNumber,
  concatBytes,
  Evidence,
  fromHex,
  Hash,
  InherentData,
  keccak256,
  Scale,
  Wire
} from "@ephor/types"
import { Result, Schema } from "effect"

/** A log to be emitted: what a contract would do. */
export const DevLog = Wire.record({ address: Address, topics: Schema.Array(Hash), data: Wire.HexText })
export interface DevLog extends Schema.Schema.Type<typeof DevLog> {}

/**
 * A transaction.
 *
 * - `Inherent`: what the relay runtime takes in with a block, by the leader of the round, for one parent only.
 * - `Emit`: a call that emits logs: initiating messages, or executing ones (logs of `CrossL2Inbox`).
 * - `SystemDeposit`: the optimistic-block system deposit of a replacement in its typed RLP form; it carries the 128-byte
 *   preimage of the output of the block that it replaces. Nothing but deposits is executed in a block that carries it.
 * - `Evidence`: what validators deserve, with its proofs, by the leader of the round.
 * - `ExecutionBlock`: stands for a block of an execution client that follows its own rules.
 */
export const DevTransaction = Wire.variants({
  Inherent: [0, InherentData],
  Emit: [1, Wire.record({ logs: Schema.Array(DevLog) })],
  SystemDeposit: [2, Wire.HexText],
  ExecutionBlock: [3, Wire.record({ number: BlockNumber, hash: Hash })],
  Evidence: [4, Schema.Array(Evidence)]
})
export type DevTransaction = typeof DevTransaction.Type

/** The bytes that a DAG block carries. */
export const encode: (transaction: DevTransaction) => Uint8Array = Scale.encode(DevTransaction)

/** The transaction that bytes of a DAG block spell, if they spell one. */
export const decode: (bytes: Uint8Array) => DevTransaction | undefined = (bytes) => {
  const result = decodeResult(bytes)
  return Result.isSuccess(result) ? result.success : undefined
}
const decodeResult = Scale.decodeResult(DevTransaction)

/** A call that emits one log. */
export const emit = (
  address: Address,
  topics: ReadonlyArray<Hash>,
  data: `0x${string}` = "0x"
): DevTransaction => ({
  _tag: "Emit",
  value: { logs: [{ address, topics, data }] }
})

/** The name of a transaction: its place in the DAG and its bytes, so that equal calls stay apart. */
export const transactionHash = (digest: Hash, position: number, bytes: Uint8Array): Hash =>
  keccak256(concatBytes(fromHex(digest), Scale.encode(Wire.U32)(position), bytes))
