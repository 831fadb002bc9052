/**
 * A chain whose blocks come from an Ethereum execution client: real blocks, real receipts, over its JSON-RPC. A
 * development committee wraps each block into a round of its DAG, so that the chain can be streamed, and carries the
 * inherents of a relay chain beside it.
 */
import type { BlockNumber, BlockRef, ChainId } from "@ephor/types"
import { Context, Effect, Layer } from "effect"
import { Chain, type Limits as ChainLimits } from "./Chain.ts"
import type { ChainError } from "./ChainError.ts"
import { type Authors, authorsOf, DevChain, resolveRuntime, type RuntimeOptions } from "./DevChain.ts"
import { makeRpcChain, type MessagePasserRoot } from "./internal/rpcChain.ts"
import { make as makeClient } from "./NodeEthRpcClient.ts"
import { RuntimeApi } from "./RuntimeApi.ts"
import type { Store, StoreError } from "./Store.ts"

/** Bounds and times; see `defaults`. */
export interface Settings {
  /** Time between two looks at the client's latest block. */
  readonly pollIntervalMs: number
  /** Longest pause between tries while the client is unreachable; the first is `pollIntervalMs`, each doubles. */
  readonly retryLimitMs: number
  /** How long the layer waits for a client that is unreachable at the start, before it fails. */
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Largest answer of the client. */
  readonly answerLimitBytes: number
  /** A block becomes derivable from L1 only when this many blocks build on it. */
  readonly derivationDelayBlocks: number
  /** How long the leader waits for its inherent provider. */
  readonly inherentTimeoutMs: number
  /** Rounds of the committee that are held in memory; a branch that begins further back is read from the store. */
  readonly heldRounds: number
  /** Blocks below the finalized one whose runtime states are kept. */
  readonly keptStates: number
  /** Runtime states that are held in memory. */
  readonly cachedStates: number
}

/** What applies where nothing is given. */
export const defaults: Settings = {
  pollIntervalMs: 500,
  retryLimitMs: 10_000,
  connectTimeoutMs: 60_000,
  requestTimeoutMs: 10_000,
  answerLimitBytes: 64 * 1024 * 1024,
  derivationDelayBlocks: 4,
  inherentTimeoutMs: 300,
  heldRounds: 1024,
  keptStates: 256,
  cachedStates: 512
}

/** An execution client and how to follow it. */
export interface Options extends Partial<Settings> {
  /** The HTTP address of the client's JSON-RPC. */
  readonly url: string
  /** Fails if the client is of another chain. */
  readonly chainId?: ChainId
  /** The height that the chain starts from, which must be final. Default 0. */
  readonly anchor?: BlockNumber
  /**
   * Where the storage root of the `L2ToL1MessagePasser`, which is part of every output, is read: asked for with a proof
   * (`proof`, the default; clients refuse it for old blocks unless they are archives), taken from the header's
   * `withdrawalsRoot` (OP chains from Isthmus on), or taken for empty (`none`: not an OP chain).
   */
  readonly messagePasserRoot?: MessagePasserRoot
  /** Default: four authors with the client's chain id as seed. */
  readonly authors?: Authors
  /** The L1 block that the chain begins with; without one it is its own L1. */
  readonly l1Genesis?: BlockRef
  /** Default: no validators and no parachains. */
  readonly runtime?: RuntimeOptions
  readonly chainLimits?: Partial<ChainLimits>
}

/**
 * Follows the client's latest block, reorganisations included; nothing becomes final until somebody says so by
 * `promote`. Going back (`revert`, `blacklist`, `invalidate`) and `DevChain.submit` need a client that can be steered:
 * with an anvil they work, with any other client they fail as `Unsupported`.
 *
 * An unreachable client is tried again, at the start for `connectTimeoutMs`; an address that does not speak for an
 * execution client fails at once, and so does a client of another chain.
 */
export const layer = (
  options: Options
): Layer.Layer<Chain | RuntimeApi | DevChain, ChainError | StoreError, Store> =>
  Layer.effectContext(
    Effect.suspend(() => {
      const settings = { ...defaults, ...options }
      return makeRpcChain(makeClient(settings), {
        messagePasserRoot: "proof",
        ...settings,
        authorsFor: (chainId) => authorsOf(options.authors ?? { seed: chainId, size: 4 }),
        runtime: resolveRuntime(options.runtime)
      })
    }).pipe(
      Effect.map(({ chain, devChain, runtimeApi }) =>
        Context.make(Chain, chain).pipe(Context.add(RuntimeApi, runtimeApi), Context.add(DevChain, devChain))
      )
    )
  )
