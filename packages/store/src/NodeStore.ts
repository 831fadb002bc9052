/**
 * The embedded store: an LMDB database in one directory, written by one process at a time.
 */
import { open, type RootDatabase } from "lmdb"
import { Effect, Layer, Option, Stream } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { toHex } from "./keys/Hex.ts"
import { afterPrefix } from "./keys/ByteOrder.ts"
import { checkDataFile, lockDirectory } from "./directory/NodeDirectory.ts"
import { batchDuration } from "./Metrics.ts"
import {
  type Entry,
  type IterateOptions,
  type Service,
  Store,
  StoreClosed,
  StoreError,
  StoreIo,
  type Write
} from "./Store.ts"

/** Where the store lies and how it is read. */
export interface Options {
  /** The directory of the database; made if it is missing. It belongs to this process while the layer lives. */
  readonly path: string
  /** Entries that `iterate` reads at a time. Default 256. */
  readonly chunkSize?: number
  /** Bytes of entries that `iterate` reads at a time, so that large ones keep nobody waiting. Default 256 KiB. */
  readonly chunkBytes?: number
}

/** What `iterate` reads at a time when nothing else is said. */
export const defaults = { chunkSize: 256, chunkBytes: 256 * 1024 }

/** The longest key that LMDB takes: room for `Store.maximumKeyBytes` and for prefixes. */
const longestKeyBytes = 1978

type Database = RootDatabase<Uint8Array, Uint8Array>

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

interface Opened {
  readonly database: Database
  readonly unlock: () => void
  readonly readOnly: boolean
  closed: boolean
}

const openDatabase = ({ path }: Options): Opened => {
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
    return { database, unlock, readOnly: false, closed: false }
  } catch (error) {
    unlock()
    throw error
  }
}

const openReader = ({ path }: Options): Opened => {
  if (!existsSync(join(path, "data.mdb"))) throw new Error("there is no database in it")
  checkDataFile(path)
  const database = open<Uint8Array, Uint8Array>({
    path,
    noSubdir: false,
    readOnly: true,
    encoding: "binary",
    keyEncoding: "binary"
  })
  return { database, unlock: () => {}, readOnly: true, closed: false }
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
  { chunkBytes, chunkSize }: typeof defaults,
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

const make = (opened: Opened, options: Options): Service => {
  const { database } = opened
  const { path } = options
  const chunk = { ...defaults, ...options }
  const failed = (operation: StoreError["operation"]) => (cause: unknown) =>
    new StoreError({ operation, path, reason: new StoreIo({ cause }) })
  const attempt =
    (operation: StoreError["operation"]) =>
    <A>(use: () => A): Effect.Effect<A, StoreError> =>
      Effect.suspend(() =>
        opened.closed
          ? Effect.fail(new StoreError({ operation, path, reason: new StoreClosed({}) }))
          : Effect.try({ try: use, catch: failed(operation) })
      )
  const write = (writes: ReadonlyArray<Write>) =>
    database.batch(() => {
      for (const write of writes) {
        if (write._tag === "Put") void database.put(write.key, write.value)
        else void database.remove(write.key)
      }
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
            Effect.andThen(Effect.tryPromise({ try: () => write(writes), catch: failed("batch") })),
            // Interrupting cannot take back what is on its way to the disk: the outcome is always awaited.
            Effect.uninterruptible,
            Effect.asVoid,
            Effect.trackDuration(batchDuration)
          ),
    iterate: (prefix, options = {}) => iterate(database, prefix, options, chunk, attempt("iterate"))
  }
}

const layerOpened = (
  options: Options,
  openIt: (options: Options) => Opened
): Layer.Layer<Store, StoreError> =>
  Layer.effect(
    Store,
    Effect.acquireRelease(
      Effect.try({
        try: () => openIt(options),
        catch: (cause) =>
          new StoreError({ operation: "open", path: options.path, reason: new StoreIo({ cause }) })
      }),
      (opened) =>
        Effect.promise(() => {
          opened.closed = true
          return opened.database.close()
        }).pipe(Effect.ensuring(Effect.sync(opened.unlock)))
    ).pipe(Effect.map((opened) => make(opened, options)))
  )

/** Opens (or makes) the database at `path`; closes it with the layer, after the writes on their way are on disk. */
export const layer = (options: Options): Layer.Layer<Store, StoreError> => layerOpened(options, openDatabase)

/**
 * The database at `path` for reading, also while another process writes it: each read sees what is on disk by then. It has
 * to be there, and a batch fails.
 */
export const layerReadOnly = (options: Options): Layer.Layer<Store, StoreError> =>
  layerOpened(options, openReader)
