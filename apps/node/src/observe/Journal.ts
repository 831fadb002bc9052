/**
 * Where `observe` writes commits, and how it knows where to go on: nowhere, by a cursor file beside what it prints, or
 * by the file itself that it writes.
 */
import * as NodeFile from "@ephor/store/NodeFile"
import type { SubscriberConfig } from "@ephor/streaming"
import { CommitIndex, Hash, Json } from "@ephor/types"
import { Effect, Schema, type Scope } from "effect"
import { type FileHandle, open, readFile } from "node:fs/promises"
import { ObserveError } from "./Committee.ts"

/** Takes commits that were put into lines, and knows the last one that it has taken. */
export interface Journal {
  /** Where to go on. */
  readonly from: SubscriberConfig.Position
  /** Writes lines that end at a position; when it returns, both are where they shall be. */
  readonly write: (
    lines: ReadonlyArray<string>,
    position: SubscriberConfig.Position
  ) => Effect.Effect<void, ObserveError>
}

const faultOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))
const attempt = <A>(what: string, advice: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new ObserveError({ message: `${what}: ${faultOf(cause)}; ${advice}` })
  })

/** Waits until the reader has taken the text: a slow one slows the observer down. */
const print = (text: string) =>
  Effect.callback<void>((resume) => {
    process.stdout.write(text, () => resume(Effect.void))
  })

const textOf = (lines: ReadonlyArray<string>) => lines.map((line) => `${line}\n`).join("")

/** Prints, and forgets. */
export const printed = (from: SubscriberConfig.Position): Journal => ({
  from,
  write: (lines) => print(textOf(lines))
})

/** What a cursor file holds: a position, and whose. */
const Cursor = Schema.Struct({
  index: CommitIndex,
  digest: Schema.optionalKey(Hash),
  committee: Schema.optionalKey(Hash)
})
const parseCursor = Json.parse(Cursor)
const printCursor = Json.stringify(Cursor)

const isMissing = (cause: unknown) => cause instanceof Error && "code" in cause && cause.code === "ENOENT"

/**
 * Prints, and notes in a cursor file what was printed, after the reader has taken it: a crash in between prints it
 * again. `committee` names whose commits these are; the cursor of another one is refused.
 */
export const withCursor = Effect.fnUntraced(function* (
  path: string,
  committee: Hash | undefined,
  otherwise: SubscriberConfig.Position
): Effect.fn.Return<Journal, ObserveError> {
  const advice = "correct the file, remove it to begin anew, or give another --cursor"
  const text = yield* attempt(`the cursor ${path} cannot be read`, advice, () =>
    readFile(path, "utf8").catch((cause) => (isMissing(cause) ? "" : Promise.reject(cause)))
  )
  const stored =
    text === ""
      ? undefined
      : yield* attempt(`the cursor ${path} is not valid`, advice, async () => parseCursor(text))
  if (stored !== undefined && stored.committee !== committee) {
    return yield* new ObserveError({
      message: `the cursor ${path} belongs to ${stored.committee === undefined ? "a publisher that was trusted" : `the committee ${stored.committee}`}: give another --cursor`
    })
  }
  const belongs = committee === undefined ? {} : { committee }
  const digest = stored?.digest === undefined ? {} : { digest: stored.digest }
  return {
    from: stored === undefined ? otherwise : { index: stored.index, ...digest },
    write: (lines, position) =>
      Effect.andThen(
        print(textOf(lines)),
        NodeFile.replace(path, `${printCursor({ ...position, ...belongs })}\n`).pipe(
          Effect.mapError(
            ({ why }) =>
              new ObserveError({
                message: `the cursor ${path} cannot be written: ${why}; free the disk or give another --cursor`
              })
          )
        )
      )
  }
})

/** The fields of a written commit that say where it stands. */
const Written = Schema.Struct({ index: CommitIndex, digest: Schema.optionalKey(Hash) })
const parseWritten = Json.parse(Written)

/** Longest line that is looked for at the end of a file. */
const longestLine = 1024 * 1024

/** Cuts a line that was not finished, and reads the last one that was. */
const resume = async (file: FileHandle): Promise<SubscriberConfig.Position | undefined> => {
  const { size } = await file.stat()
  const start = Math.max(0, size - 2 * longestLine)
  const tail = Buffer.alloc(size - start)
  await file.read(tail, 0, tail.length, start)
  const end = tail.lastIndexOf(0x0a) + 1
  if (end === 0 && size > longestLine) throw new Error("its last line has no end")
  await file.truncate(start + end)
  if (end === 0) return undefined
  const line = tail.subarray(tail.lastIndexOf(0x0a, end - 2) + 1, end - 1).toString("utf8")
  return parseWritten(line)
}

/**
 * Appends to a file, which is its own cursor: each commit stands in it once, whenever the process dies. Lines must be
 * JSON with `index` and `digest`.
 */
export const appended = Effect.fnUntraced(function* (
  path: string,
  otherwise: SubscriberConfig.Position
): Effect.fn.Return<Journal, ObserveError, Scope.Scope> {
  const advice = "give another --output"
  const file = yield* Effect.acquireRelease(
    // Not in append mode: what is cut off at the end must stay cut off.
    attempt(`the output ${path} cannot be opened`, advice, () =>
      open(path, "r+").catch((cause) => (isMissing(cause) ? open(path, "wx+") : Promise.reject(cause)))
    ),
    (handle) => Effect.promise(() => handle.close())
  )
  const stored = yield* attempt(`the output ${path} does not end with a commit`, advice, () => resume(file))
  let at = (yield* Effect.promise(() => file.stat())).size
  return {
    from: stored ?? otherwise,
    write: (lines) =>
      attempt(`the output ${path} cannot be written`, "free the disk or give another --output", async () => {
        const bytes = Buffer.from(textOf(lines))
        await file.write(bytes, 0, bytes.length, at)
        await file.datasync()
        at += bytes.length
      }).pipe(Effect.uninterruptible)
  }
})
