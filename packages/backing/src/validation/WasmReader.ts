/**
 * Reads the binary format of WebAssembly, and writes the few parts of it that a host changes.
 *
 * Nothing here needs more than the language, so that the process that reads foreign code loads little else.
 */

/** The module is refused: it does not parse, asks for what is not offered, or is beyond a limit. */
export class WasmRefusal extends Error {
  override readonly name: string = "WasmRefusal"
}

/** Refuses the module. */
export const refuse = (why: string): never => {
  throw new WasmRefusal(why)
}

const textDecoder = new TextDecoder("utf-8", { fatal: true })

/** A place in bytes that end somewhere. Whatever does not fit is a `WasmRefusal`. */
export class WasmReader {
  /** Where the next byte is. */
  at: number
  readonly bytes: Uint8Array
  readonly end: number
  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }
  /** One byte. */
  byte(): number {
    return this.at < this.end ? this.bytes[this.at++]! : refuse("it ends too early")
  }
  /** An unsigned integer of 32 bits, LEB128. */
  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value <= 0xffff_ffff ? value : refuse("an integer is too large")
    }
    return refuse("an integer is too long")
  }
  /** Passes over a signed integer, LEB128, of at most so many bytes. */
  skipSigned(maxBytes: number): void {
    for (let i = 0; i < maxBytes; i++) if (this.byte() < 0x80) return
    refuse("an integer is too long")
  }
  /** The next bytes, without copying them. */
  take(length: number): Uint8Array {
    if (length > this.end - this.at) refuse("it ends too early")
    const start = this.at
    this.at += length
    return this.bytes.subarray(start, this.at)
  }
  /** A name: its length in bytes, then UTF-8. */
  name(): string {
    const bytes = this.take(this.u32())
    try {
      return textDecoder.decode(bytes)
    } catch {
      return refuse("a name is not UTF-8")
    }
  }
  /** How many items follow; each takes a byte at least, so that a count cannot promise more than there is. */
  count(what: string, max = Number.POSITIVE_INFINITY): number {
    const count = this.u32()
    if (count > max) refuse(`it has ${count} ${what}, the limit is ${max}`)
    if (count > this.end - this.at) refuse("it ends too early")
    return count
  }
  /** Says that everything was read. */
  done(): void {
    if (this.at !== this.end) refuse("a section has bytes behind its end")
  }
}

/** An unsigned integer as LEB128. */
export const leb = (value: number): Array<number> => {
  const out: Array<number> = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    out.push(rest > 0 ? low + 128 : low)
  } while (rest > 0)
  return out
}

/** A non-negative integer as signed LEB128. */
export const signedLeb = (value: number): Array<number> => {
  const out = leb(value)
  const last = out.length - 1
  if (out[last]! < 0x40) return out
  out[last] = out[last]! + 0x80
  return [...out, 0]
}

/** Bytes that grow: what a rewritten section is collected in. */
export class WasmWriter {
  #bytes = new Uint8Array(1024)
  #length = 0
  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
  /** Adds bytes. */
  add(bytes: ArrayLike<number>): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }
  /** What was added, without copying it; valid until the next addition. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }
}
