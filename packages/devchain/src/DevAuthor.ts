/**
 * Has somebody provide for the blocks of one author of a development chain: a validator's provisioner, for one.
 */
import { Chain } from "@ephor/chain/Chain"
import type { AuthorityIndex, Hash } from "@ephor/types"
import { Cause, Effect, Layer } from "effect"
import { DevChain, type Provided } from "./DevChain.ts"
import { relayHeader } from "./DevExecution.ts"

/** What a block carries on behalf of parachains, for the child of a block. */
export type Provide = (parent: Hash) => Effect.Effect<Omit<Provided, "parentHeader">>

/**
 * Registers with the chain until the layer is closed: what the author's blocks carry on behalf of parachains comes
 * from `provider`. One that is interrupted has ended, and with it its part in the chain; the chain itself goes on.
 */
export const layer = <R>(
  author: AuthorityIndex,
  provider: Effect.Effect<Provide, never, R>
): Layer.Layer<never, never, Chain | DevChain | R> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const chain = yield* Chain
      const devChain = yield* DevChain
      const provide = yield* provider
      yield* devChain.provideInherents(author, (parent) =>
        Effect.gen(function* () {
          const parentHeader = relayHeader(yield* chain.content(parent.hash))
          return { ...(yield* provide(parent.hash)), parentHeader }
        }).pipe(
          Effect.catchTag("ChainError", (error) =>
            Effect.as(
              Effect.logWarning("author: the parent of the next block is not known", error.message),
              null
            )
          ),
          Effect.catchCauseIf(Cause.hasInterruptsOnly, () => Effect.succeed(null))
        )
      )
    })
  )
