/**
 * Bounds and habits of a supervisor.
 */

/** Everything that can be adjusted, with its unit. */
export interface Options {
  /** Inputs (events of nodes, L1 changes) that may wait for a chain's worker; more suspend the sender. */
  readonly inputs: number
  /** Blocks that are fetched and indexed at once. */
  readonly indexBatch: number
  /** Promotions of a chain that share one wait for the disk, and after which other chains have their turn. */
  readonly promotionBatch: number
  /** A call to a node that takes longer has failed. */
  readonly callTimeoutMs: number
  /** Pause between two requests to replace an invalid block, until it is replaced. */
  readonly invalidationRetryMs: number
  /** A node that contradicts us is reset at most once in this time; what a node asks for itself is not limited. */
  readonly resetIntervalMs: number
  /** First pause before a broken stream of events is opened again; doubles each time. */
  readonly reconnectMs: number
  /** Longest such pause. */
  readonly maxReconnectMs: number
  /**
   * Whether access lists are turned down whose messages were initiated in the second of their execution, as
   * op-interop-filter has it. Within blocks such messages are valid either way; op-supervisor lets them in.
   */
  readonly strictIngress: boolean
  /** Whether blocks named by accepted access lists are compared with the nodes: a difference is logged and counted. */
  readonly verifyAccessLists: boolean
  /** Whether the fail-safe is on from the start. */
  readonly failsafe: boolean
  /** Whether finding an invalid block turns the fail-safe on: access lists are turned down from then on. */
  readonly failsafeOnInvalidation: boolean
}

/** 1024 inputs, batches of 10 blocks and 256 promotions, calls of 10 s, a request every 5 s, a reset per second, reconnecting after 1 to 10 s, no fail-safe before the first invalid block. */
export const defaults: Options = {
  inputs: 1024,
  indexBatch: 10,
  promotionBatch: 256,
  callTimeoutMs: 10_000,
  invalidationRetryMs: 5_000,
  resetIntervalMs: 1_000,
  reconnectMs: 1_000,
  maxReconnectMs: 10_000,
  strictIngress: false,
  verifyAccessLists: false,
  failsafe: false,
  failsafeOnInvalidation: true
}
