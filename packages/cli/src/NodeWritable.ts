/**
 * Whether something can be made at a path, said without making it.
 */
import { Effect, Schema } from "effect"
import { access, constants, stat } from "node:fs/promises"
import { dirname, resolve } from "node:path"

/** Nothing can be made there; the message says why. */
export class NotWritable extends Schema.TaggedError<NotWritable>()("NotWritable", {
  message: Schema.String
}) {}

const codeOf = (cause: unknown) => (cause instanceof Error && "code" in cause ? cause.code : undefined)

/** Why nothing can be made in a directory, or in the nearest one above it that is there. */
const obstacle = async (path: string): Promise<string | undefined> => {
  try {
    if (!(await stat(path)).isDirectory()) return `${path} is not a directory`
    await access(path, constants.W_OK | constants.X_OK)
    return undefined
  } catch (cause) {
    const above = dirname(path)
    if (codeOf(cause) === "ENOENT" && above !== path) return obstacle(above)
    return codeOf(cause) === "ENOTDIR"
      ? obstacle(above)
      : `${path} is not writable (${String(codeOf(cause))})`
  }
}

/** Fails if this directory neither is one that can be written to, nor can be made. */
export const check = (directory: string): Effect.Effect<void, NotWritable> =>
  Effect.flatMap(
    Effect.promise(() => obstacle(resolve(directory))),
    (why) => (why === undefined ? Effect.void : Effect.fail(new NotWritable({ message: why })))
  )
