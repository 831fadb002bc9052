/**
 * Small files that are there whole or not at all, whenever the process dies or the disk is full: written beside their
 * place, flushed, and only then put there. For keys, secrets, specifications and cursors, which nobody can mend by half.
 */
import { randomUUID } from "node:crypto"
import { link, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect, Schema } from "effect"
import { codeOf, explain, fullText } from "./directory/NodeFault.ts"

/** A file could not be written. Nothing has changed: what was at its path, if anything, is still there. */
export class FileError extends Schema.TaggedError<FileError>()("FileError", {
  path: Schema.String,
  /** There is a file already, and it was to be created. */
  exists: Schema.Boolean,
  why: Schema.String
}) {
  override get message() {
    return `the file ${this.path} cannot be written: ${this.why}`
  }
}

/** How a file is written. */
export interface Options {
  /** Permissions of the file. Default 0o644; 0o600 for secrets. */
  readonly mode?: number
}

const failed = (path: string) => (error: unknown) => {
  const full = fullText(error)
  const exists = codeOf(error) === "EEXIST"
  return new FileError({
    path,
    exists,
    why:
      full !== undefined
        ? `the disk is full: ${full}; make room and try again`
        : exists
          ? "it is there already, and is not overwritten"
          : explain(dirname(path), error).message
  })
}

/** Makes what was done in a directory durable; not every system lets directories be flushed. */
const flushDirectory = async (path: string): Promise<void> => {
  const directory = await open(dirname(path), "r").catch(() => undefined)
  if (directory === undefined) return
  await directory
    .sync()
    .catch(() => undefined)
    .finally(() => directory.close())
}

const write = async (
  path: string,
  content: string | Uint8Array,
  { mode = 0o644 }: Options,
  put: (draft: string) => Promise<void>
): Promise<void> => {
  const draft = `${path}.${randomUUID()}.draft`
  try {
    const file = await open(draft, "wx", mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await put(draft)
  } finally {
    await rm(draft, { force: true })
  }
  await flushDirectory(path)
}

/** Puts a file in the place of whatever is at its path: the old or the new one is there, whole. */
export const replace = (
  path: string,
  content: string | Uint8Array,
  options: Options = {}
): Effect.Effect<void, FileError> =>
  Effect.tryPromise({
    try: () => write(path, content, options, (draft) => rename(draft, path)),
    catch: failed(path)
  })

/** Makes a file that is not there; one that is there is never overwritten (`exists`), whoever made it meanwhile. */
export const create = (
  path: string,
  content: string | Uint8Array,
  options: Options = {}
): Effect.Effect<void, FileError> =>
  Effect.tryPromise({
    // A link fails where a rename would overwrite.
    try: () => write(path, content, options, (draft) => link(draft, path)),
    catch: failed(path)
  })
