import { type Cause, Effect, Metric, Queue, Stream } from "effect"
import type { ChainEvent } from "../ChainEvent.ts"
import { subscribersDropped } from "../Metrics.ts"

/** Tells events to every running stream, in order: one queue each, filled in one synchronous loop. */
export const makeEventHub = Effect.fnUntraced(function* (eventBacklog: number) {
  const queues = new Set<Queue.Queue<ChainEvent, Cause.Done>>()
  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      for (const queue of queues) Queue.endUnsafe(queue)
    })
  )
  const subscribe = Effect.acquireRelease(
    Effect.map(Queue.unbounded<ChainEvent, Cause.Done>(), (queue) => {
      if (closed) Queue.endUnsafe(queue)
      else queues.add(queue)
      return queue
    }),
    (queue) => Effect.sync(() => queues.delete(queue))
  )
  const drop = (queue: Queue.Queue<ChainEvent, Cause.Done>) => {
    queues.delete(queue)
    Queue.endUnsafe(queue)
    return Effect.andThen(
      Metric.update(subscribersDropped, 1),
      Effect.logWarning(`a reader of chain events lags more than ${eventBacklog} events: its stream ends`)
    )
  }
  return {
    events: Stream.unwrap(Effect.map(subscribe, (queue) => Stream.fromQueue(queue))),
    /** Hands the events over at once; readers that lag too far are dropped. */
    publish: (events: ReadonlyArray<ChainEvent>): Effect.Effect<void> =>
      Effect.suspend(() => {
        const dropped: Array<Effect.Effect<void>> = []
        for (const queue of queues) {
          if (Queue.sizeUnsafe(queue) + events.length > eventBacklog) dropped.push(drop(queue))
          else Queue.offerAllUnsafe(queue, events)
        }
        return dropped.length === 0 ? Effect.void : Effect.all(dropped, { discard: true })
      })
  }
})
