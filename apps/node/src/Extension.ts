/**
 * What a module given to `--extend` may add to a node, or put in the place of its parts.
 */
import type { Chain, ChainError, RuntimeApi } from "@ephor/chain"
import type { DevChain } from "@ephor/devchain"
import type { Keystore } from "@ephor/keystore"
import type { Store } from "@ephor/store"
import type { Network } from "@ephor/network"
import type { Overseer } from "@ephor/overseer"
import { Effect, Layer, Predicate, Schema } from "effect"
import { isAbsolute, resolve } from "node:path"
import { pathToFileURL } from "node:url"

/** The module cannot be used; the message says which and why. */
export class ExtensionError extends Schema.TaggedError<ExtensionError>()("ExtensionError", {
  message: Schema.String
}) {}

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
  readonly layer: Layer.Layer<never, ExtensionError, Provided>
  /** A store in place of lmdb. */
  readonly store: Layer.Layer<Store.Store, Store.StoreError> | undefined
  /**
   * A chain in place of `--dev` and `--execution-rpc`, with its runtime, and `DevChain` for what validators offer to
   * its blocks; a chain that others author takes no inherents and ignores them.
   */
  readonly chain:
    | Layer.Layer<
        Chain.Chain | RuntimeApi.RuntimeApi | DevChain.DevChain,
        ChainError | Store.StoreError,
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
  layer: (parts.layer === undefined ? Layer.empty : named(parts.layer)) as Layer.Layer<
    never,
    ExtensionError,
    Provided
  >,
  store: parts.store,
  chain: parts.chain
})

const named = <R>(layer: Layer.Layer<never, unknown, R>) =>
  Layer.catch(layer, (error) =>
    Layer.effectDiscard(
      new ExtensionError({
        message: `a layer of the extension failed: ${error instanceof Error ? error.message : String(error)}`
      })
    )
  )

/** Loads a module whose default export is an extension. Node runs TypeScript files as they are. */
export const load = Effect.fn("Extension.load")(function* (path: string) {
  const file = isAbsolute(path) ? path : resolve(path)
  const module = yield* Effect.tryPromise({
    try: (): Promise<{ readonly default?: unknown }> => import(pathToFileURL(file).href),
    catch: (cause) =>
      new ExtensionError({
        message: `the extension ${file} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`
      })
  })
  const extension = module.default
  if (!Predicate.hasProperty(extension, "subsystems") || !Predicate.hasProperty(extension, "layer")) {
    return yield* new ExtensionError({
      message: `the extension ${file} has no default export made by Extension.make`
    })
  }
  return extension as unknown as Extension
})
