/**
 * A database of LMDB as a store of bytes: no manifest, no checksums.
 */
import { open, type RootDatabase } from "lmdb"
import { Duration, Effect, Option, Stream } from "effect"
import { statSync } from "node:fs"
import { join } from "node:path"
import { toHex } from "../keys/Hex.ts"
import { afterPrefix } from "../keys/ByteOrder.ts"
import { batchDuration } from "../Metrics.ts"
import {
  type Entry,
  type IterateOptions,
  type Service,
  StoreClosed,
  StoreCorrupt,
  StoreError,
  StoreFull,
  StoreIo,
  type Write
} from "../Store.ts"
import { checkDataFile } from "./NodeDirectory.ts"
import { fullText } from "./NodeFault.ts"
import { lockDirectory } from "./NodeLock.ts"
import { freeBytesAt } from "./NodeSpace.ts"

/** How a database is read and written; see `NodeStore.Options`. */
export interface Bounds {
  readonly chunkSize: number
  readonly chunkBytes: number
  readonly reservedBytes: number
}

/** The longest key that LMDB takes: room for `Store.maximumKeyBytes` and for prefixes. */
const longestKeyBytes = 1978

type Database = RootDatabase<Uint8Array, Uint8Array>

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

/** A database that is open. */
export interface Opened {
  readonly path: string
  readonly database: Database
  readonly unlock: () => void
  readonly readOnly: boolean
  closed: boolean
}

/** Opens a database for this process alone, or makes it. */
export const openDatabase = (path: string): Opened => {
  const unlock = lockDirectory(path)
  try {
    checkDataFile(path)
    // A commit resolves when it is on disk: with `overlappingSync` it would when it is visible.
    const database = open<Uint8Array, Uint8Array>({
      path,
      noSubdir: false,
      encoding: "binary",
      keyEncoding: "binary",
      overlappingSync: false
    })
    return { path, database, unlock, readOnly: false, closed: false }
  } catch (error) {
    unlock()
    throw error
  }
}

/** Opens a database for reading, whether another process writes it or not. */
export const openReader = (path: string, isWhole = false): Opened => {
  const size = statSync(join(path, "data.mdb"), { throwIfNoEntry: false })?.size ?? 0
  if (size === 0) throw new Error("there is no database in it")
  checkDataFile(path, isWhole)
  const database = open<Uint8Array, Uint8Array>({
    path,
    noSubdir: false,
    readOnly: true,
    encoding: "binary",
    keyEncoding: "binary"
  })
  return { path, database, unlock: () => {}, readOnly: true, closed: false }
}

const checkKeys = (writes: ReadonlyArray<Write>): void => {
  for (const { key } of writes) {
    if (key.length === 0 || key.length > longestKeyBytes) {
      throw new RangeError(
        `a key of ${key.length} bytes (${toHex(key.subarray(0, 16))}…): keys are 1 to ${longestKeyBytes} bytes`
      )
    }
  }
}

const rangeOf = (prefix: Uint8Array, { from, reverse = false }: IterateOptions) => {
  const after = afterPrefix(prefix)
  if (!reverse) {
    const start = from !== undefined && Buffer.compare(from, prefix) > 0 ? from : prefix
    return { reverse, ...(start.length > 0 ? { start } : {}), ...(after === undefined ? {} : { end: after }) }
  }
  // Backwards, `start` is the highest key and inclusive, `end` the lowest and exclusive: the prefix is tested instead.
  const highest =
    from !== undefined && (after === undefined || Buffer.compare(from, after) < 0) ? from : after
  return { reverse, ...(highest === undefined ? {} : { start: highest }) }
}

const hasPrefix = (key: Uint8Array, prefix: Uint8Array) =>
  key.length >= prefix.length && Buffer.compare(key.subarray(0, prefix.length), prefix) === 0

