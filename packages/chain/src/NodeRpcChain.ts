/**
 * A chain whose blocks come from an Ethereum execution client: real blocks, real receipts, over its JSON-RPC. A
 * development committee wraps each block into a round of its DAG, so that the chain can be streamed, and carries the
 * inherents of a relay chain beside it.
 */
import type { BlockNumber, BlockRef, ChainId } from "@ephor/types"
import { Context, Effect, Layer, Redacted } from "effect"
import { createHmac } from "node:crypto"
import { Chain, type Limits as ChainLimits } from "./Chain.ts"
import { Backend, ChainError } from "./ChainError.ts"
import { type Authors, authorsOf, DevChain, resolveRuntime, type RuntimeOptions } from "./DevChain.ts"
import type { EngineConnection } from "./internal/enginePowers.ts"
import { secretLength, withToken } from "./internal/engineToken.ts"
import { makeRpcChain, type MessagePasserRoot } from "./internal/rpcChain.ts"
import { make as makeClient } from "./NodeEthRpcClient.ts"
import { RuntimeApi } from "./RuntimeApi.ts"
import type { Store, StoreError } from "./Store.ts"

/** Bounds and times; see `defaults`. */
export interface Settings {
  /** Time between two looks at the client's latest block. */
  readonly pollIntervalMs: number
  /** Blocks that are fetched with their receipts at a time while the chain is behind the client. */
  readonly fetchAheadBlocks: number
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
  fetchAheadBlocks: 16,
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

/** The Engine API of an execution client of the OP stack (Ecotone or later). */
export interface EngineOptions {
  /** The HTTP address of the client's authenticated endpoint. */
  readonly url: string
  /** The 32 bytes that the client was started with. */
  readonly jwtSecret: Redacted.Redacted<Uint8Array>
}

/** An execution client and how to follow it. */
export interface Options extends Partial<Settings> {
  /** The HTTP address of the client's JSON-RPC. */
  readonly url: string
  /**
   * By it the chain steers the client: it tells the client its heads, and has it build replacements. Whoever else tells
   * the client its heads must follow this chain. Default: a client that is no anvil is only followed.
   */
  readonly engine?: EngineOptions
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

const connectionOf = Effect.fnUntraced(function* (settings: Settings, { jwtSecret, url }: EngineOptions) {
  const secret = Redacted.value(jwtSecret)
  if (secret.length !== secretLength) {
    const what = `engine.jwtSecret has ${secret.length} bytes`
    const reason = new Backend({
      what,
      cause: `give the ${secretLength} bytes that the client was started with`
    })
    return yield* new ChainError({ method: "connect", reason })
  }
  const hmac = (bytes: Uint8Array) => createHmac("sha256", secret).update(bytes).digest()
  const connection: EngineConnection = { url, call: withToken(makeClient({ ...settings, url }), hmac) }
  return connection
})

/**
 * Follows the client's latest block, reorganisations included; nothing becomes final until somebody says so by
 * `promote`. Going back (`revert`, `blacklist`, `invalidate`) needs a client that can be steered: with its `engine`, or
 * with an anvil, it works, with any other client it fails as `Unsupported`. `DevChain.submit` works with an anvil only.
 *
 * An unreachable client is tried again, at the start for `connectTimeoutMs`; an address that does not speak for an
 * execution client fails at once, and so does a client of another chain.
 */
export const layer = (
  options: Options
): Layer.Layer<Chain | RuntimeApi | DevChain, ChainError | StoreError, Store> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const settings = { ...defaults, ...options }
      return yield* makeRpcChain(makeClient(settings), {
        messagePasserRoot: "proof",
        ...settings,
        engine: options.engine && (yield* connectionOf(settings, options.engine)),
        authorsFor: (chainId) => authorsOf(options.authors ?? { seed: chainId, size: 4 }),
        runtime: resolveRuntime(options.runtime)
      })
    }).pipe(
      Effect.map(({ chain, devChain, runtimeApi }) =>
        Context.make(Chain, chain).pipe(Context.add(RuntimeApi, runtimeApi), Context.add(DevChain, devChain))
      )
    )
  )
