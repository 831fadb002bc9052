/**
 * A development chain that somebody else makes: followed over its feed, each block executed again and its signatures
 * checked before it counts, with a runtime of its own to ask. It goes where the maker's head goes, except into what was
 * found invalid here, and takes over what is final there.
 */
import type { BlockRef, ChainId, DagPublicKey, Timestamp } from "@ephor/types"
import { Context, Effect, Layer } from "effect"
import { Chain, type Limits as ChainLimits } from "@ephor/chain/Chain"
import type { ChainError } from "@ephor/chain/ChainError"
import type { Author } from "@ephor/chain/Committee"
import { ChainFeed } from "./ChainFeed.ts"
import { type Authors, authorsOf, DevChain, resolveRuntime, type RuntimeOptions } from "./DevChain.ts"
import { makeFollowedChain } from "./following/Following.ts"
import { RuntimeApi } from "@ephor/chain/RuntimeApi"
import type { Store, StoreError } from "@ephor/store/Store"

/** Bounds and times; see `defaults`. */
export interface Settings {
  /** Pause after a page that brought nothing or an answer that failed; each failure in a row doubles it. */
  readonly pauseMs: number
  /** Longest pause between tries while the maker cannot be reached. */
  readonly retryLimitMs: number
  /** Blocks below the finalized one whose runtime states, and rejected candidates, are kept. */
  readonly keptStates: number
  /** Runtime states that are held in memory. */
  readonly cachedStates: number
}

/** What applies where nothing is given. */
export const defaults: Settings = { pauseMs: 50, retryLimitMs: 5000, keptStates: 256, cachedStates: 512 }

/** The chain that is followed: what its maker was given, too. */
export interface Options extends Partial<Settings> {
  readonly chainId: ChainId
  /** Time of the first block in seconds. */
  readonly genesisTime: Timestamp
  /** Default: four authors with the chain id as seed. */
  readonly authors?: Authors | { readonly publicKeys: ReadonlyArray<DagPublicKey> }
  /** The L1 block that the chain begins with; without one it is its own L1. */
  readonly l1Genesis?: BlockRef
  /** Default: no validators and no parachains. */
  readonly runtime?: RuntimeOptions
  readonly chainLimits?: Partial<ChainLimits>
}

/** What is followed, with nothing left open. */
export interface Resolved extends Settings {
  readonly chainId: ChainId
  readonly genesisTime: Timestamp
  readonly authors: ReadonlyArray<Pick<Author, "publicKey">>
  readonly l1Genesis: BlockRef | undefined
  readonly runtime: ReturnType<typeof resolveRuntime>
  readonly chainLimits: Partial<ChainLimits>
}

const committeeOf = (authors: NonNullable<Options["authors"]>) =>
  "publicKeys" in authors ? authors.publicKeys.map((publicKey) => ({ publicKey })) : authorsOf(authors)

/**
 * Follows for ever; a maker that is away is asked again. `DevChain` offers the inherents of our author to the maker;
 * transactions are for the maker (`submit` fails as `Unsupported`), `pause` and `resume` stop and continue following.
 */
export const layer = (
  options: Options
): Layer.Layer<Chain | RuntimeApi | DevChain, ChainError | StoreError, Store | ChainFeed> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { chain, devChain, runtimeApi } = yield* makeFollowedChain(yield* ChainFeed, {
        ...defaults,
        chainLimits: {},
        ...options,
        l1Genesis: options.l1Genesis,
        authors: committeeOf(options.authors ?? { seed: options.chainId, size: 4 }),
        runtime: resolveRuntime(options.runtime)
      })
      return Context.make(Chain, chain).pipe(
        Context.add(RuntimeApi, runtimeApi),
        Context.add(DevChain, devChain)
      )
    })
  )
