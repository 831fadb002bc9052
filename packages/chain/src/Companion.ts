/**
 * What accompanies the blocks of an execution client on their way into the hub: their bodies (a round of a committee,
 * say), the L1 blocks that they build upon and are derived from. Whoever follows a client takes one; whoever makes one
 * need not know how clients are followed.
 */
import type { BlockNumber, BlockRef, ChainId, Hash, Log, Receipt, Timestamp } from "@ephor/types"
import type { Effect, Scope } from "effect"
import type { Store, StoreError } from "@ephor/store/Store"
import type { Backend, BlockOutput, ChainBlock, KnownBlock, Service as Chain } from "./Chain.ts"
import type { ChainError } from "./ChainError.ts"

/** A block of an execution client with everything that the hub asks about it. */
export interface Executed {
  readonly hash: Hash
  readonly number: BlockNumber
  readonly parentHash: Hash
  readonly timestamp: Timestamp
  readonly receipts: ReadonlyArray<Receipt>
  readonly output: BlockOutput
}

/** Gives blocks of a client what they have not. Called inside the verbs of the chain: it must not call them itself. */
export interface Companion {
  /** The block that the chain starts from. */
  readonly genesis: (first: Executed) => ChainBlock
  /** The L1 block that the first block was derived from; nothing for a chain that is its own L1. */
  readonly anchorSource: BlockRef | undefined
  /** The child of `parent`. `isNewest` tells that the client has no block above it yet. */
  readonly wrap: (
    parent: ChainBlock,
    executed: Executed,
    isNewest: boolean
  ) => Effect.Effect<ChainBlock, ChainError | StoreError>
  /** The block that takes the place of `invalid`, a child of `parent`. */
  readonly replace: (
    parent: ChainBlock,
    executed: Executed,
    invalid: KnownBlock
  ) => Effect.Effect<ChainBlock, ChainError | StoreError>
  /** See `Chain.Backend`. */
  readonly derive?: Backend["derive"]
  /** See `Chain.Backend`. */
  readonly keepFrom?: Backend["keepFrom"]
  /** See `Chain.Backend`. */
  readonly finalizable?: Backend["finalizable"]
}

/** What is known of a client when its companion is made. */
export interface Start {
  readonly chainId: ChainId
  /** Height of the block that the chain starts from. */
  readonly firstNumber: BlockNumber
  /** The hub; not to be asked before the companion is made. */
  readonly chain: () => Chain
}

/** Makes the companion of a client; what it keeps is in the chain's store. */
export type Accompany = (
  start: Start
) => Effect.Effect<Companion, ChainError | StoreError, Store | Scope.Scope>

/** A chain that follows an execution client, and what can be done with the client. */
export interface Followed {
  readonly chain: Chain
  /** Has one log emitted in a block to come; fails as `Unsupported` where the client cannot. */
  readonly emit: (log: Pick<Log, "address" | "data" | "topics">) => Effect.Effect<void, ChainError>
  /** Stops following; a block in the making is finished. */
  readonly pause: Effect.Effect<void>
  /** Goes on following. */
  readonly resume: Effect.Effect<void>
}
