/** Messages in front of DATA frames and back: a prefix with a length, then the bytes. */
import { Status } from "./Status.ts"

/** Bytes in front of every message: one flag, four bytes of big-endian length. */
export const prefixBytes = 5

/** Writes the prefix of an uncompressed message of `length` bytes at `at`. */
export const writePrefix = (target: Uint8Array, at: number, length: number): void => {
  target[at] = 0
  target[at + 1] = length >>> 24
  target[at + 2] = (length >>> 16) & 0xff
  target[at + 3] = (length >>> 8) & 0xff
  target[at + 4] = length & 0xff
}

/** One message with its prefix, as it goes into DATA frames. */
export const frame = (message: Uint8Array): Uint8Array => {
  const out = new Uint8Array(prefixBytes + message.length)
  writePrefix(out, 0, message.length)
  out.set(message, prefixBytes)
  return out
}

/** Input that is not gRPC: the status to end the call with, and why. */
export interface FrameFault {
  readonly status: Status
  readonly why: string
}

/** Turns the bytes of a compressed message into the message, within the limit on messages. */
export type Inflate = (bytes: Uint8Array, maxBytes: number) => Uint8Array | FrameFault

/** Smaller parts than this on average are put together while a message is incomplete. */
const smallPart = 1024
/** How many parts may wait before that. */
const looseParts = 256

/** A message as it came: one part, or several that belong together in this order. */
export type Parts = ReadonlyArray<Uint8Array>

/** The bytes of a message in one piece; copied only if it came in several. */
export const join = (parts: Parts): Uint8Array => (parts.length === 1 ? parts[0]! : concat(parts))

/**
 * Cuts messages out of DATA frames that may be split at any byte. Never allocates what was announced but not sent:
 * parts are kept as they came until a message is whole, and a length above `maxBytes` is refused from its prefix alone.
 * What a drip of tiny chunks makes us hold stays in proportion to its bytes. With `inflate`, compressed messages are
 * taken as well; their limit is `maxBytes` before and after.
 */
export class Deframer {
  readonly maxBytes: number
  readonly #inflate: Inflate | undefined
  readonly #prefix = new Uint8Array(prefixBytes)
  #prefixHeld = 0
  #compressed = false
  /** Length of the message that is coming in; -1 while its prefix is. */
  #length = -1
  #parts: Array<Uint8Array> = []
  #held = 0
  /** Parts before this one have been put together, and their bytes. */
  #packed = 0
  #packedBytes = 0

  constructor(maxBytes: number, inflate?: Inflate) {
    this.maxBytes = maxBytes
    this.#inflate = inflate
  }

  /** Bytes of an unfinished message that are held back. */
  get pendingBytes(): number {
    return this.#length < 0 ? this.#prefixHeld : prefixBytes + this.#held
  }

  /** Takes a chunk; returns the messages that became whole, or the fault that ends the call. */
  push(chunk: Uint8Array): ReadonlyArray<Uint8Array> | FrameFault {
    const messages = this.pushParts(chunk)
    return isFault(messages) ? messages : messages.map(join)
  }

  /** The same without copies: a message that came in several chunks is returned as views of them. */
  pushParts(chunk: Uint8Array): ReadonlyArray<Parts> | FrameFault {
    const messages: Array<Parts> = []
    for (let at = 0; at < chunk.length;) {
      if (this.#length < 0) {
        const whole = this.#prefixHeld === 0 && chunk.length - at >= prefixBytes
        if (!whole) {
          this.#prefix[this.#prefixHeld++] = chunk[at++]!
          if (this.#prefixHeld < prefixBytes) continue
        }
        const fault = whole ? this.#begin(chunk, at) : this.#begin(this.#prefix, 0)
        if (fault !== undefined) return fault
        if (whole) at += prefixBytes
      }
      const missing = this.#length - this.#held
      if (missing > 0 && at === chunk.length) break
      const part = at === 0 && chunk.length <= missing ? chunk : chunk.subarray(at, at + missing)
      at += part.length
      this.#parts.push(part)
      this.#held += part.length
      if (part.length < missing) {
        this.#pack()
        break
      }
      const parts = this.#end()
      if ("status" in parts) return parts
      messages.push(parts)
    }
    return messages
  }

  /** Reads a prefix. */
  #begin(bytes: Uint8Array, at: number): FrameFault | undefined {
    const flag = bytes[at]!
    if (flag !== 0 && (flag !== 1 || this.#inflate === undefined)) return compressionFault(flag)
    const length =
      ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0
    if (length > this.maxBytes) return tooLarge(`message of ${length} bytes`, this.maxBytes)
    this.#prefixHeld = 0
    this.#compressed = flag === 1
    this.#length = length
    return undefined
  }

  /** Hands over a message that is whole. */
  #end(): Parts | FrameFault {
    const parts = this.#parts
    this.#parts = []
    this.#held = 0
    this.#length = -1
    this.#packed = 0
    this.#packedBytes = 0
    if (!this.#compressed) return parts
    const inflated = this.#inflate!(join(parts), this.maxBytes)
    return "status" in inflated ? inflated : [inflated]
  }

  #pack(): void {
    if (this.#parts.length - this.#packed < looseParts) return
    const loose = this.#held - this.#packedBytes
    if (loose < looseParts * smallPart) this.#parts.push(concat(this.#parts.splice(this.#packed)))
    this.#packed = this.#parts.length
    this.#packedBytes = this.#held
  }
}

/** The fault of something that is larger than a limit allows. */
export const tooLarge = (what: string, maxBytes: number): FrameFault => ({
  status: Status.ResourceExhausted,
  why: `${what} is above the limit of ${maxBytes} bytes`
})

const compressionFault = (flag: number): FrameFault =>
  flag === 1
    ? { status: Status.Internal, why: "compressed message although no encoding was agreed on" }
    : { status: Status.Internal, why: `unknown message flag ${flag}` }

const concat = (parts: Parts): Uint8Array => {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Whether `push` returned a fault. */
export const isFault = (out: ReadonlyArray<unknown> | FrameFault): out is FrameFault => "status" in out
