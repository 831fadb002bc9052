/**
 * How much goes into one response: many items to a subscriber that is far behind, one to a subscriber at the tip
 * (observer-streaming, "Batching Strategy"). A tier is a maximum: what is ready is sent at once, never held back.
 */

/** Limits of one response. */
export interface BatchLimits {
  /**
   * Soft cap of an encoded response in bytes. Default 4 MiB - 64 KiB, so that peers with gRPC's default limit of
   * 4 194 304 bytes can read it. An item above the cap is sent alone.
   */
  readonly softBytes: number
  /** Hard cap of an encoded response in bytes; an item above it ends the stream. Default 64 MiB. */
  readonly hardBytes: number
}

/** What a subscriber has asked for; it can only lower what the policy allows. */
export interface BatchWishes {
  readonly maxBatchItems?: number
  readonly maxBatchBytes?: number
}

/** Documented defaults. */
export const defaults: BatchLimits = { softBytes: 4 * 1024 * 1024 - 64 * 1024, hardBytes: 64 * 1024 * 1024 }

/** The most items that a response to a subscriber with this lag may carry. */
export const size = (lag: number): number => (lag > 1000 ? 100 : lag > 100 ? 20 : lag > 10 ? 5 : 1)

/** The limits of a publisher, lowered to what a subscriber has asked for. */
export const lowered = (limits: BatchLimits, { maxBatchBytes = Infinity }: BatchWishes): BatchLimits =>
  limits.softBytes <= maxBatchBytes ? limits : { ...limits, softBytes: maxBatchBytes }

/** `size` of a subscriber that has asked for no more than so many items. */
export const wishedSize = (lag: number, { maxBatchItems = Infinity }: BatchWishes): number =>
  Math.min(size(lag), maxBatchItems)

/**
 * How many of the first items fit one response: at most `most`, at most `softBytes`, and always the first.
 * `sizeOf` is the encoded size of an item in bytes.
 */
export const take = <A>(
  items: ReadonlyArray<A>,
  from: number,
  most: number,
  sizeOf: (item: A) => number,
  limits: BatchLimits = defaults
): number => {
  const there = Math.min(most, items.length - from)
  let bytes = 0
  for (let count = 0; count < there; count++) {
    bytes += sizeOf(items[from + count]!)
    if (bytes > limits.softBytes) return Math.max(1, count)
  }
  return there
}

/** The first items that one response to a subscriber with these wishes may carry: at least one, if there is any. */
export const fitting = <A>(
  items: ReadonlyArray<A>,
  sizeOf: (item: A) => number,
  limits: BatchLimits,
  wishes: BatchWishes
): ReadonlyArray<A> => {
  const { maxBatchItems = items.length } = wishes
  return items.slice(0, take(items, 0, maxBatchItems, sizeOf, lowered(limits, wishes)))
}
