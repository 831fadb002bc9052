/**
 * Bounds-checked cursors over bytes. All integers are little-endian; every read that would leave the input
 * throws a `Fault` that names the offset, and nothing is allocated for what was announced but not sent.
 */
import { Fault } from "./CodecError.ts"
import { printDigits, toHex } from "./Hex.ts"

const two32 = 0x1_0000_0000
/**
 * Deepest nesting of values that refer to themselves; anything deeper is refused rather than overflowing the
 * stack.
 */
export const depthLimit = 64

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const utf8Encoder = new TextEncoder()

/** What every announcement of zero bytes reads as. */
export const noBytes = new Uint8Array(0)

/** How many bytes are spelled at once for the hashes among them. */
const spelledAtOnce = 1024

/** Reads from a window of bytes, front to back. */
export class Reader {
  readonly bytes: Uint8Array
  /** Offset of the next byte. */
  at: number
  /** Offset behind the last readable byte. */
  end: number
  /** How many self-referring values are open. */
  depth = 0
  /** Whether the bytes stay as they are for as long as this reader is in use. */
  spellsAhead = false
  private view: DataView | undefined = undefined
  private digits = ""
  private digitsFrom = 0

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  /**
   * The `size` bytes at `at` as `0x` text, unchecked. With `spellsAhead`, many bytes are spelled at once and
   * the text is cut, which is cheaper than spelling each hash.
   */
  hex(at: number, size: number): `0x${string}` {
    if (!this.spellsAhead) return toHex(this.bytes, at, at + size)
    let from = (at - this.digitsFrom) * 2
    if (from < 0 || from + size * 2 > this.digits.length) {
      this.digits = printDigits(this.bytes, at, Math.max(at + size, Math.min(this.end, at + spelledAtOnce)))
      this.digitsFrom = at
      from = 0
    }
    return `0x${this.digits.slice(from, from + size * 2)}`
  }

  /** Claims `count` bytes and returns where they start. */
  take(count: number): number {
    const at = this.at
    if (count > this.end - at) {
      throw new Fault("Truncated", `${count} more byte${count === 1 ? "" : "s"}, ${this.end - at} left`, at)
    }
    this.at = at + count
    return at
  }

  u8(): number {
    return this.bytes[this.take(1)]!
  }

  u16(): number {
    const at = this.take(2)
    return this.bytes[at]! | (this.bytes[at + 1]! << 8)
  }

  u32(): number {
    return this.word(this.take(4))
  }

  u64(): bigint {
    // Most readers meet no 64-bit integer, and a `DataView` costs as much as a receipt.
    const { buffer, byteLength, byteOffset } = this.bytes
    this.view ??= new DataView(buffer, byteOffset, byteLength)
    return this.view.getBigUint64(this.take(8), true)
  }

  private word(at: number): number {
    const { bytes } = this
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  }

  /** A u64 that must fit a safe integer. */
  safeU64(): number {
    const at = this.take(8)
    const high = this.word(at + 4)
    if (high > 0x1f_ffff) throw new Fault("OutOfRange", "a 64-bit number of at most 2^53 - 1", at)
    return high * two32 + this.word(at)
  }

  u128(): bigint {
    const low = this.u64()
    return (this.u64() << 64n) | low
  }

  /** A view of the next `count` bytes: no copy, so the input must not be reused while the value lives. */
  raw(count: number): Uint8Array {
    const at = this.take(count)
    // Announcing nothing takes one byte, so a view each would cost a hundred times what it says.
    if (count === 0) return noBytes
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + at, count)
  }

  /** The next `count` bytes as UTF-8, refused if they are not. */
  text(count: number): string {
    const at = this.at
    const bytes = this.raw(count)
    try {
      return utf8.decode(bytes)
    } catch {
      throw new Fault("Malformed", "UTF-8 text", at)
    }
  }

  /** Refuses input behind the value. */
  finish(): void {
    if (this.at !== this.end) {
      const rest = this.end - this.at
      throw new Fault("Trailing", `the end, ${rest} byte${rest === 1 ? "" : "s"} left over`, this.at)
    }
  }

  /** Opens a self-referring value; `leave` closes it. */
  enter(): void {
    if (++this.depth > depthLimit) throw new Fault("TooDeep", `at most ${depthLimit} nested values`, this.at)
  }

  leave(): void {
    this.depth--
  }
}

/** Writes to bytes that grow as needed. */
export class Writer {
  bytes: Uint8Array<ArrayBuffer>
  at = 0

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity)
  }

  /**
   * Makes room for `count` bytes and returns where they go. `bytes` may be a new array afterwards.
   */
  reserve(count: number): number {
    const at = this.at
    const needed = at + count
    if (needed > this.bytes.length) {
      const next = new Uint8Array(Math.max(this.bytes.length * 2, needed))
      next.set(this.bytes)
      this.bytes = next
    }
    this.at = needed
    return at
  }

  u8(value: number): void {
    if ((value & 0xff) !== value) throw new Fault("OutOfRange", "an integer from 0 to 255")
    const at = this.reserve(1)
    this.bytes[at] = value
  }

  u16(value: number): void {
    if ((value & 0xffff) !== value) throw new Fault("OutOfRange", "an integer from 0 to 65535")
    const at = this.reserve(2)
    this.bytes[at] = value
    this.bytes[at + 1] = value >>> 8
  }

  u32(value: number): void {
    if (value >>> 0 !== value) throw new Fault("OutOfRange", "an integer from 0 to 2^32 - 1")
    this.word(this.reserve(4), value)
  }

  u64(value: bigint): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn)
      throw new Fault("OutOfRange", "an integer from 0 to 2^64 - 1")
    const at = this.reserve(8)
    this.word(at, Number(value & 0xffff_ffffn))
    this.word(at + 4, Number(value >> 32n))
  }

  safeU64(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new Fault("OutOfRange", "a safe integer from 0")
    const at = this.reserve(8)
    this.word(at, value >>> 0)
    this.word(at + 4, Math.floor(value / two32))
  }

  private word(at: number, value: number): void {
    const { bytes } = this
    bytes[at] = value
    bytes[at + 1] = value >>> 8
    bytes[at + 2] = value >>> 16
    bytes[at + 3] = value >>> 24
  }

  u128(value: bigint): void {
    if (value < 0n || value >> 128n !== 0n) throw new Fault("OutOfRange", "an integer from 0 to 2^128 - 1")
    this.u64(value & 0xffff_ffff_ffff_ffffn)
    this.u64(value >> 64n)
  }

  raw(value: Uint8Array): void {
    const at = this.reserve(value.length)
    this.bytes.set(value, at)
  }

  /** The finished bytes, copied out, so that the writer can be used again. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.at)
  }
}

/** The UTF-8 bytes of well-formed text. */
export const utf8Bytes = (text: string): Uint8Array => {
  if (/\p{Surrogate}/u.test(text)) throw new Fault("Malformed", "text without lone surrogates")
  return utf8Encoder.encode(text)
}

/** The bytes of several pieces, one after the other. */
export const concatBytes = (...pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const out = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
