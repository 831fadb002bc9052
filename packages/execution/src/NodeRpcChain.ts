/**
 * A chain whose blocks come from an Ethereum execution client: real blocks, real receipts, over its JSON-RPC. What the
 * client's blocks lack (bodies to stream, L1 origins) a companion may give them: see `Companion` of the chain.
 */
import type { BlockNumber, ChainId } from "@ephor/types"
import { Effect, Layer, Redacted, type Scope } from "effect"
import type { Input } from "@ephor/json-rpc/Endpoint"
import { secretLength } from "@ephor/json-rpc/Jwt"
import { Chain, type Limits as ChainLimits } from "@ephor/chain/Chain"
import { Backend, ChainError } from "@ephor/chain/ChainError"
import type { Accompany, Followed } from "@ephor/chain/Companion"
import { type EngineConnection, engineCall } from "./engine/Token.ts"
import { as } from "./following/Blocks.ts"
import { plain } from "./following/Plain.ts"
import type { MessagePasserRoot } from "./following/Options.ts"
import { makeRpcChain } from "./following/RpcChain.ts"
import { make as makeClient } from "./NodeEthRpcClient.ts"
import type { Store, StoreError } from "@ephor/store/Store"

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
}

/** What applies where nothing is given. */
export const defaults: Settings = {
  pollIntervalMs: 500,
  fetchAheadBlocks: 16,
  retryLimitMs: 10_000,
  connectTimeoutMs: 60_000,
  requestTimeoutMs: 10_000,
  answerLimitBytes: 64 * 1024 * 1024
}

/** The Engine API of an execution client of the OP stack (Ecotone or later). */
export interface EngineOptions {
  /** The address of the client's authenticated endpoint. */
  readonly url: Input
  /** The 32 bytes that the client was started with. */
  readonly jwtSecret: Redacted.Redacted<Uint8Array>
}

/** An execution client and how to follow it. */
export interface Options extends Partial<Settings> {
  /** The address of the client's JSON-RPC: HTTP or WebSocket, with a name and a password if it wants them. */
  readonly url: Input
  /**
   * By it the chain steers the client: it tells the client its heads, and has it build replacements. Whoever else tells
   * the client its heads must follow this chain. Default: a client that is no anvil is only followed.
   */
  readonly engine?: EngineOptions
  /** Fails if the client is of another chain. */
  readonly chainId?: ChainId
  /**
   * The height that the chain starts from, which must be final. Default: where the store's chain starts; for a new one 0,
   * or the lowest block that the client has (OP Mainnet begins at 105,235,063).
   */
  readonly anchor?: BlockNumber
  /**
   * Where the storage root of the `L2ToL1MessagePasser`, which is part of every output, is read: asked for with a proof
   * (`proof`, the default) when somebody wants the output, which is kept then: clients refuse it for old blocks unless
   * they are archives. Or taken from the header's `withdrawalsRoot` (OP chains from Isthmus on; earlier blocks are asked
   * for with a proof), or taken for empty (`none`: not an OP chain).
   */
  readonly messagePasserRoot?: MessagePasserRoot
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
  const client = yield* makeClient({ ...settings, url, jwtSecret }).pipe(
    Effect.mapError(as("connect", "engine.url cannot be used"))
  )
  const connection: EngineConnection = { url: client.url, call: engineCall(client) }
  return connection
})

/**
 * Follows the client's latest block, reorganisations included, until the scope closes; nothing becomes final until
 * somebody says so by `promote`. Going back (`revert`, `blacklist`, `invalidate`) needs a client that can be steered:
 * with its `engine`, or with an anvil, it works, with any other client it fails as `Unsupported`. `emit` works with an
 * anvil only. Without a companion, blocks have no bodies and each is its own L1 origin.
 *
 * An unreachable client is tried again, at the start for `connectTimeoutMs`; an address that does not speak for an
 * execution client fails at once, and so does a client of another chain.
 */
export const make =
  (options: Options) =>
  (accompany: Accompany = plain): Effect.Effect<Followed, ChainError | StoreError, Store | Scope.Scope> =>
    Effect.gen(function* () {
      const settings = { ...defaults, ...options }
      const resolved = {
        messagePasserRoot: "proof" as const,
        ...settings,
        engine: options.engine && (yield* connectionOf(settings, options.engine))
      }
      const client = yield* makeClient(settings).pipe(Effect.mapError(as("connect", "url cannot be used")))
      return yield* makeRpcChain(client, resolved, accompany)
    })

/** A chain that is nothing but its client's blocks; see `make`. */
export const layer = (options: Options): Layer.Layer<Chain, ChainError | StoreError, Store> =>
  Layer.effect(
    Chain,
    Effect.map(make(options)(), ({ chain }) => chain)
  )
