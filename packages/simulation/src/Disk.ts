/**
 * The disk of a simulated machine: it outlives the programs that write to it, and a program that was killed writes
 * nothing more, whatever its finalizers try.
 */
import { Store } from "@ephor/store"
import { Context, Effect, Layer, Option, type Scope, Stream } from "effect"

/** A program's hold on the disk. */
export interface Session {
  readonly store: Store.Service
  /** From now on every call of this session fails with `Closed`, as if the process were gone. */
  readonly kill: Effect.Effect<void>
}

/** A disk. */
export interface Disk {
  /** A new hold on the part of the disk under a prefix. */
  readonly open: (prefix: string) => Session
  /**
   * Takes back the last batches under a prefix although they were acknowledged: a disk that lies about what it has
   * written. At most `rememberedBatches`.
   */
  readonly forget: (prefix: string, batches: number) => Effect.Effect<void, Store.StoreError>
}

/** Batches per prefix that `forget` can take back. */
export const rememberedBatches = 256

const closed = (operation: Store.StoreError["operation"]) =>
  new Store.StoreError({ operation, path: "(simulated)", reason: new Store.StoreClosed({}) })

/** An empty disk, gone with the scope. */
export const make: Effect.Effect<Disk, never, Scope.Scope> = Effect.gen(function* () {
  const platter = Context.get(yield* Layer.build(Layer.fresh(Store.layerMemory)), Store.Store)
  const undo = new Map<string, Array<ReadonlyArray<Store.Write>>>()

  const remembered = Effect.fnUntraced(function* (prefix: string, writes: ReadonlyArray<Store.Write>) {
    const store = Store.prefixed(platter, prefix)
    const before = yield* Effect.forEach(writes, ({ key }) =>
      Effect.map(store.get(key), (value) =>
        Option.isSome(value) ? Store.put(key, value.value) : Store.remove(key)
      )
    )
    yield* store.batch(writes)
    const log = undo.get(prefix) ?? []
    undo.set(prefix, [...log.slice(1 - rememberedBatches), before])
  })

  return {
    open: (prefix) => {
      let alive = true
      const store = Store.prefixed(platter, prefix)
      return {
        kill: Effect.sync(() => void (alive = false)),
        store: {
          get: (key) => Effect.suspend(() => (alive ? store.get(key) : Effect.fail(closed("get")))),
          batch: (writes) =>
            Effect.suspend(() => (alive ? remembered(prefix, writes) : Effect.fail(closed("batch")))),
          iterate: (key, options) =>
            Stream.suspend(() => (alive ? store.iterate(key, options) : Stream.fail(closed("iterate"))))
        }
      }
    },
    forget: (prefix, batches) =>
      Effect.suspend(() => {
        const log = undo.get(prefix) ?? []
        const lost = batches === 0 ? [] : log.splice(-batches)
        const store = Store.prefixed(platter, prefix)
        return Effect.forEach(lost.toReversed(), (before) => store.batch(before), { discard: true })
      })
  }
})
