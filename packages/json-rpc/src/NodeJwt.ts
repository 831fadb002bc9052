/**
 * Secret files of the token scheme, with Node.
 */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import * as NodeFile from "@ephor/store/NodeFile"
import { Effect, Redacted } from "effect"
import { badSecretText, formatSecret, missingSecretText, parseSecret, secretLength } from "./Jwt.ts"
import { BadSecret, JsonRpcError } from "./JsonRpcError.ts"

const badSecret = (text: string) =>
  new JsonRpcError({ endpoint: "", method: "jwtSecret", reason: new BadSecret({ text }) })

const isCode = (error: unknown, code: string) =>
  error instanceof Error && "code" in error && error.code === code

const cannot = (what: string, path: string, error: unknown) =>
  badSecret(
    `cannot ${what} the jwt secret in path ${JSON.stringify(path)}: ${error instanceof Error ? error.message : String(error)}`
  )

/** The secret in a file that must be there: what a supervisor does, which never makes secrets up. */
export const readSecret = Effect.fn("NodeJwt.readSecret")(function* (path: string) {
  const text = yield* Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) =>
      isCode(error, "ENOENT") ? badSecret(missingSecretText(path)) : cannot("read", path, error)
  })
  const secret = parseSecret(text)
  return secret === undefined
    ? yield* badSecret(badSecretText(path))
    : Redacted.make(secret, { label: "jwtSecret" })
})

/**
 * The secret in a file; a missing file is made, readable by its owner only: what a node does. A file that is there is
 * never overwritten, whatever is in it.
 */
export const readOrMakeSecret = Effect.fn("NodeJwt.readOrMakeSecret")(function* (path: string) {
  yield* NodeFile.create(path, formatSecret(randomBytes(secretLength)), { mode: 0o600 }).pipe(
    Effect.andThen(Effect.logInfo("made a new jwt secret", { path })),
    Effect.catch((error) =>
      error.exists ? Effect.void : Effect.fail(cannot("write", path, new Error(error.why)))
    )
  )
  return yield* readSecret(path)
})
