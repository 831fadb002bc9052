/** Bounds of the status feed: apart from it, since settings name them before anything else is loaded. */

/** Bounds of a feed. */
export interface Limits {
  /** Time between two events of a stream, in milliseconds. */
  readonly intervalMs: number
  /** Streams that are open at a time; more are answered with 503. */
  readonly streams: number
}

/** One event a second, for 64 pages. */
export const defaults: Limits = { intervalMs: 1000, streams: 64 }
