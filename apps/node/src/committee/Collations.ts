/**
 * Collations between processes: to the validators of other processes over the network, and from there to ours.
 */
import { Network, Protocol } from "@ephor/network"
import type { Collator } from "@ephor/backing"
import type { NewCandidate } from "@ephor/overseer"
import { Effect, Layer, Metric, Option, Result, Stream } from "effect"
import { Validators } from "../Validators.ts"
import type { OwnValidator } from "./Membership.ts"
import * as Protocols from "./Protocols.ts"

/** Change of the reputation of a peer whose collation is none. */
const costMalformed = -500

const malformed = Metric.counter("node_collations_malformed_total", {
  description: "Collations of peers that do not decode",
  incremental: true
})

/** Sends a collation to the process of a validator; one that is not connected misses it. */
export const send = (network: Network.Service) =>
  Effect.fnUntraced(function* (target: Collator.Target, candidate: NewCandidate) {
    const peer = yield* network.peerOf(target.key)
    if (Option.isNone(peer)) return
    yield* network
      .notify(Protocol.collation, [peer.value.id], Protocols.candidate.encode(candidate))
      .pipe(
        Effect.catch((error) =>
          Effect.logWarning(`a collation is not sent to validator ${target.index}: ${error.message}`)
        )
      )
  })

/** Takes collations from peers to our validator. The collator's signature is checked with the candidate. */
export const layer = ({
  index,
  key
}: OwnValidator): Layer.Layer<never, never, Network.Network | Validators> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const network = yield* Network.Network
      const { offer } = yield* Validators
      yield* network.eventsOf(Protocol.collation).pipe(
        Stream.runForEach((event) => {
          if (event._tag !== "PeerMessage") return Effect.void
          const candidate = Protocols.candidate.decode(event.bytes)
          return Result.isSuccess(candidate)
            ? offer({ index, key }, candidate.success)
            : Effect.andThen(
                Metric.update(malformed, 1),
                network.report(event.peer, costMalformed, "a collation that does not decode")
              )
        }),
        Effect.forkScoped({ startImmediately: true })
      )
    })
  )
