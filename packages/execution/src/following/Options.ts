/** How a client is followed. */
import type { Limits } from "@ephor/chain/Chain"
import type { BlockNumber, ChainId } from "@ephor/types"
import type { EngineConnection } from "../engine/Token.ts"

/** Where the storage root of the message passer is read: see `NodeRpcChain.Options`. */
export type MessagePasserRoot = "proof" | "withdrawalsRoot" | "none"

/** What `NodeRpcChain.make` was given, with nothing left open. */
export interface Options {
  readonly chainId?: ChainId
  readonly anchor?: BlockNumber
  readonly chainLimits?: Partial<Limits>
  readonly messagePasserRoot: MessagePasserRoot
  /** The way to steer the client; without one it can be steered only if it is an anvil. */
  readonly engine: EngineConnection | undefined
  readonly pollIntervalMs: number
  readonly fetchAheadBlocks: number
  readonly retryLimitMs: number
  readonly connectTimeoutMs: number
}
