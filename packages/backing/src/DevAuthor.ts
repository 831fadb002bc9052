/**
 * Makes the provisioner of a validator provide for the blocks of one author of a development chain.
 */
import { Cause, type Deferred, Effect, Layer } from "effect"
import { Chain, DevChain, DevExecution } from "@ephor/chain"
import { Provisioner, type ProvisionerInherentData } from "@ephor/overseer"
import type { AuthorityIndex } from "@ephor/types"

/**
 * Registers with the chain until the layer is closed: what the author's blocks carry on behalf of parachains
 * comes from this node.
 */
export const layer = (
  author: AuthorityIndex
): Layer.Layer<never, never, Chain.Chain | DevChain.DevChain | Provisioner> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const chain = yield* Chain.Chain
      const devChain = yield* DevChain.DevChain
      const provisioner = yield* Provisioner
      yield* devChain.provideInherents(author, (parent) =>
        Effect.gen(function* () {
          const parentHeader = DevExecution.relayHeader(yield* chain.content(parent.hash))
          const data = yield* provisioner.ask((reply: Deferred.Deferred<ProvisionerInherentData>) => ({
            _tag: "RequestInherentData",
            relayParent: parent.hash,
            reply
          }))
          return { ...data, parentHeader }
        }).pipe(
          Effect.catchTag("ChainError", (error) =>
            Effect.as(
              Effect.logWarning("author: the parent of the next block is not known", error.message),
              null
            )
          ),
          // The provisioner has ended, and with it our part in the chain; the chain itself goes on.
          Effect.catchCauseIf(Cause.hasInterruptsOnly, () => Effect.succeed(null))
        )
      )
    })
  )
