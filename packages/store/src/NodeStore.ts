/**
 * The embedded store: an LMDB database in one directory, written by one process at a time.
 */
import { Context, Effect, Layer, Metric, type Scope } from "effect"
import { Condition } from "./Condition.ts"
import { bytesOf, openDatabase, type Opened, openReader, reasonOf } from "./directory/NodeDatabase.ts"
import { openManifest } from "./directory/NodeManifest.ts"
import { type Space, watchSpace } from "./directory/NodeSpace.ts"
import type { Contents } from "./Manifest.ts"
import { damagedRecords } from "./Metrics.ts"
import { Store, StoreError } from "./Store.ts"

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
  openIt: (path: string) => Opened
): Effect.fn.Return<Context.Context<Store | Condition>, StoreError, Scope.Scope> {
  const { path } = options
  const bounds = { ...defaults, ...options }
  const opened = yield* Effect.acquireRelease(
    Effect.try({
      try: () => openIt(path),
      catch: (cause) =>
        new StoreError({ operation: "open", path, reason: reasonOf(cause, path, bounds.reservedBytes) })
    }),
    (opened) =>
      Effect.promise(() => {
        opened.closed = true
        return opened.database.close()
      }).pipe(Effect.ensuring(Effect.sync(opened.unlock)))
  )
  let damaged = 0
  const store = yield* openManifest(bytesOf(opened, bounds), {
    path,
    contents: options.contents,
    readOnly: opened.readOnly,
    onDamaged: Effect.andThen(
      Effect.sync(() => void damaged++),
      Metric.update(damagedRecords, 1)
    )
  })
  const space = watchSpace(path, bounds.lowSpaceBytes, spaceIntervalMs)
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
  Layer.effectContext(opening(options, (path) => openReader(path)))
