/**
 * The chain's feed from far away: pages from the sequencer over the network, and our author's inherents and blocks for
 * it. Nobody but the sequencer is believed or answered.
 */
import { ChainFeed, RoundProposal } from "@ephor/devchain"
import { Backend, ChainError } from "@ephor/chain/ChainError"
import { type NetworkError, Network, Refusal } from "@ephor/network"
import type { ValidatorId } from "@ephor/types"
import { Effect, Layer, Option } from "effect"
import * as Protocols from "./Protocols.ts"

const unreachable = (what: string, cause: unknown) =>
  new ChainError({ method: "follow", reason: new Backend({ what, cause }) })

/** Follows the chain that this validator makes. */
export const layer = (
  sequencer: ValidatorId
): Layer.Layer<ChainFeed.ChainFeed, NetworkError, Network.Network> =>
  Layer.effect(
    ChainFeed.ChainFeed,
    Effect.gen(function* () {
      const network = yield* Network.Network
      return ChainFeed.ChainFeed.of({
        next: Effect.fn("RemoteFeed.next")(function* (locator) {
          const peer = yield* network.peerOf(sequencer)
          if (Option.isNone(peer)) {
            return yield* unreachable(
              "the sequencer cannot be asked",
              new Error(`no peer has proved to be ${sequencer}`)
            )
          }
          return yield* network
            .request(Protocols.follow, peer.value.id, Protocols.locator.encode(locator))
            .pipe(
              Effect.flatMap((bytes) => Effect.fromResult(Protocols.page.decode(bytes))),
              Effect.mapError((cause) => unreachable("the sequencer's page cannot be used", cause))
            )
        }),
        provideInherents: (_, provider) =>
          network
            .serve(Protocols.inherents(sequencer), (_, bytes) =>
              Effect.gen(function* () {
                const parent = yield* Effect.fromResult(Protocols.parent.decode(bytes))
                return Protocols.inherentData.encode(yield* provider(parent))
              }).pipe(Effect.mapError((error) => new Refusal({ why: error.message })))
            )
            .pipe(Effect.orDie), // one author per process: nobody else serves this
        provideBlocks: (_, provider) =>
          network
            .serve(Protocols.authorBlocks(sequencer), (_, bytes) =>
              Effect.fromResult(RoundProposal.decode(bytes)).pipe(
                Effect.flatMap(provider),
                Effect.mapError((error) => new Refusal({ why: error.message }))
              )
            )
            .pipe(Effect.orDie)
      })
    })
  )
