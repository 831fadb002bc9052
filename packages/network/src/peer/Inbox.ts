/**
 * What one subscriber has not read yet. A peer may fill its own share and no more: what exceeds it is dropped and
 * counted. Of several unread views of one peer only the last is kept.
 */
import { type Cause, Effect, Metric, Queue, type Scope, Stream } from "effect"
import * as Metrics from "../Metrics.ts"
import type { NetworkEvent, PeerId } from "../Network.ts"

interface Entry {
  event: NetworkEvent
}

/** The share of one peer. */
export interface InboxLimits {
  readonly inboundPerPeer: number
  readonly inboundBytesPerPeer: number
}

interface Unread {
  messages: number
  bytes: number
}

export class Inbox {
  readonly #limits: InboxLimits
  readonly #protocol: string | undefined
  readonly #queue: Queue.Queue<Entry, Cause.Done>
  readonly #unread = new Map<PeerId, Unread>()
  readonly #views = new Map<PeerId, Entry>()
  dropped = 0

  private constructor(
    queue: Queue.Queue<Entry, Cause.Done>,
    limits: InboxLimits,
    protocol: string | undefined
  ) {
    this.#queue = queue
    this.#limits = limits
    this.#protocol = protocol
  }

  static make(limits: InboxLimits, protocol?: string): Effect.Effect<Inbox, never, Scope.Scope> {
    return Effect.map(
      Effect.acquireRelease(Queue.unbounded<Entry, Cause.Done>(), (queue) => Queue.shutdown(queue)),
      (queue) => new Inbox(queue, limits, protocol)
    )
  }

  push(event: NetworkEvent): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (event._tag === "PeerMessage") {
        if (this.#protocol !== undefined && this.#protocol !== event.protocol) return Effect.void
        const unread = this.#unread.get(event.peer) ?? { messages: 0, bytes: 0 }
        const bytes = unread.bytes + event.bytes.length
        const { inboundBytesPerPeer, inboundPerPeer } = this.#limits
        if (unread.messages >= inboundPerPeer || bytes > inboundBytesPerPeer) {
          this.dropped++
          return Metric.update(Metric.withAttributes(Metrics.dropped, { protocol: event.protocol }), 1)
        }
        this.#unread.set(event.peer, { messages: unread.messages + 1, bytes })
      }
      const entry: Entry = { event }
      if (event._tag === "PeerViewChange") {
        const last = this.#views.get(event.peer)
        if (last !== undefined) {
          last.event = event
          return Effect.void
        }
        this.#views.set(event.peer, entry)
      } else if (event._tag === "PeerDisconnected") {
        this.#views.delete(event.peer)
      }
      Queue.offerUnsafe(this.#queue, entry)
      return Effect.void
    })
  }

  get stream(): Stream.Stream<NetworkEvent> {
    return Stream.fromQueue(this.#queue).pipe(
      Stream.mapArray((entries) => {
        const events = entries.map(({ event }) => event)
        for (const event of events) this.#taken(event)
        return events as [NetworkEvent, ...Array<NetworkEvent>]
      })
    )
  }

  #taken(event: NetworkEvent): void {
    if (event._tag === "PeerViewChange") this.#views.delete(event.peer)
    if (event._tag !== "PeerMessage") return
    const unread = this.#unread.get(event.peer)
    if (unread === undefined) return
    unread.messages--
    unread.bytes -= event.bytes.length
    if (unread.messages === 0) this.#unread.delete(event.peer)
  }
}
