/**
 * Finds the subsystem that has left a signal untaken for too long. All mailboxes get all signals, so one list of the
 * moments of sending serves all of them.
 */
import type { Mailbox } from "../Mailbox.ts"
import type { Signal } from "../Signal.ts"
import { Fifo } from "../mailbox/Fifo.ts"

/** A subsystem that is being watched. */
export interface Watched {
  readonly mailbox: Mailbox<any>
  /** When its runner started: what was sent before counts from here. */
  readonly startedAtMs: number
}

/** The oldest signal that somebody has not taken. */
export interface Untaken {
  readonly name: string
  readonly tag: Signal["_tag"]
  readonly sinceMs: number
}

export class SignalWatch {
  readonly #sent = new Fifo<{ readonly tag: Signal["_tag"]; readonly atMs: number }>()
  /** Number of the first signal in `#sent`. */
  #first = 0

  /** Remembers a broadcast. */
  note(tag: Signal["_tag"], atMs: number): void {
    this.#sent.push({ tag, atMs })
  }

  /** The oldest untaken signal among the watched, and forgets what all of `mailboxes` have taken. */
  oldest(watched: Iterable<Watched>, mailboxes: Iterable<Mailbox<any>>): Untaken | undefined {
    let lowest = Number.POSITIVE_INFINITY
    for (const mailbox of mailboxes) if (!mailbox.closed) lowest = Math.min(lowest, mailbox.signalsReceived)
    while (this.#first < lowest && this.#sent.length > 0) {
      this.#sent.shift()
      this.#first++
    }
    let oldest: Untaken | undefined
    for (const { mailbox, startedAtMs } of watched) {
      const signal = this.#sent.at(mailbox.signalsReceived - this.#first)
      if (signal === undefined) continue
      const sinceMs = Math.max(signal.atMs, startedAtMs)
      if (oldest === undefined || sinceMs < oldest.sinceMs)
        oldest = { name: mailbox.name, tag: signal.tag, sinceMs }
    }
    return oldest
  }
}
