/**
 * BCS, strictly: little-endian integers, ULEB128 lengths and case numbers in their shortest form and below
 * 2^32, and nothing behind the value. (Binary Canonical Serialization, as Move chains use it.)
 */
import { compileBinary } from "../binary/Binary.ts"
import { makeBinary } from "../binary/Codec.ts"
import { Fault } from "./CodecError.ts"
import type { Reader, Writer } from "./Cursor.ts"

const two31 = 0x8000_0000
const two32 = 0x1_0000_0000

/** Reads a ULEB128 integer below 2^32. */
export const readUleb = (reader: Reader): number => {
  const at = reader.at
  let value = 0
  let scale = 1
  for (let count = 0; count < 5; count++) {
    const byte = reader.u8()
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (byte === 0 && count > 0)
        throw new Fault("NotCanonical", "a ULEB128 integer in its shortest form", at)
      if (value >= two32) break
      return value
    }
    scale *= 128
  }
  throw new Fault("OutOfRange", "a ULEB128 integer below 2^32", at)
}

/** Writes a ULEB128 integer below 2^32. */
export const writeUleb = (writer: Writer, value: number): void => {
  if (value < 0 || value >= two32 || !Number.isInteger(value)) {
    throw new Fault("OutOfRange", "an integer from 0 to 2^32 - 1")
  }
  let rest = value
  while (rest >= 0x80) {
    writer.u8((rest & 0x7f) | 0x80)
    rest = Math.floor(rest / 128)
  }
  writer.u8(rest)
}

const readLength = (reader: Reader): number => {
  const at = reader.at
  const length = readUleb(reader)
  if (length >= two31) throw new Fault("OutOfRange", "a length below 2^31", at)
  return length
}

const shortUleb = {
  when: (byte: string) => `${byte} < 128`,
  value: (byte: string) => byte,
  fits: (value: string) => `${value} < 128`,
  byte: (value: string) => value
}

const codec = makeBinary(
  "BCS",
  compileBinary({
    name: "BCS",
    readLength,
    writeLength: writeUleb,
    readIndex: readUleb,
    writeIndex: writeUleb,
    short: { Length: shortUleb, Index: shortUleb }
  })
)

/** The BCS bytes of a value. Throws `CodecError` for a value that does not fit its type. */
export const encode = codec.encode
/** The value that all of `bytes` spell. Throws `CodecError` for anything but the canonical encoding. */
export const decode = codec.decode
/** As `decode`, with the failure as a value. */
export const decodeResult = codec.decodeResult
/** As `decode`, with the failure in the error channel. */
export const decodeEffect = codec.decodeEffect
/** A schema codec between the value and its BCS bytes, to be composed with other schemas. */
export const toCodec = codec.toCodec
/** The compiled reader and writer, for values that stand inside other bytes. */
export const wire = codec.wire
