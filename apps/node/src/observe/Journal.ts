/**
 * Where `observe` writes commits, and how it knows where to go on: nowhere, by a cursor file beside what it prints, or
 * by the file itself that it writes.
 */
import * as NodeFile from "@ephor/store/NodeFile"
import type { SubscriberConfig } from "@ephor/streaming"
import { CommitIndex, Hash, Json } from "@ephor/types"
import { Effect, Exit, Fiber, Option, Schema, type Scope } from "effect"
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

const textOf = (lines: ReadonlyArray<string>) => lines.map((line) => `${line}\n`).join("")

/** Where text goes that is not kept: it returns when the reader has taken it, so a slow one slows the observer down. */
export type Sink = (text: string) => Effect.Effect<void, ObserveError>

/** Standard output. What it did not take was not printed: nobody goes on as if it was. */
export const stdout: Sink = (text) =>
  Effect.callback<void, ObserveError>((resume) => {
    process.stdout.write(text, (cause) =>
      resume(
        cause == null
          ? Effect.void
          : Effect.fail(
              new ObserveError({
                message: `standard output cannot be written: ${cause.message}; make room where it goes`
              })
            )
      )
    )
  })

/** Prints, and forgets. */
export const printed = (sink: Sink, from: SubscriberConfig.Position): Journal => ({
  from,
  write: (lines) => sink(textOf(lines))
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

/** How long an end in order waits for a reader that does not take what it was given. */
const readerGraceMs = 1000

/**
 * Notes what was printed, also when it is interrupted meanwhile: who ends in order prints nothing twice. A reader that
 * takes nothing keeps nobody from ending.
 */
const printThenNote = <E>(
  print: Effect.Effect<void, E>,
  note: Effect.Effect<void, E>
): Effect.Effect<void, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const printing = yield* Effect.forkChild(Effect.interruptible(print), { startImmediately: true })
      yield* restore(Fiber.join(printing)).pipe(
        Effect.onInterrupt(() =>
          Fiber.await(printing).pipe(
            Effect.timeoutOption(readerGraceMs),
            Effect.flatMap((end) =>
              Option.isSome(end) && Exit.isSuccess(end.value) ? Effect.ignore(note) : Effect.void
            )
          )
        )
      )
      yield* note
    })
  )

/**
 * Prints, and notes in a cursor file what was printed, after the reader has taken it: a crash in between prints it
 * again. `committee` names whose commits these are; the cursor of another one is refused.
 */
export const withCursor = Effect.fnUntraced(function* (
  sink: Sink,
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
      printThenNote(
        sink(textOf(lines)),
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

/** How much of the end of a file is read to find its last commit, at first and at most. */
const tailBytes = { first: 1024 * 1024, most: 512 * 1024 * 1024 }

/** How lines begin that stand before their commit: blocks and transactions. */
const beforeCommit = Buffer.from('{"commit":')

/** The end of the last line of a commit within bytes, and the commit; nothing if only lines before one are there. */
const lastCommit = (tail: Buffer, isWhole: boolean) => {
  let end = tail.lastIndexOf(0x0a) + 1
  while (end > 0) {
    const start = tail.lastIndexOf(0x0a, end - 2) + 1
    const line = tail.subarray(start, end - 1)
    // Where the file does not begin here, the first line may have no beginning.
    if (start === 0 && !isWhole) return undefined
    if (!line.subarray(0, beforeCommit.length).equals(beforeCommit))
      return { end, position: parseWritten(line.toString("utf8")) }
    end = start
  }
  return undefined
}

/** Cuts what was written of a commit that was not finished, and reads the last one that was. */
const resume = async (file: FileHandle): Promise<SubscriberConfig.Position | undefined> => {
  const { size } = await file.stat()
  for (let wanted = tailBytes.first; ; wanted *= 4) {
    const length = Math.min(size, wanted, tailBytes.most)
    const tail = Buffer.alloc(length)
    await file.read(tail, 0, length, size - length)
    const found = lastCommit(tail, length === size)
    if (found !== undefined || length === size) {
      await file.truncate(size - length + (found?.end ?? 0))
      return found?.position
    }
    if (wanted >= tailBytes.most) throw new Error(`its last ${tailBytes.most} bytes hold no commit`)
  }
}

/** Writes all of the bytes: a disk that is nearly full takes some of them, and says only to the next call that it is full. */
const writeWhole = async (file: FileHandle, bytes: Buffer, at: number) => {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
    if (bytesWritten === 0) throw new Error("nothing more is taken")
    done += bytesWritten
  }
}

/**
 * Appends to a file, which is its own cursor: each commit stands in it once, whenever the process dies. The last
 * line of a commit must be JSON with `index` and `digest`, and no other line may have an `index`.
 */
export const appended = Effect.fnUntraced(function* (
  path: string,
  otherwise: SubscriberConfig.Position
): Effect.fn.Return<Journal, ObserveError, Scope.Scope> {
  const advice = "give another --file"
  const file = yield* Effect.acquireRelease(
    // Not in append mode: what is cut off at the end must stay cut off.
    attempt(`the file ${path} cannot be opened`, advice, () =>
      open(path, "r+").catch((cause) => (isMissing(cause) ? open(path, "wx+") : Promise.reject(cause)))
    ),
    (handle) => Effect.promise(() => handle.close())
  )
  const stored = yield* attempt(`the file ${path} does not end with a commit`, advice, () => resume(file))
  let at = (yield* Effect.promise(() => file.stat())).size
  return {
    from: stored ?? otherwise,
    write: (lines) =>
      attempt(`the file ${path} cannot be written`, "free the disk or give another --file", async () => {
        const bytes = Buffer.from(textOf(lines))
        await writeWhole(file, bytes, at)
        await file.datasync()
        at += bytes.length
      }).pipe(Effect.uninterruptible)
  }
})
