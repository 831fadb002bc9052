/**
 * The deposit transaction that ends a deposits-only block and names the output of the invalid block it
 * replaces.
 */
import type { Result } from "effect"
import { attemptDecode, type CodecError, Fault } from "./codec/CodecError.ts"
import { concatBytes } from "./codec/Cursor.ts"
import { fromHex, toHex } from "./codec/Hex.ts"
import { keccak256 } from "./Hashing.ts"
import { bigEndian, fromBigEndian } from "./bytes/BigEndian.ts"
import { encodeOutput, type OutputV0, outputRoot, readOutput } from "./Output.ts"
import type { Address, Hash } from "./Primitives.ts"

/** Sender of the transaction: no key exists for it. */
export const replacementSender: Address = "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0002"

const depositType = 0x7e
const sourceDomain = 4
const gasLimit = 36_000
const fieldCount = 8
const senderSize = 20

/** The source hash of the transaction, which makes it unique to the output. */
export const replacementSourceHash = (root: Hash): Hash =>
  keccak256(concatBytes(bigEndian(sourceDomain, 32), fromHex(root)))

const rlpHead = (base: number, length: number): Uint8Array => {
  if (length < 56) return Uint8Array.of(base + length)
  const size = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : 3
  return concatBytes(Uint8Array.of(base + 55 + size), bigEndian(length, size))
}
const rlpText = (bytes: Uint8Array): Uint8Array => concatBytes(rlpHead(0x80, bytes.length), bytes)

/** The transaction, in its typed RLP form. */
export const encodeReplacementTransaction = (output: OutputV0): Uint8Array => {
  const zero = new Uint8Array(0)
  const fields = [
    fromHex(replacementSourceHash(outputRoot(output))),
    fromHex(replacementSender),
    new Uint8Array(senderSize),
    zero, // mint: present and 0
    zero, // value
    bigEndian(gasLimit, 2),
    zero, // not a system transaction
    encodeOutput(output)
  ]
  const body = concatBytes(...fields.map(rlpText))
  return concatBytes(Uint8Array.of(depositType), rlpHead(0xc0, body.length), body)
}

interface Item {
  readonly from: number
  readonly to: number
}

/** The extent of the RLP item at `at`. Lists are not entered. */
const rlpItem = (bytes: Uint8Array, at: number): Item => {
  const first = bytes[at]
  if (first === undefined) throw new Fault("Truncated", "an RLP item", at)
  if (first < 0x80) return { from: at, to: at + 1 }
  const short = first - (first < 0xc0 ? 0x80 : 0xc0)
  const size = Math.max(0, short - 55)
  if (size > 3) throw new Fault("OutOfRange", "an RLP item below 16 MiB", at)
  const from = at + 1 + size
  const length = size === 0 ? short : Number(fromBigEndian(bytes, at + 1, Math.min(from, bytes.length)))
  if (from + length > bytes.length) throw new Fault("Truncated", `an RLP item of ${length} bytes`, at)
  return { from, to: from + length }
}

const readFields = (transaction: Uint8Array): ReadonlyArray<Uint8Array> => {
  const list = rlpItem(transaction, 1)
  if (transaction[1]! < 0xc0) throw new Fault("Malformed", "an RLP list", 1)
  if (list.to !== transaction.length) throw new Fault("Trailing", "the end of the transaction", list.to)
  const fields: Array<Uint8Array> = []
  for (let at = list.from; at < list.to;) {
    const item = rlpItem(transaction, at)
    fields.push(transaction.subarray(item.from, item.to))
    at = item.to
  }
  if (fields.length !== fieldCount)
    throw new Fault("Malformed", `${fieldCount} fields, not ${fields.length}`, list.from)
  return fields
}

/**
 * The output that a block's last transaction says was replaced: `undefined` if it is not such a transaction
 * (another type or sender). A transaction of the sender without the preimage of an output is an error.
 */
export const decodeReplacementTransaction = (
  transaction: Uint8Array
): Result.Result<OutputV0 | undefined, CodecError> =>
  attemptDecode("ReplacementTransaction", () => {
    if (transaction[0] !== depositType) return undefined
    const fields = readFields(transaction)
    return toHex(fields[1]!) === replacementSender ? readOutput(fields[7]!) : undefined
  })
