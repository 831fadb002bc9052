/** What a supervisor tells a node of its heads. */
import { Effect } from "effect"
import type { Chain } from "@ephor/chain"
import type { BlockId, Hash } from "@ephor/types"
import { byHash, fromChain } from "./Lookup.ts"

/** Promotions: looked up by hash, and never an error for being late, however late. */
export const makeUpdates = (chain: Chain.Service) => {
  const known = (method: string, hash: Hash) =>
    byHash(chain, method, "failed to get L2BlockRef: ", hash).pipe(
      Effect.catchReason("ManagedNodeError", "Pruned", () => Effect.void)
    )
  return {
    updateCrossUnsafe: Effect.fn("ManagedNode.updateCrossUnsafe")(function* ({ hash }: BlockId) {
      const method = "interop_updateCrossUnsafe"
      yield* known(method, hash)
      yield* chain.promote("CrossUnsafe", hash).pipe(Effect.mapError(fromChain(method, "")))
    }),
    updateCrossSafe: Effect.fn("ManagedNode.updateCrossSafe")(function* ({ hash }: BlockId) {
      const method = "interop_updateCrossSafe"
      yield* known(method, hash)
      // The chain raises cross-unsafe along with it.
      yield* chain.promote("CrossSafe", hash).pipe(Effect.mapError(fromChain(method, "")))
    }),
    updateFinalized: Effect.fn("ManagedNode.updateFinalized")(function* ({ hash }: BlockId) {
      const method = "interop_updateFinalized"
      yield* known(method, hash)
      yield* chain
        .promote("Finalized", hash)
        .pipe(
          Effect.catch((error) =>
            error.retryable
              ? Effect.fail(fromChain(method, "")(error))
              : Effect.logWarning("a finalized head was refused", { hash, why: error.message })
          )
        )
    })
  }
}
