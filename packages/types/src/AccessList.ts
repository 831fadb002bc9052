/**
 * Messages as a transaction names them beforehand: storage keys of the inbox contract in its access list. A
 * message is a lookup word, a chain-id extension if the id has more than 64 bits, and the checksum.
 */
import { type Result, Schema } from "effect"
import { attemptDecode, type CodecError, Fault, within } from "./codec/CodecError.ts"
import { concatBytes } from "./codec/Cursor.ts"
import { parseHex, toHex } from "./codec/Hex.ts"
import { bigNatural, natural, spelled } from "./codec/Wire.ts"
import { bigEndian, fromBigEndian, isZero } from "./bytes/BigEndian.ts"
import { ChainId, Hash } from "./Primitives.ts"

/** A message by place and checksum; the origin is only in the checksum. */
export const Access = Schema.Struct({
  chainId: ChainId,
  blockNumber: bigNatural("AccessBlockNumber", { bits: 64, json: "quantity" }),
  timestamp: bigNatural("AccessTimestamp", { bits: 64, json: "quantity" }),
  logIndex: natural("AccessLogIndex", { bits: 32, json: "quantity" }),
  checksum: Hash
})
export interface Access extends Schema.Schema.Type<typeof Access> {}

const Seconds = bigNatural("AccessSeconds", { bits: 64, json: "quantity" })

/**
 * Who will execute the messages of a list: the chain (missing or zero: the chain that initiated each), the time of
 * its block, and for how many seconds more the answer must hold. Times are claims with all 64 bits in use.
 */
export const ExecutingDescriptor = spelled(
  Schema.Struct({
    chainId: Schema.optionalKey(ChainId),
    timestamp: Seconds,
    timeout: Schema.optionalKey(Seconds)
  }),
  { chainId: "chainID" }
)
export interface ExecutingDescriptor extends Schema.Schema.Type<typeof ExecutingDescriptor> {}

const lookupType = 1
const extensionType = 2
const checksumType = 3
const lookupText = "a lookup (type 1)"
const checksumText = "a checksum (type 3)"

/** The two or three words of a message. */
export const encodeAccess = (access: Access): ReadonlyArray<Hash> => {
  const chainId = bigEndian(BigInt(access.chainId), 32)
  const lookup = concatBytes(
    Uint8Array.of(lookupType, 0, 0, 0),
    chainId.subarray(24),
    bigEndian(access.blockNumber, 8),
    bigEndian(access.timestamp, 8),
    bigEndian(access.logIndex, 4)
  )
  if (isZero(chainId, 0, 24)) return [toHex(lookup), access.checksum]
  const extension = concatBytes(Uint8Array.of(extensionType, 0, 0, 0, 0, 0, 0, 0), chainId.subarray(0, 24))
  return [toHex(lookup), toHex(extension), access.checksum]
}

/** The words of several messages, one after the other. */
export const encodeAccessList = (accesses: ReadonlyArray<Access>): ReadonlyArray<Hash> =>
  accesses.flatMap(encodeAccess)

/** Where parsing of a list goes on, and the message that was read. */
export interface ParsedAccess {
  readonly access: Access
  readonly next: number
}

const entryAt = (entries: ReadonlyArray<string>, at: number, expected: string): Uint8Array => {
  const entry = entries[at]
  if (entry === undefined) throw new Fault("Truncated", `an entry: ${expected}`)
  if (!/^0x[0-9a-fA-F]{64}$/.test(entry)) throw new Fault("Malformed", "32 bytes as 0x-prefixed hex")
  return parseHex(entry)
}

const requireType = (entry: Uint8Array, type: number, expected: string, padding: number): void => {
  if (entry[0] !== type) throw new Fault("UnknownVariant", `${expected}, not type ${entry[0]}`)
  if (!isZero(entry, 1, 1 + padding)) throw new Fault("Malformed", "zero bytes behind the type")
}

const readAccess = (entries: ReadonlyArray<string>, start: number): ParsedAccess => {
  let at = start
  try {
    const lookup = entryAt(entries, at, lookupText)
    requireType(lookup, lookupType, lookupText, 3)
    let checksum = entryAt(entries, ++at, checksumText)
    let high: Uint8Array = new Uint8Array(24)
    if (checksum[0] === extensionType) {
      requireType(checksum, extensionType, "a chain-id extension (type 2)", 7)
      high = checksum.subarray(8)
      checksum = entryAt(entries, ++at, checksumText)
    }
    requireType(checksum, checksumType, checksumText, 0)
    const access: Access = {
      chainId: fromBigEndian(concatBytes(high, lookup.subarray(4, 12))).toString(),
      blockNumber: fromBigEndian(lookup, 12, 20),
      timestamp: fromBigEndian(lookup, 20, 28),
      logIndex: Number(fromBigEndian(lookup, 28, 32)),
      checksum: toHex(checksum)
    }
    return { access, next: at + 1 }
  } catch (error) {
    throw within(error, at)
  }
}

/**
 * Reads the message that starts at `start`. Faults: `Truncated` where the list ends early ("expected entry"),
 * `UnknownVariant` for a word of the wrong type, `Malformed` for padding that is not zero or a word that is
 * not 32 bytes.
 */
export const parseAccess = (
  entries: ReadonlyArray<string>,
  start = 0
): Result.Result<ParsedAccess, CodecError> => attemptDecode("AccessList", () => readAccess(entries, start))

/** Reads all messages of a list; an empty list has none. */
export const parseAccessList = (
  entries: ReadonlyArray<string>
): Result.Result<ReadonlyArray<Access>, CodecError> =>
  attemptDecode("AccessList", () => {
    const accesses: Array<Access> = []
    for (let at = 0; at < entries.length;) {
      const { access, next } = readAccess(entries, at)
      accesses.push(access)
      at = next
    }
    return accesses
  })
