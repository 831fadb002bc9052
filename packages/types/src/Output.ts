/**
 * Output roots: commitments to the state of an L2 chain at a block, and of a set of chains at a time.
 */
import { type Result, Schema } from "effect"
import { attemptDecode, type CodecError, Fault } from "./codec/CodecError.ts"
import { concatBytes } from "./codec/Cursor.ts"
import { fromHex, toHex } from "./codec/Hex.ts"
import { keccak256 } from "./Hashing.ts"
import { bigEndian, fromBigEndian, isZero } from "./bytes/BigEndian.ts"
import { type Address, ChainId, Hash } from "./Primitives.ts"
import { Quantity } from "./Receipt.ts"

/** What an output root commits to (supervisor-managed-node, "Types"). */
export const OutputV0 = Schema.Struct({ stateRoot: Hash, messagePasserStorageRoot: Hash, blockHash: Hash })
export interface OutputV0 extends Schema.Schema.Type<typeof OutputV0> {}

/** The account whose logs are withdrawals: its storage root is part of every output. */
export const messagePasser: Address = "0x4200000000000000000000000000000000000016"

/** The output root of a chain inside a super root. */
export const ChainOutput = Schema.Struct({ chainId: ChainId, output: Hash })
export interface ChainOutput extends Schema.Schema.Type<typeof ChainOutput> {}

/** What a super root commits to: the outputs of all chains at a time in seconds. */
export const SuperV1 = Schema.Struct({ timestamp: Quantity, chains: Schema.Array(ChainOutput) })
export interface SuperV1 extends Schema.Schema.Type<typeof SuperV1> {}

const outputSize = 128

/** The 128 bytes that an output root is the hash of: a zero word for version 0, then the three hashes. */
export const encodeOutput = (output: OutputV0): Uint8Array =>
  concatBytes(
    new Uint8Array(32),
    fromHex(output.stateRoot),
    fromHex(output.messagePasserStorageRoot),
    fromHex(output.blockHash)
  )

/** Reads the preimage of an output root; throws a `Fault`. */
export const readOutput = (bytes: Uint8Array): OutputV0 => {
  if (bytes.length !== outputSize) throw new Fault("Malformed", `${outputSize} bytes, not ${bytes.length}`)
  if (!isZero(bytes, 0, 32)) throw new Fault("Malformed", "version 0: a word of zeros in front")
  return {
    stateRoot: toHex(bytes, 32, 64),
    messagePasserStorageRoot: toHex(bytes, 64, 96),
    blockHash: toHex(bytes, 96, 128)
  }
}

/** Reads the preimage of an output root. */
export const decodeOutput = (bytes: Uint8Array): Result.Result<OutputV0, CodecError> =>
  attemptDecode("OutputV0", () => readOutput(bytes))

/** Keccak-256 of the preimage. */
export const outputRoot = (output: OutputV0): Hash => keccak256(encodeOutput(output))

const superVersion = 1
const superHead = 9
const chainSize = 64

/**
 * The bytes that a super root is the hash of: version, time, then chain ids with outputs, by ascending chain
 * id.
 */
export const encodeSuper = ({ chains, timestamp }: SuperV1): Uint8Array => {
  const sorted = chains.toSorted((left, right) => (BigInt(left.chainId) < BigInt(right.chainId) ? -1 : 1))
  return concatBytes(
    Uint8Array.of(superVersion),
    bigEndian(timestamp, 8),
    ...sorted.flatMap(({ chainId, output }) => [bigEndian(BigInt(chainId), 32), fromHex(output)])
  )
}

/** Reads the preimage of a super root. At least one chain is required. */
export const decodeSuper = (bytes: Uint8Array): Result.Result<SuperV1, CodecError> =>
  attemptDecode("SuperV1", () => {
    const version = bytes[0]
    if (version !== undefined && version !== superVersion)
      throw new Fault("UnknownVariant", `version 1, not ${version}`)
    const size = bytes.length - superHead
    if (size < chainSize || size % chainSize !== 0) {
      throw new Fault("Malformed", `${superHead} bytes and ${chainSize} for each of at least one chain`)
    }
    const timestamp = fromBigEndian(bytes, 1, superHead)
    if (timestamp > BigInt(Number.MAX_SAFE_INTEGER))
      throw new Fault("OutOfRange", "a time of at most 2^53 - 1", 1)
    const chains: Array<ChainOutput> = []
    for (let at = superHead; at < bytes.length; at += chainSize) {
      chains.push({
        chainId: fromBigEndian(bytes, at, at + 32).toString(),
        output: toHex(bytes, at + 32, at + 64)
      })
    }
    return { timestamp: Number(timestamp), chains }
  })

/** Keccak-256 of the preimage. */
export const superRoot = (value: SuperV1): Hash => keccak256(encodeSuper(value))
