/**
 * The embedded store: an LMDB database in one directory, written by one process at a time.
 */
import { open, type RootDatabase } from "lmdb"
import { Context, Effect, Layer, Metric, Option, type Scope, Stream } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { toHex } from "./keys/Hex.ts"
import { afterPrefix } from "./keys/ByteOrder.ts"
import { Condition } from "./Condition.ts"
import { checkDataFile } from "./directory/NodeDirectory.ts"
import { fullText } from "./directory/NodeFault.ts"
import { lockDirectory } from "./directory/NodeLock.ts"
import { openManifest } from "./directory/NodeManifest.ts"
import { freeBytesAt, type Space, watchSpace } from "./directory/NodeSpace.ts"
import type { Contents } from "./Manifest.ts"
import { batchDuration, damagedRecords } from "./Metrics.ts"
import {
  type Entry,
  type IterateOptions,
  type Service,
  Store,
  StoreClosed,
  StoreCorrupt,
  StoreError,
  StoreFull,
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
  /**
   * What the program keeps here: a directory of another program, or of a version that it cannot read, is refused, one of
   * an earlier version migrated. Without it only the format of the directory is looked at.
   */
  readonly contents?: Contents
  /** Bytes of the disk that stay free: a batch that would not leave them fails as `Full`. Default 16 MiB. */
  readonly reservedBytes?: number
  /** Free bytes below which the condition of the store is a problem. Default 512 MiB. */
  readonly lowSpaceBytes?: number
}

/** What holds when nothing else is said. */
export const defaults = {
  chunkSize: 256,
  chunkBytes: 256 * 1024,
  reservedBytes: 16 * 1024 * 1024,
  lowSpaceBytes: 512 * 1024 * 1024
}

/** Pause between two looks at the room on the disk. */
const spaceIntervalMs = 10_000

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
  { chunkBytes, chunkSize }: Pick<typeof defaults, "chunkBytes" | "chunkSize">,
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
const reasonOf = (cause: unknown, path: string, reservedBytes: number): StoreError["reason"] => {
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
const bytesOf = (opened: Opened, options: Options): Service => {
  const { database } = opened
  const { path } = options
  const { chunkBytes, chunkSize, reservedBytes } = { ...defaults, ...options }
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
            Effect.trackDuration(batchDuration)
          ),
    iterate: (prefix, options = {}) =>
      iterate(database, prefix, options, { chunkBytes, chunkSize }, attempt("iterate"))
  }
}

/** How many damaged records were met, and how much room there is, in words. */
const conditionOf = (space: Space, damaged: () => number, path: string): Condition["Service"] => ({
  problems: Effect.sync(() => {
    const low = space.problem()
    const count = damaged()
    return [
      ...(low === undefined ? [] : [low]),
      ...(count === 0
        ? []
        : [
            `${count} reads met a damaged record in ${path}: stop the program, look with its db check, and restore the directory from a backup`
          ])
    ]
  })
})

/** Opens a database, then looks at its manifest; everything ends with the scope. */
const opening = Effect.fnUntraced(function* (
  options: Options,
  openIt: (options: Options) => Opened
): Effect.fn.Return<Context.Context<Store | Condition>, StoreError, Scope.Scope> {
  const { path } = options
  const { lowSpaceBytes, reservedBytes } = { ...defaults, ...options }
  const opened = yield* Effect.acquireRelease(
    Effect.try({
      try: () => openIt(options),
      catch: (cause) =>
        new StoreError({ operation: "open", path, reason: reasonOf(cause, path, reservedBytes) })
    }),
    (opened) =>
      Effect.promise(() => {
        opened.closed = true
        return opened.database.close()
      }).pipe(Effect.ensuring(Effect.sync(opened.unlock)))
  )
  let damaged = 0
  const store = yield* openManifest(bytesOf(opened, options), {
    path,
    contents: options.contents,
    readOnly: opened.readOnly,
    onDamaged: Effect.andThen(
      Effect.sync(() => void damaged++),
      Metric.update(damagedRecords, 1)
    )
  })
  const space = watchSpace(path, lowSpaceBytes, spaceIntervalMs)
  if (!opened.readOnly) yield* Effect.forkScoped(space.watch)
  return Context.make(Store, store).pipe(
    Context.add(
      Condition,
      conditionOf(space, () => damaged, path)
    )
  )
})

/** Opens (or makes) the database at `path`; closes it with the layer, after the writes on their way are on disk. */
export const layer = (options: Options): Layer.Layer<Store | Condition, StoreError> =>
  Layer.effectContext(opening(options, openDatabase))

/**
 * The database at `path` for reading, also while another process writes it: each read sees what is on disk by then. It has
 * to be there, and a batch fails.
 */
export const layerReadOnly = (options: Options): Layer.Layer<Store | Condition, StoreError> =>
  Layer.effectContext(opening(options, openReader))
