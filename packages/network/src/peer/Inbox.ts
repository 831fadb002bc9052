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

export class Inbox {
  readonly #limit: number
  readonly #protocol: string | undefined
  readonly #queue: Queue.Queue<Entry, Cause.Done>
  readonly #unread = new Map<PeerId, number>()
  readonly #views = new Map<PeerId, Entry>()
  dropped = 0

  private constructor(queue: Queue.Queue<Entry, Cause.Done>, limit: number, protocol: string | undefined) {
    this.#queue = queue
    this.#limit = limit
    this.#protocol = protocol
  }

  static make(limit: number, protocol?: string): Effect.Effect<Inbox, never, Scope.Scope> {
    return Effect.map(
      Effect.acquireRelease(Queue.unbounded<Entry, Cause.Done>(), (queue) => Queue.shutdown(queue)),
      (queue) => new Inbox(queue, limit, protocol)
    )
  }

  push(event: NetworkEvent): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (event._tag === "PeerMessage") {
        if (this.#protocol !== undefined && this.#protocol !== event.protocol) return Effect.void
        const unread = this.#unread.get(event.peer) ?? 0
        if (unread >= this.#limit) {
          this.dropped++
          return Metric.update(Metric.withAttributes(Metrics.dropped, { protocol: event.protocol }), 1)
        }
        this.#unread.set(event.peer, unread + 1)
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
    const left = this.#unread.get(event.peer)! - 1
    if (left > 0) this.#unread.set(event.peer, left)
    else this.#unread.delete(event.peer)
  }
}