/** One view of the database, chunk by chunk; the read transaction ends with the stream. */
const iterate = (
  database: Database,
  prefix: Uint8Array,
  options: IterateOptions,
  { chunkBytes, chunkSize }: Bounds,
  attempt: <A>(use: () => A) => Effect.Effect<A, StoreError>
): Stream.Stream<Entry, StoreError> => {
  const range = rangeOf(prefix, options)
  const openCursor = attempt(() => database.getRange({ ...range, snapshot: true })[Symbol.iterator]())
  const nextChunk = (cursor: Iterator<{ key: Uint8Array; value: Uint8Array }>, start: number) => {
    let left = start
    const entries: Array<Entry> = []
    let bytes = 0
    while (entries.length < chunkSize && bytes < chunkBytes) {
      if (left <= 0) return [entries, Option.none<number>()] as const
      const next = cursor.next()
      if (next.done === true) return [entries, Option.none<number>()] as const
      const { key, value } = next.value
      bytes += key.length + value.length
      if (hasPrefix(key, prefix)) {
        entries.push({ key: plain(key), value: plain(value) })
        left--
      }
      // Backwards the first key may be the one after the prefix; any other stranger is the end.
      else if (Buffer.compare(key, prefix) < 0) return [entries, Option.none<number>()] as const
    }
    return [entries, Option.some(left)] as const
  }
  return Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(openCursor, (cursor) => Effect.sync(() => cursor.return?.())),
      (cursor) =>
        // What is left of the limit belongs to the run: a stream may be run again.
        Stream.paginate<number, Entry, StoreError>(options.limit ?? Number.POSITIVE_INFINITY, (left) =>
          attempt(() => nextChunk(cursor, left))
        )
    )
  )
}

/** Errors of LMDB that tell of damage: their numbers, as `lmdb.h` has them. */
const damageNumbers: ReadonlySet<unknown> = new Set([-30797, -30796, -30795, -30793, -30779])

/** The reason for a failure of the database; what a full disk leaves half written is an input/output error to LMDB. */
export const reasonOf = (cause: unknown, path: string, reservedBytes: number): StoreError["reason"] => {
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  const isShort = code === 5 && freeBytesAt(path) < reservedBytes
  const full = isShort ? "there is no space left on the device" : fullText(cause)
  if (full !== undefined) return new StoreFull({ why: full })
  return damageNumbers.has(code)
    ? new StoreCorrupt({ key: "(a page of the database)", why: (cause as Error).message })
    : new StoreIo({ cause })
}

/** LMDB tells why a commit failed by a promise of its own: no promise of a failed batch may be left unheard. */
const commitFailure = async (error: unknown): Promise<never> => {
  const told = (error as { readonly commitError?: Promise<never> } | undefined)?.commitError
  if (told !== undefined) await told
  throw error
}

/** The bytes of a database as a store: no manifest, no checksums. */
export const bytesOf = (opened: Opened, bounds: Bounds): Service => {
  const { database, path } = opened
  const { reservedBytes } = bounds
  const failed = (operation: StoreError["operation"]) => (cause: unknown) =>
    new StoreError({ operation, path, reason: reasonOf(cause, path, reservedBytes) })
  const attempt =
    (operation: StoreError["operation"]) =>
    <A>(use: () => A): Effect.Effect<A, StoreError> =>
      Effect.suspend(() =>
        opened.closed
          ? Effect.fail(new StoreError({ operation, path, reason: new StoreClosed({}) }))
          : Effect.try({ try: use, catch: failed(operation) })
      )
  const write = (writes: ReadonlyArray<Write>) => {
    const promises: Array<Promise<boolean>> = []
    promises.push(
      database.batch(() => {
        for (const write of writes) {
          promises.push(
            write._tag === "Put" ? database.put(write.key, write.value) : database.remove(write.key)
          )
        }
      })
    )
    return Promise.all(promises).catch(commitFailure)
  }
  /** Refused before LMDB tries, so that what was written before stays as it is, and there is room to end. */
  const checkRoom = (writes: ReadonlyArray<Write>) =>
    Effect.suspend(() => {
      const bytes = writes.reduce((sum, write) => sum + (write._tag === "Put" ? write.value.length : 0), 0)
      const free = freeBytesAt(path)
      if (free >= reservedBytes + 2 * bytes) return Effect.void
      const why = `${free} bytes are left for a batch of ${bytes}, and ${reservedBytes} are held back`
      return Effect.fail(new StoreError({ operation: "batch", path, reason: new StoreFull({ why }) }))
    })
  return {
    get: (key) =>
      attempt("get")(() => {
        const value = key.length === 0 || key.length > longestKeyBytes ? undefined : database.getBinary(key)
        return value === undefined ? Option.none() : Option.some(plain(value))
      }),
    batch: (writes) =>
      writes.length === 0
        ? Effect.void
        : attempt("batch")(() => {
            if (opened.readOnly) throw new Error("it was opened for reading only")
            checkKeys(writes)
          }).pipe(
            Effect.andThen(checkRoom(writes)),
            Effect.andThen(Effect.tryPromise({ try: () => write(writes), catch: failed("batch") })),
            // Interrupting cannot take back what is on its way to the disk: the outcome is always awaited.
            Effect.uninterruptible,
            Effect.asVoid,
            Effect.trackDuration(batchDuration, Duration.toSeconds)
          ),
    iterate: (prefix, options = {}) => iterate(database, prefix, options, bounds, attempt("iterate"))
  }
}
