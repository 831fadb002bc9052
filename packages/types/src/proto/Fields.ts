/**
 * The fields of protobuf messages that are values by themselves, and the framing of fields.
 */
import { Fault } from "../codec/CodecError.ts"
import { depthLimit, type Reader, utf8Bytes, type Writer } from "../codec/Cursor.ts"
import { parseHex, toHex } from "../codec/Hex.ts"
import type { UInt } from "../layout/Layout.ts"

/** Wire type of integers. */
export const varint = 0
/** Wire type of everything that has a length. */
export const delimited = 2
type WireType = typeof varint | typeof delimited

/** Reads a varint of up to 64 bits that must fit a safe integer. */
export const readNumber = (reader: Reader, limit = Number.MAX_SAFE_INTEGER): number => {
  const at = reader.at
  let value = 0
  let scale = 1
  for (let count = 0; count < 10; count++) {
    const byte = reader.u8()
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (value > limit) throw new Fault("OutOfRange", `a varint of at most ${limit}`, at)
      return value
    }
    scale *= 128
  }
  throw new Fault("Malformed", "a varint of at most ten bytes", at)
}

const readBig = (reader: Reader): bigint => {
  const at = reader.at
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.u8()
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) {
      if (value >> 64n !== 0n) throw new Fault("OutOfRange", "a varint of at most 64 bits", at)
      return value
    }
  }
  throw new Fault("Malformed", "a varint of at most ten bytes", at)
}

const writeNumber = (writer: Writer, value: number): void => {
  if (value < 0 || !Number.isSafeInteger(value)) throw new Fault("OutOfRange", "a safe integer from 0")
  let rest = value
  while (rest >= 0x80) {
    writer.u8((rest % 128) | 0x80)
    rest = Math.floor(rest / 128)
  }
  writer.u8(rest)
}

const writeBig = (writer: Writer, value: bigint): void => {
  if (value < 0n || value >> 64n !== 0n) throw new Fault("OutOfRange", "an integer from 0 to 2^64 - 1")
  let rest = value
  while (rest >= 0x80n) {
    writer.u8(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  writer.u8(Number(rest))
}

/** Writes the number and the wire type of a field. */
export const writeKey = (writer: Writer, tag: number, type: WireType) => writeNumber(writer, tag * 8 + type)

/** Opens the window of a length-delimited field on the same reader, and closes it again. */
export const inWindow = <A>(reader: Reader, at: number, end: number, read: () => A): A => {
  const { at: savedAt, end: savedEnd } = reader
  reader.at = at
  reader.end = end
  const value = read()
  reader.at = savedAt
  reader.end = savedEnd
  return value
}

/**
 * A value that is one field: how it reads from its place, how it is written, and whether it may be left out.
 */
export interface Single {
  readonly type: WireType
  /** Reads a varint, or all of the current window. */
  readonly read: (reader: Reader) => unknown
  /** Writes a varint, or the content of a delimited field. */
  readonly write: (writer: Writer, value: any) => void
  readonly isZero: (value: any) => boolean
  readonly message: boolean
}

const scalar = (
  type: WireType,
  read: Single["read"],
  write: Single["write"],
  isZero: Single["isZero"]
): Single => ({ type, read, write, isZero, message: false })

/** An unsigned integer of up to 64 bits. */
export const integerField = ({ bits, form }: UInt): Single => {
  if (bits > 64) throw new Error("protobuf has no integers above 64 bits: use bytes")
  if (form === "number") {
    const limit = bits >= 53 ? Number.MAX_SAFE_INTEGER : 2 ** bits - 1
    const write = (writer: Writer, value: number) => {
      if (value > limit) throw new Fault("OutOfRange", `at most ${limit}`)
      writeNumber(writer, value)
    }
    return scalar(
      varint,
      (reader) => readNumber(reader, limit),
      write,
      (value) => value === 0
    )
  }
  if (form === "bigint") return scalar(varint, readBig, writeBig, (value) => value === 0n)
  const write = (writer: Writer, value: string) => writeBig(writer, BigInt(value))
  return scalar(
    varint,
    (reader) => readBig(reader).toString(),
    write,
    (value) => value === "0"
  )
}

const rest = (reader: Reader): Uint8Array => reader.raw(reader.end - reader.at)

/** Bytes as `0x` text, of a fixed size if one is given. */
export const hexField = (size: number | undefined): Single =>
  scalar(
    delimited,
    (reader) => {
      const at = reader.at
      const bytes = rest(reader)
      if (size !== undefined && bytes.length !== size) throw new Fault("Malformed", `${size} bytes`, at)
      return toHex(bytes)
    },
    (writer, value: string) => {
      if (size !== undefined && value.length !== size * 2 + 2)
        throw new Fault("Malformed", `${size} bytes as hex`)
      writer.raw(parseHex(value))
    },
    (value) => size === undefined && value === "0x"
  )

/** A bool. */
export const boolField = scalar(
  varint,
  (reader) => readBig(reader) !== 0n,
  (writer, value) => writer.u8(value ? 1 : 0),
  (value) => value === false
)
/** Bytes. */
export const bytesField = scalar(
  delimited,
  rest,
  (writer, value) => writer.raw(value),
  (value) => value.length === 0
)
/** UTF-8 text. */
export const textField = scalar(
  delimited,
  (reader) => reader.text(reader.end - reader.at),
  (writer, value) => writer.raw(utf8Bytes(value)),
  (value) => value === ""
)

/** A literal by its position. */
export const wordsField = (words: ReadonlyArray<string>): Single =>
  scalar(
    varint,
    (reader) => {
      const at = reader.at
      const word = words[readNumber(reader)]
      if (word === undefined) throw new Fault("UnknownVariant", `one of ${words.join(", ")}`, at)
      return word
    },
    (writer, value) => {
      const index = words.indexOf(value)
      if (index < 0) throw new Fault("UnknownVariant", `one of ${words.join(", ")}`)
      writeNumber(writer, index)
    },
    (value) => value === words[0]
  )

/** Writes content behind its length, whose own size is only known afterwards. */
export const writeDelimited = (writer: Writer, write: () => void): void => {
  const mark = writer.reserve(1)
  write()
  const length = writer.at - mark - 1
  let extra = 0
  for (let size = length; size >= 0x80; size = Math.floor(size / 128)) extra++
  if (extra > 0) {
    writer.reserve(extra)
    writer.bytes.copyWithin(mark + 1 + extra, mark + 1, mark + 1 + length)
  }
  writer.at = mark
  writeNumber(writer, length)
  writer.at += length
}

/** Skips the content of a field of a wire type nobody asked for. */
export const skip = (reader: Reader, type: number, depth = 0): void => {
  if (type === varint) readBig(reader)
  else if (type === 1) reader.take(8)
  else if (type === delimited) reader.take(readNumber(reader))
  else if (type === 5) reader.take(4)
  else if (type === 3 && depth < depthLimit) {
    for (let key = readNumber(reader); (key & 7) !== 4; key = readNumber(reader))
      skip(reader, key & 7, depth + 1)
  } else throw new Fault("Malformed", "a known protobuf wire type", reader.at)
}
