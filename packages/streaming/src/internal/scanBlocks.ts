/**
 * Reads a batch of blocks out of the parts that it came in, without putting them together first. Knows what every
 * publisher sends; anything else is left to the codec, which also knows what is wrong with it.
 */
import type { Parts } from "../Grpc.ts"
import type { BlockStreamResponse } from "../Messages.ts"

/** Field 1, length-delimited: a block. */
const blockKey = 0x0a
/** Field 2, varint: the highest commit index. */
const indexKey = 0x10

const empty: Uint8Array = new Uint8Array(0)

class Scanner {
  readonly #parts: Parts
  #next = 0
  #part = empty
  #at = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Moves on to a part that has something left; whether there is one. */
  more(): boolean {
    while (this.#at === this.#part.length) {
      if (this.#next === this.#parts.length) return false
      this.#part = this.#parts[this.#next++]!
      this.#at = 0
    }
    return true
  }

  /** The next byte; -1 at the end. */
  byte(): number {
    return this.more() ? this.#part[this.#at++]! : -1
  }

  /** A varint of up to 32 bits; -1 if it is none. */
  varint(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.byte()
      if (byte < 0) return -1
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value <= 0xffff_ffff ? value : -1
    }
    return -1
  }

  /** The next bytes: a view if they are in one part; nothing if there are not so many. */
  take(length: number): Uint8Array | undefined {
    if (length === 0) return empty
    if (!this.more()) return undefined
    if (this.#part.length - this.#at >= length) {
      const { buffer, byteOffset } = this.#part
      const from = byteOffset + this.#at
      this.#at += length
      // A plain view: `subarray` of a Buffer is another Buffer, at twice the cost.
      return new Uint8Array(buffer, from, length)
    }
    // Looked up before it is allocated: the length is only what a peer says.
    let there = this.#part.length - this.#at
    for (let i = this.#next; i < this.#parts.length && there < length; i++) there += this.#parts[i]!.length
    if (there < length) return undefined
    const out = new Uint8Array(length)
    for (let filled = 0; filled < length && this.more();) {
      const piece = this.#part.subarray(this.#at, this.#at + length - filled)
      out.set(piece, filled)
      filled += piece.length
      this.#at += piece.length
    }
    return out
  }
}

/** The batch of blocks in a message; nothing if the message holds anything else. */
export const scanBlocks = (parts: Parts): BlockStreamResponse | undefined => {
  const scanner = new Scanner(parts)
  const blocks: Array<Uint8Array> = []
  let highestCommitIndex = 0
  for (;;) {
    const key = scanner.byte()
    if (key < 0) return { blocks, highestCommitIndex }
    const value = key === blockKey || key === indexKey ? scanner.varint() : -1
    if (value < 0) return undefined
    if (key === indexKey) highestCommitIndex = value
    else {
      const block = scanner.take(value)
      if (block === undefined) return undefined
      blocks.push(block)
    }
  }
}
