/**
 * Files and names that let one side of a stream in at the other: PEM, tokens, names of keys.
 */
import { type Hash, Hash as HashSchema } from "@ephor/types"
import { Grpc } from "@ephor/streaming"
import { Effect, FileSystem, Redacted, Schema } from "effect"

/** A file cannot be read, or a name is none. The message says which flag it came from, never what a file holds. */
export class AccessError extends Schema.TaggedError<AccessError>()("AccessError", {
  message: Schema.String
}) {}

/** The text of a file that a flag names. */
export const read = Effect.fnUntraced(function* (flag: string, path: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(
    fs.readFileString(path),
    (error) =>
      new AccessError({
        message: `the file ${path} of --${flag} cannot be read (${error.reason._tag}): give the path of another one`
      })
  )
})

/** The same for a flag that may be left out. */
export const readOptional = (flag: string, path: string | undefined) =>
  path === undefined ? Effect.undefined : read(flag, path)

/** Bearer tokens in a file, one a line; empty lines and those that begin with # do not count. */
export const readTokens = Effect.fnUntraced(function* (flag: string, path: string) {
  const lines = (yield* read(flag, path)).split("\n").map((line) => line.trim())
  const tokens = lines.filter((line) => line !== "" && !line.startsWith("#"))
  if (tokens.length > 0) return tokens.map((token) => Redacted.make(token))
  return yield* new AccessError({
    message: `the file ${path} of --${flag} holds no token: put one into each line`
  })
})

const isHash = Schema.is(HashSchema)

/** Names of keys, or nothing if there are none. */
export const keyNames = (flag: string, keys: ReadonlyArray<string>) => {
  const wrong = keys.find((key) => !isHash(key))
  return wrong === undefined
    ? Effect.succeed(keys.length === 0 ? undefined : (keys as ReadonlyArray<Hash>))
    : Effect.fail(
        new AccessError({
          message: `--${flag} ${wrong} is not the name of a key: give 0x and the SHA-256 of its SubjectPublicKeyInfo`
        })
      )
}

/** Names of encodings, in their order. */
export const encodings = (flag: string, names: ReadonlyArray<string>) => {
  const wrong = names.find((name) => !Grpc.isEncoding(name))
  return wrong === undefined
    ? Effect.succeed(names.filter(Grpc.isEncoding))
    : Effect.fail(
        new AccessError({
          message: `--${flag} ${wrong} is no encoding that is known here: give ${Grpc.encodings.join(", ")}, or leave it out`
        })
      )
}

/** What is given, without what is not. */
export const given = <A extends object>(options: A) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof A]?: Exclude<A[K], undefined>
  }
