/**
 * The token of the Engine API scheme: HS256 over one claim, the time of issue. `jose` signs and verifies; what the scheme
 * asks beyond JWT (sixty seconds to either side, go-ethereum's texts) is here.
 */
import { Clock, Effect, Redacted } from "effect"
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose"

/** The 32 bytes that both sides know. */
export type Secret = Redacted.Redacted<Uint8Array>

/** Seconds that the clocks of both sides may differ, inclusive. */
export const toleranceSeconds = 60

/** Bytes of a secret. */
export const secretLength = 32

/** A token that was issued at a time in seconds. */
export const issue = (secret: Secret, issuedAtSeconds: number): Effect.Effect<string> =>
  Effect.promise(() =>
    new SignJWT()
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setIssuedAt(issuedAtSeconds)
      .sign(Redacted.value(secret))
  )

/** Value of the `Authorization` header. */
export const bearer = (token: string): string => `Bearer ${token}`

/** Headers with a token of this moment, for one request or one dial. */
export const headers = (secret: Secret): Effect.Effect<{ readonly Authorization: string }> =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    Effect.map(issue(secret, Math.floor(nowMs / 1000)), (token) => ({ Authorization: bearer(token) }))
  )

/** Unpadded base64url and nothing else: `jose` is more lenient than the token library of go-ethereum. */
const segments = /^[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*$/

const algorithmOf = (token: string): unknown => {
  try {
    return decodeProtectedHeader(token).alg
  } catch {
    return undefined
  }
}

/** What `jose` says about a bad token, in the words of go-ethereum's token library. */
const textOf = (error: unknown, token: string): string => {
  if (error instanceof errors.JWTExpired) return "token is expired"
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature is invalid"
  if (error instanceof errors.JOSEAlgNotAllowed) {
    const algorithm = algorithmOf(token)
    return `signing method ${typeof algorithm === "string" ? printable(algorithm) : "(alg)"} is invalid`
  }
  if (error instanceof errors.JWTClaimValidationFailed) return "invalid token"
  return "illegal base64 data or JSON in the token"
}

const claimsOf = (secret: Secret, token: string, nowSeconds: number) =>
  Effect.tryPromise({
    try: () =>
      jwtVerify(token, Redacted.value(secret), {
        algorithms: ["HS256"],
        currentDate: new Date(nowSeconds * 1000)
      }),
    catch: (error) => textOf(error, token)
  })

/**
 * Why an `Authorization` header is refused, or nothing. The order of the checks and the texts are those of the
 * go-ethereum server; everything that its token library says about a bad token is one of a few texts here.
 */
export const refusal = Effect.fnUntraced(function* (
  secret: Secret,
  authorization: string | undefined,
  nowSeconds: number
) {
  const token = authorization?.startsWith("Bearer ") === true ? authorization.slice("Bearer ".length) : ""
  if (token === "") return "missing token"
  if (!segments.test(token)) return "illegal base64 data or JSON in the token"
  if (token.split(".").length !== 3) return "token contains an invalid number of segments"
  const verified = yield* Effect.result(claimsOf(secret, token, nowSeconds))
  if (verified._tag === "Failure") return verified.failure
  const { iat } = verified.success.payload
  if (iat === undefined) return "missing issued-at"
  if (nowSeconds - iat > toleranceSeconds) return "stale token"
  return iat - nowSeconds > toleranceSeconds ? "future token" : undefined
})

/** Why an `Authorization` header is refused at this moment, or nothing. */
export const refusalNow = (
  secret: Secret,
  authorization: string | undefined
): Effect.Effect<string | undefined> =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) => refusal(secret, authorization, nowMs / 1000))

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
