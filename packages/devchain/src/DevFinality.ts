/**
 * Has somebody say how far a development chain may finalize: a validator's approvals and disputes, for one.
 */
import { Effect, Layer } from "effect"
import { DevChain, type FinalityVoter } from "./DevChain.ts"

/** Votes about finality until the layer is closed. */
export const layer = <R>(
  voter: Effect.Effect<FinalityVoter, never, R>
): Layer.Layer<never, never, DevChain | R> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const devChain = yield* DevChain
      yield* devChain.voteFinality(yield* voter)
    })
  )
