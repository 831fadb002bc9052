/** Peers of one network in memory: our own, and others that a test plays by hand. */
import { Context, Effect, Layer, Stream } from "effect"
import { MemoryNetwork, Network, type Protocol, type View } from "@ephor/network"
import * as World from "./world.ts"

/** A new network. */
export const makeHub = Effect.map(Layer.build(Layer.fresh(MemoryNetwork.layer())), (context) =>
  Context.get(context, MemoryNetwork.MemoryNetwork)
)

/** One more peer, with the key of a validator. */
export const join = (hub: MemoryNetwork.Service, id: string, validator: number) =>
  hub.join({ id, authority: World.validators[validator] })

export const layer = (service: Network.Service) => Layer.succeed(Network.Network, service)

/** What a peer that is played by hand hears from now on. */
export const listen = Effect.fnUntraced(function* (
  peer: Network.Service,
  protocol: Protocol.NotificationProtocol
) {
  const heard: Array<Uint8Array> = []
  const views = new Map<string, View.View>()
  yield* peer.eventsOf(protocol).pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event._tag === "PeerMessage") heard.push(event.bytes)
        if (event._tag === "PeerViewChange") views.set(event.peer, event.view)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return { heard, views }
})
