/**
 * What collators have earned, by their key: a new connection, under whatever name, finds it as it was. Plain arithmetic is
 * that of `Reputation`; this remembers it.
 */
import { Reputation } from "@ephor/network"
import type { CollatorId } from "@ephor/types"
import { Recent } from "../shared/Recent.ts"

/** The standings of so many collators; the one that changed longest ago is forgotten first. */
export class Standing {
  readonly #limits: Reputation.ReputationLimits
  readonly #known: Recent<CollatorId, Reputation.Reputation>

  constructor(limits: Reputation.ReputationLimits, maxCollators: number) {
    this.#limits = limits
    this.#known = new Recent(maxCollators)
  }

  /** What the standing of a collator is worth now. */
  valueAt(collator: CollatorId, nowMs: number): number {
    return Reputation.valueAt(this.#known.get(collator) ?? Reputation.unknown, nowMs, this.#limits)
  }

  change(collator: CollatorId, by: number, nowMs: number): void {
    const known = this.#known.get(collator) ?? Reputation.unknown
    this.#known.set(collator, Reputation.change(known, by, nowMs, this.#limits))
  }

  /** Milliseconds until the collator is listened to again; 0 if it is. */
  banRemainingMs(collator: CollatorId, nowMs: number): number {
    const known = this.#known.get(collator)
    return known === undefined ? 0 : Reputation.banRemainingMs(known, nowMs, this.#limits)
  }
}
