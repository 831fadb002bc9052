/**
 * The token of the Engine API scheme: HS256 over one claim, the time of issue. Pure; the keyed hash is plugged in
 * (`NodeJwt.hmac` is one).
 */
import { Result } from "effect"
import { Base64Url } from "effect/encoding"

/** HMAC-SHA-256 of bytes under the shared secret. */
export type Hmac = (bytes: Uint8Array) => Uint8Array

/** Seconds that the clocks of both sides may differ, inclusive. */
export const toleranceSeconds = 60

/** Bytes of a secret. */
export const secretLength = 32

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })
const header = Base64Url.encode(`{"alg":"HS256","typ":"JWT"}`)

/** A token that was issued at a time in seconds. */
export const issue = (hmac: Hmac, issuedAtSeconds: number): string => {
  const body = `${header}.${Base64Url.encode(JSON.stringify({ iat: issuedAtSeconds }))}`
  return `${body}.${Base64Url.encode(hmac(encoder.encode(body)))}`
}

/** Value of the `Authorization` header. */
export const bearer = (token: string): string => `Bearer ${token}`

/** Whether two byte strings are equal, in a time that tells nothing but their lengths. */
const equal = (left: Uint8Array, right: Uint8Array): boolean => {
  if (left.length !== right.length) return false
  let difference = 0
  for (let index = 0; index < left.length; index++) difference |= left[index]! ^ right[index]!
  return difference === 0
}

/** Unpadded base64url, as token libraries insist on it. */
const decodeBase64 = (text: string): Uint8Array | undefined => {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined
  const decoded = Base64Url.decode(text)
  return Result.isSuccess(decoded) ? decoded.success : undefined
}

const decodeObject = (text: string): Readonly<Record<string, unknown>> | undefined => {
  const bytes = decodeBase64(text)
  if (bytes === undefined) return undefined
  try {
    const json: unknown = JSON.parse(decoder.decode(bytes))
    return typeof json === "object" && json !== null && !Array.isArray(json) ? { ...json } : undefined
  } catch {
    return undefined
  }
}

const isTime = (value: unknown): value is number | undefined =>
  value === undefined || typeof value === "number"

/**
 * Why an `Authorization` header is refused, or nothing. The order of the checks and the texts are those of the
 * go-ethereum server; everything that its token library says about a bad token is one of a few texts here.
 */
export const refusal = (
  hmac: Hmac,
  authorization: string | undefined,
  nowSeconds: number
): string | undefined => {
  const token = authorization?.startsWith("Bearer ") === true ? authorization.slice("Bearer ".length) : ""
  if (token === "") return "missing token"
  const parts = token.split(".")
  const [head, body, tag] = parts
  if (head === undefined || body === undefined || tag === undefined || parts.length !== 3) {
    return "token contains an invalid number of segments"
  }
  const fields = decodeObject(head)
  const claims = decodeObject(body)
  const signature = decodeBase64(tag)
  if (fields === undefined || claims === undefined) return "illegal base64 data or JSON in the token"
  const { alg } = fields
  if (alg !== "HS256")
    return `signing method ${typeof alg === "string" ? printable(alg) : "(alg)"} is invalid`
  if (signature === undefined || !equal(signature, hmac(encoder.encode(`${head}.${body}`))))
    return "signature is invalid"
  const { exp, iat } = claims
  if (!isTime(exp) || !isTime(iat)) return "invalid token"
  if (exp !== undefined && nowSeconds >= exp) return "token is expired"
  if (iat === undefined) return "missing issued-at"
  if (nowSeconds - iat > toleranceSeconds) return "stale token"
  return iat - nowSeconds > toleranceSeconds ? "future token" : undefined
}

/** What a stranger sent may be repeated in an answer only if it is short and plain. */
const printable = (text: string) => (/^[A-Za-z0-9]{1,16}$/.test(text) ? text : "(alg)")

/** The secret in the text of a secret file, surrounding white space and `0x` aside; nothing if it is not 32 bytes of hex. */
export const parseSecret = (text: string): Uint8Array | undefined => {
  const match = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text.trim())
  if (match === null) return undefined
  const secret = new Uint8Array(secretLength)
  for (let at = 0; at < secretLength; at++)
    secret[at] = Number.parseInt(match[1]!.slice(at * 2, at * 2 + 2), 16)
  return secret
}

/** The text that a node writes into a new secret file: `0x` and 64 hex digits, without a line end. */
export const formatSecret = (secret: Uint8Array): string =>
  `0x${Array.from(secret, (byte) => byte.toString(16).padStart(2, "0")).join("")}`

/** What to say about a file that does not hold a secret. */
export const badSecretText = (path: string) =>
  `invalid jwt secret in path ${JSON.stringify(path)}, not 32 hex-formatted bytes`

/** What a supervisor says about a file that is not there. */
export const missingSecretText = (path: string) => `JWT-secret in path ${JSON.stringify(path)} does not exist`
