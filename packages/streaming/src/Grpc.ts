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

const nothing = new Uint8Array(0)

/**
 * Cuts messages out of DATA frames that may be split at any byte. Never allocates what was announced but not sent:
 * chunks are kept as they came until a message is whole, and a length above `maxBytes` is refused from its prefix alone.
 */
export class Deframer {
  readonly maxBytes: number
  #chunks: Array<Uint8Array> = []
  #held = 0
  #needed = prefixBytes

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Bytes of an unfinished message that are held back. */
  get pendingBytes(): number {
    return this.#held
  }

  /** Takes a chunk; returns the messages that became whole, or the fault that ends the call. */
  push(chunk: Uint8Array): ReadonlyArray<Uint8Array> | FrameFault {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    if (this.#held < this.#needed) return []
    const bytes = this.#chunks.length === 1 ? chunk : concat(this.#chunks, this.#held)
    const messages: Array<Uint8Array> = []
    let at = 0
    this.#needed = prefixBytes
    while (bytes.length - at >= prefixBytes) {
      if (bytes[at] !== 0) return compressionFault(bytes[at]!)
      const length =
        ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0
      if (length > this.maxBytes) {
        const why = `message of ${length} bytes is above the limit of ${this.maxBytes} bytes`
        return { status: Status.ResourceExhausted, why }
      }
      if (bytes.length - at - prefixBytes < length) {
        this.#needed = prefixBytes + length
        break
      }
      const from = at + prefixBytes
      at = from + length
      messages.push(length === 0 ? nothing : bytes.subarray(from, at))
    }
    this.#held = bytes.length - at
    this.#chunks = this.#held === 0 ? [] : [bytes.subarray(at)]
    return messages
  }
}

const compressionFault = (flag: number): FrameFault =>
  flag === 1
    ? { status: Status.Internal, why: "compressed message although no encoding was agreed on" }
    : { status: Status.Internal, why: `unknown message flag ${flag}` }

const concat = (chunks: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  const out = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}

/** Whether `push` returned a fault. */
export const isFault = (out: ReadonlyArray<Uint8Array> | FrameFault): out is FrameFault => "status" in out

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

/** `application/grpc`, bare or with `+proto`, with or without parameters. */
export const isContentType = (value: string | undefined): boolean =>
  value !== undefined && /^application\/grpc(\+proto)?\s*(;.*)?$/i.test(value)

/**
 * `Service/Method` of a path, whatever package stands in front: `/observer.v1.BlockStreamService/StreamBlocks` and
 * `/BlockStreamService/StreamBlocks` are the same method (the seed's proto has no package).
 */
export const route = (path: string): string | undefined => {
  const match = /^\/(?:[A-Za-z0-9_.]*\.)?([A-Za-z0-9_]+)\/([A-Za-z0-9_]+)$/.exec(path)
  return match === null ? undefined : `${match[1]}/${match[2]}`
}

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
