/**
 * What validators have gossiped lately: whoever repeats a lie, or says more than there can be to say, is found out before its
 * message is read. Who repeats what is good may have missed our answer. Plain data, in places that each validator has for itself.
 */
import { blake2b256, type Hash, type ValidatorId } from "@ephor/types"

/** Bounds of what is remembered. */
export interface Limits {
  /** Lies of one validator that are remembered; the oldest is forgotten first. */
  readonly liesPerValidator: number
  /** Messages that one validator may send in `windowMs`; more of them are a flood. */
  readonly messagesPerWindow: number
  /** Milliseconds in which messages are counted. */
  readonly windowMs: number
  /** Validators that are remembered, and messages that were taken; the oldest are forgotten first. */
  readonly maxHeard: number
}

interface Voice {
  readonly lies: Set<Hash>
  readonly atMs: Array<number>
}

const dropOldest = (entries: Set<any> | Map<any, any>, limit: number) => {
  for (const oldest of entries.keys()) {
    if (entries.size <= limit) return
    entries.delete(oldest)
  }
}

/** What to do with a message: `taken` was stored before, `pending` is being checked. */
export type Heed = "new" | "taken" | "pending" | "duplicate" | "flood"

/** Changed in place; it belongs to one database. */
export class Heard {
  readonly #limits: Limits
  readonly #voices = new Map<ValidatorId, Voice>()
  readonly #taken = new Set<Hash>()
  /** Bounded by the requests that are handled at a time. */
  readonly #pending = new Set<Hash>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** The name of a message: who says the same says it in the same bytes. */
  static nameOf(bytes: Uint8Array): Hash {
    return blake2b256(bytes)
  }

  /** Notes that a validator has said something. What is new is pending until `end`. */
  hear(validator: ValidatorId, name: Hash, nowMs: number): Heed {
    const { maxHeard, messagesPerWindow, windowMs } = this.#limits
    const voice = this.#voices.get(validator) ?? { lies: new Set(), atMs: [] }
    this.#voices.delete(validator)
    this.#voices.set(validator, voice)
    dropOldest(this.#voices, maxHeard)
    while (voice.atMs.length > 0 && voice.atMs[0]! <= nowMs - windowMs) voice.atMs.shift()
    if (voice.atMs.length >= messagesPerWindow) return "flood"
    voice.atMs.push(nowMs)
    if (voice.lies.has(name)) return "duplicate"
    if (this.#taken.has(name)) return "taken"
    if (this.#pending.has(name)) return "pending"
    this.#pending.add(name)
    return "new"
  }

  /** Notes what became of a message; one that was refused for what may pass may be said again. */
  end(validator: ValidatorId, name: Hash, what: "taken" | "lie" | "refused"): void {
    this.#pending.delete(name)
    if (what === "taken") {
      this.#taken.add(name)
      dropOldest(this.#taken, this.#limits.maxHeard)
    }
    const lies = this.#voices.get(validator)?.lies
    if (what !== "lie" || lies === undefined) return
    lies.add(name)
    dropOldest(lies, this.#limits.liesPerValidator)
  }
}
