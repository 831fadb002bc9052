/** Three peers, and what the tests do with each of them. */
import type { Hash, ValidatorId } from "@ephor/types"
import { Effect, Queue, type Scope, Stream } from "effect"
import type { NetworkEvent, Service } from "../../Network.ts"

/**
 * Three peers that are connected with each other. The network names two validators: `alice`, who has proved to be
 * `authorityOfAlice`, and `bob`, who has proved to be the other one. `carol` is none.
 */
export interface Trio {
  readonly alice: Service
  readonly bob: Service
  readonly carol: Service
  readonly authorityOfAlice: ValidatorId
}

/** Declares a test of three peers. */
export type Test = (what: string, body: (peers: Trio) => Effect.Effect<void, unknown, Scope.Scope>) => void

/** Text as bytes. */
export const bytes = (text: string) => new TextEncoder().encode(text)
/** Bytes as text. */
export const text = (of: Uint8Array) => new TextDecoder().decode(of)
/** Hash of a block. */
export const head = (n: number): Hash => `0x${n.toString(16).padStart(64, "0")}`

/** Subscribes, and gives the events one by one. */
export const listen = Effect.fnUntraced(function* (events: Stream.Stream<NetworkEvent>) {
  const queue = yield* Queue.unbounded<NetworkEvent>()
  yield* Effect.forkScoped(
    Stream.runForEach(events, (event) => Queue.offer(queue, event)),
    {
      startImmediately: true
    }
  )
  const next = <Tag extends NetworkEvent["_tag"]>(tag: Tag) =>
    Effect.gen(function* () {
      while (true) {
        const event = yield* Queue.take(queue)
        if (event._tag === tag) return event as Extract<NetworkEvent, { readonly _tag: Tag }>
      }
    })
  return { next, rest: Queue.clear(queue) }
})
