/**
 * gRPC over HTTP/2 without its transport: length-prefixed frames, status codes, and what stands in headers. Pure, so
 * that server, client and tests share one truth.
 */

export {
  Deframer,
  frame,
  type FrameFault,
  type Inflate,
  isFault,
  join,
  type Parts,
  prefixBytes,
  tooLarge,
  writePrefix
} from "./grpc/Deframer.ts"
export { Status, statusOfHttp, statusOfReset } from "./grpc/Status.ts"

/** Ways to pack messages, beside none. */
export type Encoding = "gzip" | "zstd"
/** All of them, the best one first. */
export const encodings: ReadonlyArray<Encoding> = ["zstd", "gzip"]

/** Whether a text names one of them. */
export const isEncoding = (text: unknown): text is Encoding => encodings.some((one) => one === text)

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
