/**
 * What makes SCALE of the binary rules: compact integers, which are its lengths too, and bytes for cases.
 */
import { Fault } from "../codec/CodecError.ts"
import type { Reader, Writer } from "../codec/Cursor.ts"
import type { BinaryRules } from "./Leaves.ts"
import type { Wire } from "./Codec.ts"

const two30 = 0x4000_0000
const two32 = 0x1_0000_0000

const notShortest = (at: number) => new Fault("NotCanonical", "a compact integer in its shortest form", at)

/** Reads a compact integer of at most 2^53 - 1: lengths and the number-valued compacts. */
export const readCompact = (reader: Reader): number => {
  const at = reader.at
  const first = reader.u8()
  switch (first & 3) {
    case 0:
      return first >> 2
    case 1: {
      const value = ((reader.u8() << 8) | first) >> 2
      if (value < 64) throw notShortest(at)
      return value
    }
    case 2: {
      reader.at = at
      const value = reader.u32() >>> 2
      if (value < 16_384) throw notShortest(at)
      return value
    }
    default: {
      reader.at = at
      const value = readCompactBig(reader)
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw new Fault("OutOfRange", "a compact integer of at most 2^53 - 1", at)
      }
      return Number(value)
    }
  }
}

/** Reads a compact integer of any size. */
export const readCompactBig = (reader: Reader): bigint => {
  const at = reader.at
  const first = reader.u8()
  if ((first & 3) !== 3) {
    reader.at = at
    return BigInt(readCompact(reader))
  }
  const count = (first >> 2) + 4
  const start = reader.take(count)
  let value = 0n
  for (let i = start + count - 1; i >= start; i--) value = (value << 8n) | BigInt(reader.bytes[i]!)
  if (reader.bytes[start + count - 1] === 0 || value < BigInt(two30)) throw notShortest(at)
  return value
}

/** Writes a compact integer in its shortest form. */
export const writeCompact = (writer: Writer, value: number): void => {
  if (value >= two30) return writeCompactBig(writer, BigInt(value))
  if (value < 0 || !Number.isInteger(value)) throw new Fault("OutOfRange", "a safe integer from 0")
  if (value < 64) writer.u8(value << 2)
  else if (value < 16_384) writer.u16((value << 2) | 1)
  else writer.u32((value * 4 + 2) % two32)
}

/** Writes a compact integer of up to 536 bits in its shortest form. */
export const writeCompactBig = (writer: Writer, value: bigint): void => {
  if (value < BigInt(two30)) return writeCompact(writer, Number(value))
  let count = 4
  while (value >> BigInt(count * 8) !== 0n) count++
  if (count > 67) throw new Fault("OutOfRange", "an integer below 2^536")
  writer.u8(((count - 4) << 2) | 3)
  const start = writer.reserve(count)
  for (let i = 0; i < count; i++) writer.bytes[start + i] = Number((value >> BigInt(i * 8)) & 0xffn)
}

const compactOf = (bits: number, form: string): Wire => {
  const limit = (1n << BigInt(bits)) - 1n
  const safe = bits >= 53 ? Number.MAX_SAFE_INTEGER : 2 ** bits - 1
  const tooLarge = (at?: number) => new Fault("OutOfRange", `a compact integer of at most ${bits} bits`, at)
  if (form === "number") {
    return {
      read: (reader) => {
        const at = reader.at
        const value = readCompact(reader)
        if (value > safe) throw tooLarge(at)
        return value
      },
      write: (writer, value: number) => {
        if (value > safe) throw tooLarge()
        writeCompact(writer, value)
      }
    }
  }
  return {
    read: (reader) => {
      const at = reader.at
      const value = readCompactBig(reader)
      if (value > limit) throw tooLarge(at)
      return form === "bigint" ? value : value.toString()
    },
    write: (writer, value: bigint | string) => {
      const integer = BigInt(value)
      if (integer > limit) throw tooLarge()
      writeCompactBig(writer, integer)
    }
  }
}

const readIndex = (reader: Reader): number => reader.u8()
const writeIndex = (writer: Writer, index: number): void => writer.u8(index)

/** The rules of SCALE. */
export const scaleRules: BinaryRules = {
  name: "SCALE",
  readLength: readCompact,
  writeLength: writeCompact,
  readIndex,
  writeIndex,
  short: {
    Length: {
      when: (byte) => `(${byte} & 3) === 0`,
      value: (byte) => `${byte} >> 2`,
      fits: (length) => `${length} < 64`,
      byte: (length) => `${length} << 2`
    },
    Index: {
      when: () => "true",
      value: (byte) => byte,
      fits: (index) => `${index} < 256`,
      byte: (index) => index
    }
  },
  compactOf
}
