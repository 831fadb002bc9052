/**
 * Why data cannot be coded, or brought back: a closed set of reasons.
 */
import { Schema } from "effect"

/** A code has 2 to 65,536 chunks. */
export class ChunkCount extends Schema.TaggedError<ChunkCount>()("ChunkCount", { chunks: Schema.Number }) {
  override get message() {
    return `a code of ${this.chunks} chunks: choose 2 to 65536, one for each validator`
  }
}

/** There is nothing to code, or more than the limit allows. */
export class DataBytes extends Schema.TaggedError<DataBytes>()("DataBytes", {
  bytes: Schema.Number,
  maxBytes: Schema.Number
}) {
  override get message() {
    return `data of ${this.bytes} bytes: it must have 1 to ${this.maxBytes} bytes`
  }
}

/** Too few chunks to bring the data back. */
export class TooFewChunks extends Schema.TaggedError<TooFewChunks>()("TooFewChunks", {
  chunks: Schema.Number,
  needed: Schema.Number
}) {
  override get message() {
    return `${this.chunks} chunks are here, ${this.needed} are needed: collect more`
  }
}

/** A chunk has no place in the code. */
export class ChunkIndex extends Schema.TaggedError<ChunkIndex>()("ChunkIndex", {
  index: Schema.Number,
  chunks: Schema.Number
}) {
  override get message() {
    return `chunk ${this.index} is not one of ${this.chunks}: leave it out`
  }
}

/** Chunks have one length, which is even and not 0. */
export class ChunkLength extends Schema.TaggedError<ChunkLength>()("ChunkLength", {
  index: Schema.Number,
  bytes: Schema.Number
}) {
  override get message() {
    return `chunk ${this.index} has ${this.bytes} bytes: all have as many, an even number: leave out what no proof is for`
  }
}

/** What chunks were put together to is no available data. */
export class NotData extends Schema.TaggedError<NotData>()("NotData", { why: Schema.String }) {
  override get message() {
    return `the chunks make no available data: ${this.why}: whoever coded them lied`
  }
}

/** The one public error of this package. */
export class ErasureError extends Schema.TaggedError<ErasureError>()("ErasureError", {
  reason: Schema.Union([ChunkCount, DataBytes, TooFewChunks, ChunkIndex, ChunkLength, NotData])
}) {
  override get message() {
    return this.reason.message
  }
  /** More chunks help where there are too few; everything else fails again. */
  get retryable() {
    return this.reason._tag === "TooFewChunks"
  }
}
