/**
 * Readers and writers of what SCALE and BCS do not take apart any further: integers, hashes, bytes, text,
 * bits.
 */
import { Fault } from "../codec/CodecError.ts"
import { type Reader, utf8Bytes, type Writer } from "../codec/Cursor.ts"
import { parseHex, printBits, spellBits, toHex, writeHex } from "../codec/Hex.ts"
import type { Wire } from "./Codec.ts"
import { type Bounds, isWithin, type UInt } from "../layout/Layout.ts"

/** Where SCALE and BCS differ. */
export interface BinaryRules {
  readonly name: string
  readonly readLength: (reader: Reader) => number
  readonly writeLength: (writer: Writer, length: number) => void
  readonly readIndex: (reader: Reader) => number
  readonly writeIndex: (writer: Writer, index: number) => void
  /** When a length or a case number is the one byte `byte`, and which it is then: source text. */
  readonly short: {
    readonly [K in "Length" | "Index"]: {
      readonly when: (byte: string) => string
      readonly value: (byte: string) => string
      /** When a number is written as one byte, and as which. */
      readonly fits: (length: string) => string
      readonly byte: (length: string) => string
    }
  }
  /** Present where compact integers exist. */
  readonly compactOf?: (bits: number, form: string) => Wire
}

/** A byte that is 0 or 1. */
export const bool: Wire<boolean> = {
  read: (reader) => {
    const byte = reader.u8()
    if (byte > 1) throw new Fault("NotCanonical", "a bool of 0 or 1", reader.at - 1)
    return byte === 1
  },
  write: (writer, value) => writer.u8(value ? 1 : 0)
}

const u256: Wire<bigint> = {
  read: (reader) => {
    const low = reader.u128()
    return (reader.u128() << 128n) | low
  },
  write: (writer, value) => {
    if (value < 0n) throw new Fault("OutOfRange", "an integer from 0 to 2^256 - 1")
    writer.u128(value & ((1n << 128n) - 1n))
    writer.u128(value >> 128n)
  }
}

const bigIntegers: { readonly [bits: number]: Wire<bigint> } = {
  64: { read: (reader) => reader.u64(), write: (writer, value) => writer.u64(value) },
  128: { read: (reader) => reader.u128(), write: (writer, value) => writer.u128(value) },
  256: u256
}

/** An integer of fixed width. */
export const fixedInteger = ({ bits, form }: UInt): Wire => {
  if (bits === 8) return { read: (reader) => reader.u8(), write: (writer, value) => writer.u8(value) }
  if (bits === 16) return { read: (reader) => reader.u16(), write: (writer, value) => writer.u16(value) }
  if (bits === 32) return { read: (reader) => reader.u32(), write: (writer, value) => writer.u32(value) }
  if (bits === 64 && form === "number") {
    return { read: (reader) => reader.safeU64(), write: (writer, value) => writer.safeU64(value) }
  }
  const big = bigIntegers[bits]!
  if (form === "bigint") return big
  if (form === "decimal") {
    return {
      read: (reader) => big.read(reader).toString(),
      write: (writer, value: string) => big.write(writer, BigInt(value))
    }
  }
  return {
    read: (reader) => {
      const at = reader.at
      const value = big.read(reader)
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Fault("OutOfRange", "at most 2^53 - 1", at)
      return Number(value)
    },
    write: (writer, value: number) => big.write(writer, BigInt(value))
  }
}

/** A fixed number of bytes as `0x` text. */
export const fixedHex = (size: number): Wire<string> => ({
  read: (reader) => {
    const at = reader.take(size)
    return toHex(reader.bytes, at, at + size)
  },
  write: (writer, value) => {
    if (value.length !== size * 2 + 2) throw new Fault("Malformed", `${size} bytes as 0x-prefixed hex`)
    const at = writer.reserve(size)
    writeHex(value, writer.bytes, at)
  }
})

/** Bytes whose length stands in front of them. */
interface Counted<A> {
  readonly read: (reader: Reader, length: number) => A
  readonly bytes: (value: A) => Uint8Array
}
/** Bytes as a view of the input. */
export const rawBytes: Counted<Uint8Array> = {
  read: (reader, length) => reader.raw(length),
  bytes: (value) => value
}
/** Bytes as `0x` text. */
export const hexBytes: Counted<string> = {
  read: (reader, length) => {
    const at = reader.take(length)
    return toHex(reader.bytes, at, at + length)
  },
  bytes: parseHex
}
/** UTF-8 text. */
export const text: Counted<string> = { read: (reader, length) => reader.text(length), bytes: utf8Bytes }

/** Refuses a count beyond its bounds. */
export const checkCount = (bounds: Partial<Bounds>, count: number, at?: number): void => {
  if (isWithin(bounds, count)) return
  throw new Fault("OutOfRange", `${bounds.minimum} to ${bounds.maximum} items or bytes, not ${count}`, at)
}

/** Bytes, hex or text behind their length. */
export const counted = <A>(rules: BinaryRules, form: Counted<A>, bounds: Partial<Bounds> = {}): Wire<A> => ({
  read: (reader) => {
    const { at } = reader
    const length = rules.readLength(reader)
    checkCount(bounds, length, at)
    return form.read(reader, length)
  },
  write: (writer, value) => {
    const bytes = form.bytes(value)
    checkCount(bounds, bytes.length)
    rules.writeLength(writer, bytes.length)
    writer.raw(bytes)
  }
})

const bitsLimit = 0x1fff_ffff

/** `BitVec<u8, Lsb0>` as text of `0` and `1`, index 0 first. The count in front is of bits. */
export const bits = (rules: BinaryRules): Wire<string> => ({
  read: (reader) => {
    const at = reader.at
    const count = rules.readLength(reader)
    if (count > bitsLimit) throw new Fault("OutOfRange", `at most ${bitsLimit} bits`, at)
    return printBits(reader.bytes, reader.take(Math.ceil(count / 8)), count)
  },
  write: (writer, value) => {
    rules.writeLength(writer, value.length)
    const start = writer.reserve(Math.ceil(value.length / 8))
    if (!spellBits(value, writer.bytes, start)) throw new Fault("Malformed", "text of 0 and 1")
  }
})
