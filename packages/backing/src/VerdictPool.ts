/**
 * Rewards and slashes that wait for a block. They are unsigned transactions (votes-db, "Incoming message"): true whatever
 * block takes them, so they outlive the leaf under which they were given, for a while.
 */
import type { ProvisionableData } from "@ephor/types"

/** Rewards and slashes after a hearing about a candidate. */
export type Verdicts = Extract<ProvisionableData, { readonly _tag: "Verdicts" }>

/** Bounds of the pool. */
export interface Limits {
  /** Blocks for which verdicts are offered. */
  readonly longevityBlocks: number
  /** Verdicts of hearings that wait; beyond, the oldest go. */
  readonly capacity: number
}

/** Bounds that apply where none are given. */
export const defaults: Limits = { longevityBlocks: 64, capacity: 256 }

/** Verdicts with the height at which they came. */
export class VerdictPool {
  readonly #limits: Limits
  readonly #waiting: Array<readonly [since: number, verdicts: Verdicts]> = []
  #height = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** The height of the newest block that was worked on. */
  get height(): number {
    return this.#height
  }

  /** Verdicts from below this height are not offered any more. */
  get oldest(): number {
    return this.#height - this.#limits.longevityBlocks
  }

  /** What of these verdicts does not wait already; nothing if all of it does. */
  fresh(verdicts: Verdicts): Verdicts | undefined {
    const waiting = new Set(
      this.#waiting
        .filter(
          ([, other]) => other.session === verdicts.session && other.candidateHash === verdicts.candidateHash
        )
        .flatMap(([, other]) => other.verdicts.map(({ validatorIndex }) => validatorIndex))
    )
    const rest = verdicts.verdicts.filter(({ validatorIndex }) => !waiting.has(validatorIndex))
    return rest.length === 0 ? undefined : { ...verdicts, verdicts: rest }
  }

  /** Takes verdicts in that came at a height, the present one if not said; how many had to go for them. */
  add(verdicts: Verdicts, since: number = this.#height): number {
    this.#waiting.push([since, verdicts])
    return this.#waiting.splice(0, this.#waiting.length - this.#limits.capacity).length
  }

  /** A block of this height is worked on: what it should be offered. What is too old is gone from now on. */
  at(height: number): ReadonlyArray<Verdicts> {
    this.#height = Math.max(this.#height, height)
    const { oldest } = this
    // In the order in which they came, so also in that of their heights.
    const kept = this.#waiting.findIndex(([since]) => since >= oldest)
    this.#waiting.splice(0, kept < 0 ? this.#waiting.length : kept)
    return this.#waiting.map(([, verdicts]) => verdicts)
  }
}
