/**
 * SCALE, strictly: little-endian integers, compact lengths in their shortest form, `bool` and `Option` tags 0
 * or 1, UTF-8 text, ordered maps, and nothing behind the value. Bits beyond the length of a bit vector are
 * the one thing that is ignored on reading, as the Rust codec does; they are written as zero. (Fact: parity-
 * scale-codec 3.)
 */
import { compileBinary } from "../binary/Binary.ts"
import { makeBinary } from "../binary/Codec.ts"
import { scaleRules } from "../binary/ScaleForm.ts"

export { readCompact, readCompactBig, writeCompact, writeCompactBig } from "../binary/ScaleForm.ts"

const codec = makeBinary("SCALE", compileBinary(scaleRules))

/** The SCALE bytes of a value. Throws `CodecError` for a value that does not fit its type. */
export const encode = codec.encode
/** The value that all of `bytes` spell. Throws `CodecError` for anything but the canonical encoding. */
export const decode = codec.decode
/** As `decode`, with the failure as a value. */
export const decodeResult = codec.decodeResult
/** As `decode`, with the failure in the error channel. */
export const decodeEffect = codec.decodeEffect
/** A schema codec between the value and its SCALE bytes, to be composed with other schemas. */
export const toCodec = codec.toCodec
/** The compiled reader and writer, for values that stand inside other bytes. */
export const wire = codec.wire
