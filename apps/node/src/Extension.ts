/**
 * What a module given to `--extend` may add to a node, or put in the place of its parts.
 */
import type { Chain, ChainError, RuntimeApi } from "@ephor/chain"
import type { DevChain } from "@ephor/devchain"
import type { Keystore } from "@ephor/keystore"
import type { Store } from "@ephor/store"
import type { Network } from "@ephor/network"
import type { Overseer } from "@ephor/overseer"
import { NodeExtension } from "@ephor/cli"
import { Effect, Layer, Predicate } from "effect"

export { ExtensionError } from "@ephor/cli/NodeExtension"

/** Services that the layers of an extension may use. */
export type Provided =
  | Overseer.Overseer
  | Chain.Chain
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore
  | Store.Store
  | Network.Network

/** An extension of a node. */
export interface Extension {
  /** Addresses of subsystems of your own. */
  readonly subsystems: ReadonlyArray<Overseer.AddressClass>
  /** Their layers, and whatever else should run beside the validator. */
  readonly layer: Layer.Layer<never, NodeExtension.ExtensionError, Provided>
  /** A store in place of lmdb. */
  readonly store: Layer.Layer<Store.Store, Store.StoreError | NodeExtension.ExtensionError> | undefined
  /**
   * A chain in place of `--dev` and `--execution-rpc`, with its runtime, and `DevChain` for what validators offer to
   * its blocks; a chain that others author takes no inherents and ignores them.
   */
  readonly chain:
    | Layer.Layer<
        Chain.Chain | RuntimeApi.RuntimeApi | DevChain.DevChain,
        ChainError | Store.StoreError | NodeExtension.ExtensionError,
        Store.Store
      >
    | undefined
}

/** Nothing added. */
export const empty: Extension = { subsystems: [], layer: Layer.empty, store: undefined, chain: undefined }

/** What an extension is made of; every part may be left out. */
export interface Parts<Subsystems extends ReadonlyArray<Overseer.AddressClass>> {
  readonly subsystems?: Subsystems
  readonly layer?: Layer.Layer<never, unknown, Provided | Overseer.Identity<Subsystems[number]>>
  readonly store?: Extension["store"]
  readonly chain?: Extension["chain"]
}

/**
 * An extension out of its parts: `export default Extension.make({ subsystems: [FeeOracle], layer: FeeOracleLive })`. A
 * layer that needs an address which is not among the subsystems does not compile.
 */
export const make = <const Subsystems extends ReadonlyArray<Overseer.AddressClass> = readonly []>(
  parts: Parts<Subsystems>
): Extension => ({
  subsystems: parts.subsystems ?? [],
  // The overseer provides the addresses of `subsystems`, so that only what every validator has is left to need.
  layer: (parts.layer === undefined
    ? Layer.empty
    : NodeExtension.guard("of this program")(parts.layer)) as Extension["layer"],
  store: parts.store,
  chain: parts.chain
})

const isExtension = (value: unknown): value is Extension =>
  Predicate.hasProperty(value, "subsystems") && Predicate.hasProperty(value, "layer")

const loadOne = Effect.fnUntraced(function* (specifier: string) {
  const loaded = yield* NodeExtension.load(specifier, import.meta.url)
  if (!isExtension(loaded)) {
    return yield* new NodeExtension.ExtensionError({
      message: `the extension ${specifier} has no default export made by Extension.make`
    })
  }
  const guard = NodeExtension.guard(specifier)
  const extension: Extension = {
    subsystems: loaded.subsystems,
    layer: guard(loaded.layer),
    store: loaded.store && guard(loaded.store),
    chain: loaded.chain && guard(loaded.chain)
  }
  return extension
})

/**
 * Loads modules whose default exports are extensions, as one: `./file.ts`, or packages that are installed where we are. Node
 * runs TypeScript files as they are.
 */
export const load = Effect.fn("Extension.load")(function* (specifiers: ReadonlyArray<string>) {
  const { all, layer, partOf } = yield* NodeExtension.loadAll(specifiers, loadOne)
  const extension: Extension = {
    subsystems: all.flatMap(({ subsystems }) => subsystems),
    layer,
    store: yield* partOf("a store", ({ store }) => store),
    chain: yield* partOf("a chain", ({ chain }) => chain)
  }
  return extension
})
