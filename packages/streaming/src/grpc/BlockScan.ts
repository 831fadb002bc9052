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

/** Blocks that were cut between two parts are put together in slabs of this size: an allocation of its own costs more. */
const slabBytes = 64 * 1024
/** Larger blocks have an allocation of their own. */
const maxSlabBlockBytes = slabBytes / 8

let slab = new Uint8Array(0)
let slabUsed = 0

/** Room for a block. */
const roomFor = (length: number): Uint8Array => {
  if (length > maxSlabBlockBytes) return new Uint8Array(length)
  if (slab.length - slabUsed < length) {
    slab = new Uint8Array(slabBytes)
    slabUsed = 0
  }
  const from = slabUsed
  slabUsed += length
  return new Uint8Array(slab.buffer, from, length)
}

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
  #more(): boolean {
    while (this.#at === this.#part.length) {
      if (this.#next === this.#parts.length) return false
      this.#part = this.#parts[this.#next++]!
      this.#at = 0
    }
    return true
  }

  /** The next byte; -1 at the end. */
  byte(): number {
    return this.#more() ? this.#part[this.#at++]! : -1
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

  /** Takes the blocks that lie whole in the part at hand, which is where most of them lie. */
  whole(blocks: Array<Uint8Array>): void {
    const part = this.#part
    const { buffer, byteOffset, length } = part
    let at = this.#at
    // Lengths of up to two bytes; whatever else there is, the slow way reads.
    while (at + 3 <= length && part[at] === blockKey) {
      let size = part[at + 1]!
      let from = at + 2
      if (size >= 0x80) {
        const high = part[at + 2]!
        if (high >= 0x80) break
        size = (size & 0x7f) | (high << 7)
        from = at + 3
      }
      if (from + size > length) break
      // A plain view: `subarray` of a Buffer is another Buffer, at twice the cost.
      blocks.push(new Uint8Array(buffer, byteOffset + from, size))
      at = from + size
    }
    this.#at = at
  }

  /** The next bytes: a view if they are in one part; nothing if there are not so many. */
  take(length: number): Uint8Array | undefined {
    if (length === 0) return empty
    if (!this.#more()) return undefined
    if (this.#part.length - this.#at >= length) {
      const { buffer, byteOffset } = this.#part
      const from = byteOffset + this.#at
      this.#at += length
      return new Uint8Array(buffer, from, length)
    }
    // Looked up before it is allocated: the length is only what a peer says.
    let there = this.#part.length - this.#at
    for (let i = this.#next; i < this.#parts.length && there < length; i++) there += this.#parts[i]!.length
    if (there < length) return undefined
    const out = roomFor(length)
    for (let filled = 0; filled < length && this.#more();) {
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
    scanner.whole(blocks)
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
