/**
 * The sequencer's side of a committee of processes: lets the others follow its chain, asks each of them what the blocks of
 * its author should carry, and has them signed there.
 */
import { Backend, ChainError } from "@ephor/chain/ChainError"
import { ChainFeed, DevChain, RoundProposal } from "@ephor/devchain"
import { Network, Refusal } from "@ephor/network"
import { Effect, Layer, Option } from "effect"
import type { Membership } from "./Membership.ts"
import * as Protocols from "./Protocols.ts"

const notSigned = (cause: unknown) =>
  new ChainError({
    method: "sign",
    reason: new Backend({ what: "its validator does not sign", cause })
  })

const notThere = notSigned(new Error("no peer has proved to be it"))

/** Serves the chain and registers the other validators as providers of their blocks, until the scope closes. */
export const layer = ({ own, sequencer, validators }: Membership) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const feed = yield* ChainFeed.ChainFeed
      const network = yield* Network.Network
      const devChain = yield* DevChain.DevChain
      yield* network.serve(Protocols.follow, (_, bytes) =>
        Effect.gen(function* () {
          const locator = yield* Effect.fromResult(Protocols.locator.decode(bytes))
          return Protocols.page.encode(yield* feed.next(locator))
        }).pipe(Effect.mapError((error) => new Refusal({ why: error.message })))
      )
      const ownIndices = new Set(own.map(({ index }) => index))
      for (const [author, key] of validators.entries()) {
        if (ownIndices.has(author)) continue
        yield* devChain.provideBlocks(author, (proposal) =>
          Effect.gen(function* () {
            const peer = yield* network.peerOf(key)
            if (Option.isNone(peer)) return yield* notThere
            return yield* network
              .request(Protocols.authorBlocks(sequencer), peer.value.id, RoundProposal.encode(proposal))
              .pipe(Effect.mapError(notSigned))
          })
        )
        yield* devChain.provideInherents(author, (parent) =>
          Effect.gen(function* () {
            const peer = yield* network.peerOf(key)
            if (Option.isNone(peer)) return null
            const bytes = yield* network.request(
              Protocols.inherents(sequencer),
              peer.value.id,
              Protocols.parent.encode(parent)
            )
            return yield* Effect.fromResult(Protocols.inherentData.decode(bytes))
          }).pipe(
            Effect.catch((error) =>
              Effect.as(
                Effect.logWarning(
                  `validator ${author} does not say what its block carries: ${error.message}`
                ),
                null
              )
            )
          )
        )
      }
    })
  ).pipe(Layer.provide(ChainFeed.layer()))
