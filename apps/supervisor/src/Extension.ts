/**
 * What modules given to `--extend` may add to a supervisor, or put in the place of its parts.
 */
import { NodeExtension } from "@ephor/cli"
import type { L1, Supervisor } from "@ephor/safety"
import type { Store } from "@ephor/store"
import { Effect, Layer, Predicate } from "effect"

export { ExtensionError } from "@ephor/cli/NodeExtension"

/** Services that the layers of an extension may use. */
export type Provided = Supervisor.Supervisor | Store.Store | L1.L1

/** What an extension is made of; every part may be left out. */
export interface Parts {
  /** Whatever should run beside the supervisor. */
  readonly layer?: Layer.Layer<never, unknown, Provided>
  /** A store in place of lmdb. */
  readonly store?: Layer.Layer<Store.Store, unknown>
  /** An L1 in place of `--l1-rpc`. */
  readonly l1?: Layer.Layer<L1.L1, unknown>
}

type Failure = NodeExtension.ExtensionError

/** An extension of a supervisor. */
export interface Extension {
  readonly layer: Layer.Layer<never, Failure, Provided>
  readonly store: Layer.Layer<Store.Store, Failure> | undefined
  readonly l1: Layer.Layer<L1.L1, Failure> | undefined
}

/** Nothing added. */
export const empty: Extension = { layer: Layer.empty, store: undefined, l1: undefined }

const brand = "@ephor/supervisor/Extension"

/** An extension out of its parts: `export default Extension.make({ layer: PagerLive })`. */
export const make = (parts: Parts) => ({ [brand]: true, ...parts })

const isParts = (value: unknown): value is Parts => Predicate.hasProperty(value, brand)

const loadOne = Effect.fnUntraced(function* (specifier: string) {
  const parts = yield* NodeExtension.load(specifier, import.meta.url)
  if (!isParts(parts)) {
    return yield* new NodeExtension.ExtensionError({
      message: `the extension ${specifier} has no default export made by Extension.make of @ephor/supervisor`
    })
  }
  const guard = NodeExtension.guard(specifier)
  const extension: Extension = {
    layer: guard(parts.layer ?? Layer.empty),
    store: parts.store && guard(parts.store),
    l1: parts.l1 && guard(parts.l1)
  }
  return extension
})

/** Loads modules whose default exports are extensions, as one: `./file.ts`, or packages that are installed where we are. */
export const load = Effect.fn("Extension.load")(function* (specifiers: ReadonlyArray<string>) {
  const { layer, partOf } = yield* NodeExtension.loadAll(specifiers, loadOne)
  const extension: Extension = {
    layer,
    store: yield* partOf("a store", ({ store }) => store),
    l1: yield* partOf("an L1", ({ l1 }) => l1)
  }
  return extension
})
