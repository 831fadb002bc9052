/**
 * Protocol buffers (proto3) for structs whose fields carry numbers (`Wire.message`). Integers are varints,
 * hashes and byte vectors are `bytes`, structs are messages, lists are `repeated` (packed on writing where
 * proto3 packs; both forms on reading), `NullOr` is explicit presence and a `"oneof"` union is a `oneof`.
 * Zero values are not written, unknown fields are skipped, the last of repeated scalars wins and split
 * messages are merged. A u64 that does not fit the value inside is refused, never rounded.
 */
import { makeBinary } from "../binary/Codec.ts"
import { compileProto } from "../proto/ProtoForm.ts"

const codec = makeBinary("protobuf", compileProto())

/** The protobuf bytes of a value. Throws `CodecError` for a value that does not fit its type. */
export const encode = codec.encode
/** The value that a message spells. Throws `CodecError` for malformed input. */
export const decode = codec.decode
/** As `decode`, with the failure as a value. */
export const decodeResult = codec.decodeResult
/** As `decode`, with the failure in the error channel. */
export const decodeEffect = codec.decodeEffect
/** A schema codec between the value and its protobuf bytes, to be composed with other schemas. */
export const toCodec = codec.toCodec
/** The compiled reader (of a whole window) and writer (of a message without its length). */
export const wire = codec.wire
