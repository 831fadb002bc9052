/**
 * Who gets the events of a node: one live subscriber, or a queue that is pulled from. Pure; the server drives it.
 *
 * At most one subscription is live; a new one replaces it, which the server tells it, and discards what was
 * queued. While one is live
 * nothing is queued; while none is, the newest `limit` events are. Pulling cancels the live subscription.
 */

/** The live subscription, if any, and what waits to be pulled, oldest first. */
export interface EventQueue<A> {
  readonly live: string | undefined
  readonly waiting: ReadonlyArray<A>
}

/** Nobody listens and nothing waits. */
export const empty: EventQueue<never> = { live: undefined, waiting: [] }

/** A new subscription takes over. */
export const subscribe = <A>(_queue: EventQueue<A>, subscription: string): EventQueue<A> => ({
  live: subscription,
  waiting: []
})

/** The subscription is over, if it was the live one. */
export const unsubscribe = <A>(queue: EventQueue<A>, subscription: string): EventQueue<A> =>
  queue.live === subscription ? { live: undefined, waiting: [] } : queue

/** An event happened. `to` is the subscription to notify; without one it was queued, and `dropped` tells at what price. */
export const offer = <A>(
  queue: EventQueue<A>,
  event: A,
  limit: number
): { readonly queue: EventQueue<A>; readonly to: string | undefined; readonly dropped: number } => {
  if (queue.live !== undefined) return { queue, to: queue.live, dropped: 0 }
  const waiting = [...queue.waiting, event]
  const dropped = Math.max(0, waiting.length - limit)
  return { queue: { live: undefined, waiting: waiting.slice(dropped) }, to: undefined, dropped }
}

/** Somebody pulls. `closed` is the subscription that this cancels; `event` is missing when nothing waits. */
export const pull = <A>(
  queue: EventQueue<A>
): { readonly queue: EventQueue<A>; readonly closed: string | undefined; readonly event: A | undefined } => {
  const [event, ...waiting] = queue.waiting
  return { queue: { live: undefined, waiting }, closed: queue.live, event }
}
