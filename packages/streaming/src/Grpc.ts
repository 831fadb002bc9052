/**
 * gRPC over HTTP/2 without its transport: length-prefixed frames, status codes, and what stands in headers. Pure, so
 * that server, client and tests share one truth.
 */

/** The canonical status codes (the ones a peer may send us; numbers are the wire form). */
export const Status = {
  Ok: 0,
  Cancelled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  Unauthenticated: 16
} as const
export type Status = (typeof Status)[keyof typeof Status]

/** Ways to pack messages, beside none. */
export type Encoding = "gzip" | "zstd"
/** All of them, the best one first. */
export const encodings: ReadonlyArray<Encoding> = ["zstd", "gzip"]

/** Whether a text names one of them. */
export const isEncoding = (text: unknown): text is Encoding => encodings.some((one) => one === text)

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

const utf8 = new TextEncoder()

/** Text as `grpc-message` carries it: printable ASCII but `%`, everything else as percent-encoded UTF-8. */
export const encodeMessage = (text: string): string => {
  let out = ""
  for (const byte of utf8.encode(text)) {
    out +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
  }
  return out
}

/** The text behind `grpc-message`; broken escapes are kept as they are, never an error. */
export const decodeMessage = (text: string): string => {
  const bytes: Array<number> = []
  for (let i = 0; i < text.length; i++) {
    const digits = text[i] === "%" ? text.slice(i + 1, i + 3) : ""
    if (/^[0-9a-fA-F]{2}$/.test(digits)) {
      bytes.push(Number.parseInt(digits, 16))
      i += 2
    } else bytes.push(...utf8.encode(text[i]))
  }
  return new TextDecoder().decode(Uint8Array.from(bytes))
}

const unitMs: Record<string, number> = { n: 1e-6, u: 1e-3, m: 1, S: 1_000, M: 60_000, H: 3_600_000 }

/** Milliseconds of a `grpc-timeout` header: up to eight digits and a unit. `undefined` if malformed. */
export const parseTimeout = (text: string): number | undefined => {
  const match = /^([0-9]{1,8})([numSMH])$/.exec(text)
  return match === null ? undefined : Number(match[1]) * unitMs[match[2]!]!
}

/** A `grpc-timeout` header for whole milliseconds; the largest that fits for more. */
export const timeoutText = (milliseconds: number): string => {
  const whole = Math.max(0, Math.ceil(milliseconds))
  return whole < 1e8 ? `${whole}m` : `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`
}

/** `application/grpc`, bare or with `+proto`, with or without parameters. */
export const isContentType = (value: string | undefined): boolean =>
  value !== undefined && /^application\/grpc(\+proto)?\s*(;.*)?$/i.test(value)

/** Service (with its package, if any) and method of a path; `undefined` if it is not the path of a method. */
export const pathOf = (path: string): { readonly service: string; readonly method: string } | undefined => {
  const match = /^\/((?:[A-Za-z0-9_]+\.)*[A-Za-z0-9_]+)\/([A-Za-z0-9_]+)$/.exec(path)
  return match === null ? undefined : { service: match[1]!, method: match[2]! }
}

/** A list for `grpc-accept-encoding`. */
export const encodingList = (list: ReadonlyArray<Encoding>): string => ["identity", ...list].join(",")

/** Whether a list such as `grpc-accept-encoding: identity,gzip` names an encoding. */
export const accepts = (list: unknown, encoding: string): boolean =>
  typeof list === "string" && list.split(",").some((one) => one.trim().toLowerCase() === encoding)

/** The token of an `authorization: Bearer ...` header; `undefined` for any other. */
export const bearerOf = (authorization: unknown): string | undefined =>
  typeof authorization === "string"
    ? /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization)?.[1]
    : undefined

/** Whether a text can be a bearer token: letters, digits and `-._~+/`, then perhaps `=`. */
export const isToken = (text: string): boolean => /^[A-Za-z0-9._~+/-]+=*$/.test(text)

/** Status of a call that was cut by RST_STREAM, by HTTP/2 error code. */
export const statusOfReset = (code: number): Status => {
  switch (code) {
    case 0x7: // REFUSED_STREAM
      return Status.Unavailable
    case 0x8: // CANCEL
      return Status.Cancelled
    case 0xb: // ENHANCE_YOUR_CALM
      return Status.ResourceExhausted
    case 0xc: // INADEQUATE_SECURITY
      return Status.PermissionDenied
    default:
      return Status.Internal
  }
}

/** Status of a response that is not gRPC at all, by HTTP status. */
export const statusOfHttp = (status: number): Status => {
  switch (status) {
    case 400:
      return Status.Internal
    case 401:
      return Status.Unauthenticated
    case 403:
      return Status.PermissionDenied
    case 404:
      return Status.Unimplemented
    case 429:
    case 502:
    case 503:
    case 504:
      return Status.Unavailable
    default:
      return Status.Unknown
  }
}
