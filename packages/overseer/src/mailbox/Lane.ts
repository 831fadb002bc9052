/** The lanes of a mailbox, and what they are given and count. */
import { type Scheduler } from "effect"
import { type Stopwatch } from "./MessageLane.ts"

/** Lanes in the order in which they are read. */
export type Lane = "signal" | "now" | "priority" | "bulk"

/** How much a mailbox holds before senders wait. */
export interface Capacities {
  /** Signals that may wait before the overseer itself waits. */
  readonly signal: number
  /** Messages in the bulk lane, and as many again in the priority lane if there is one. */
  readonly message: number
}

/** What a mailbox may be given; without anything it has the default capacities, and times nothing. */
export interface Options extends Partial<Capacities> {
  /** Whether there is a priority lane; without it, what is sent with priority goes to the bulk lane. */
  readonly priority?: boolean | undefined
  /** Takes the times of flight. */
  readonly clock?: Stopwatch | undefined
  /** Wakes the reader. One that many mailboxes share wakes all of their readers in one turn. */
  readonly dispatcher?: Scheduler.SchedulerDispatcher | undefined
}

/** Capacities where nothing else is said: those of the Polkadot overseer. */
export const defaults: Capacities = { signal: 64, message: 2048 }

/** Counts since the start, and what waits now. */
export interface LaneMeter {
  readonly sent: number
  readonly received: number
  /** Sends that had to wait for room. */
  readonly blocked: number
  readonly length: number
}
