/**
 * Secrets of validators in files, and their public sides as operators know them.
 */
import { Secrets } from "@ephor/cli"
import { Effect, Redacted, Schema } from "effect"
import * as NodeFile from "@ephor/store/NodeFile"
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { base58 } from "@scure/base"

/** A key cannot be read, written or used; the message says which and what to do, never the secret. */
export class KeyFileError extends Schema.TaggedError<KeyFileError>()("KeyFileError", {
  message: Schema.String
}) {}

const failed = (path: string, verb: string) => (cause: unknown) => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  const why =
    code === "ENOENT"
      ? "it does not exist"
      : cause instanceof NodeFile.FileError
        ? cause.exists
          ? "it exists, and keys are never overwritten"
          : cause.why
        : cause instanceof Error
          ? cause.message
          : String(cause)
  return new KeyFileError({
    message: `the key file ${path} cannot be ${verb}: ${why}; give the path of another file`
  })
}

/** Refuses what looks like a secret where a file is to be named, without repeating it. */
export const checkPath = (what: string, path: string) =>
  Secrets.isLike(path)
    ? Effect.fail(
        new KeyFileError({
          message: `${what} is ${Secrets.notRepeated}: write it into a file and give the path of that; others may have read it from the command line, so better make a new one`
        })
      )
    : Effect.void

/** Longest key file in bytes: a phrase of 24 words with junctions and a password is far below. */
const maxBytes = 4096

/**
 * The secret that an argument names: a development key (`//Alice`) as it is, anything else is the path of a file that
 * holds one. Secrets proper never stand on a command line, where every process can read them.
 */
export const readSecret = Effect.fn("readSecret")(function* (argument: string) {
  if (argument.startsWith("//")) return Redacted.make(argument)
  yield* checkPath("the key", argument)
  const bytes = yield* Effect.tryPromise({ try: () => readFile(argument), catch: failed(argument, "read") })
  const text = bytes.length > maxBytes ? "" : bytes.toString("utf8").trim()
  if (text === "" || text.includes("\n")) {
    return yield* new KeyFileError({
      message: `the key file ${argument} does not hold one line with a phrase or a 0x seed: make one with ephor-node key generate --out FILE`
    })
  }
  return Redacted.make(text, { label: "secret" })
})

/** Writes a new secret, readable by its owner only; a file that is there is never overwritten. */
export const writeSecret = Effect.fn("writeSecret")(function* (
  path: string,
  secret: Redacted.Redacted<string>
) {
  yield* checkPath("the file to write", path)
  yield* Effect.mapError(
    NodeFile.create(path, `${Redacted.value(secret)}\n`, { mode: 0o600 }),
    failed(path, "written")
  )
})

const ss58Context = Buffer.from("SS58PRE")

/** The account of a public key as Substrate tools print it (SS58). `network`: 42 is every Substrate chain's. */
export const ss58Address = (publicKey: Uint8Array, network = 42): string => {
  const prefix =
    network < 64 ? [network] : [((network & 0xfc) >> 2) | 0x40, (network >> 8) | ((network & 3) << 6)]
  const body = Buffer.concat([Uint8Array.from(prefix), publicKey])
  const checksum = createHash("blake2b512").update(ss58Context).update(body).digest().subarray(0, 2)
  return base58.encode(Buffer.concat([body, checksum]))
}
