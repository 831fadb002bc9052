/**
 * Which publishers refuse us for good. Whatever stands before a publisher (a proxy, a balancer, an ingress) may answer
 * anything for a while, so one refusal says little: final is what a publisher has said on fresh streams, again and again
 * and without a break, for a time. Pure; the clock is the caller's.
 */
import {
  InvalidArgument,
  ObserverError,
  type ObserverErrorReason,
  Refused,
  Unimplemented
} from "../ObserverError.ts"

/** Reasons that trying again will not change, if they stay. */
const refusing: ReadonlySet<ObserverErrorReason["_tag"]> = new Set([
  "OutOfRange",
  "Unimplemented",
  "Refused",
  "Misconfigured",
  "InvalidArgument"
])

/** What one publisher has said without a break. */
interface Row {
  readonly sinceMs: number
  readonly times: number
  readonly error: ObserverError
}

/** A publisher, by its place among the peers, and its last word. */
export interface Final {
  readonly peer: number
  readonly error: ObserverError
}

/** Refusals of each publisher since it was last of any use. */
export class Refusals {
  readonly #rows = new Map<number, Row>()
  readonly #giveUpMs: number

  constructor(giveUpMs: number) {
    this.#giveUpMs = giveUpMs
  }

  /** Somebody was of use: what was said before does not count. */
  clear(): void {
    this.#rows.clear()
  }

  /** Notes how a session with a publisher has ended. */
  note(peer: number, error: ObserverError, nowMs: number): void {
    if (!refusing.has(error.reason._tag)) {
      this.#rows.delete(peer)
      return
    }
    const { sinceMs, times } = this.#rows.get(peer) ?? { sinceMs: nowMs, times: 0 }
    this.#rows.set(peer, { sinceMs, times: times + 1, error })
  }

  /** The last words of all publishers, if every one of them refuses for good. */
  verdict(names: ReadonlyArray<string>, nowMs: number): ReadonlyArray<Final> | undefined {
    const finals: Array<Final> = []
    for (const [peer, name] of names.entries()) {
      const row = this.#rows.get(peer)
      if (row === undefined || !this.#isFinal(row, nowMs)) return undefined
      finals.push({ peer, error: sentence(name, row, nowMs) })
    }
    return finals
  }

  #isFinal({ error, sinceMs, times }: Row, nowMs: number): boolean {
    // Our own settings do not change by waiting.
    if (error.reason._tag === "Misconfigured") return true
    return times > 1 && nowMs - sinceMs >= this.#giveUpMs
  }
}

/** The last word with the publisher's name, how often it was said, and what to do about it. */
const sentence = (name: string, { error, sinceMs, times }: Row, nowMs: number): ObserverError => {
  const { reason } = error
  const again = `${times} times in ${Math.round((nowMs - sinceMs) / 1000)} s`
  const told = (what: string, advice: string) => `${what} (${again}): ${advice}, or follow another publisher`
  switch (reason._tag) {
    case "Refused":
      return new ObserverError({
        where: name,
        reason: new Refused({ why: told(reason.why, "give a token or a key that it knows") })
      })
    case "InvalidArgument":
      return new ObserverError({
        where: name,
        reason: new InvalidArgument({
          why: told(reason.why, "check that the committee is that of its chain")
        })
      })
    case "Unimplemented": {
      const advice = told("it has said so", "check its address, and the package of its services")
      return new ObserverError({ where: name, reason: new Unimplemented({ what: reason.what, advice }) })
    }
    default:
      return error
  }
}
