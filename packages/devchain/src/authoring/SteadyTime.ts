/**
 * The time of day as a maker of blocks believes it. Timestamps never go back, so a clock that is a day ahead for one block
 * would stop them for a day: what the clock jumps to is believed only when it stays there. Pure.
 */

/** How far the clock may move against time that passes and still be believed at once: what NTP slews. */
export const believedMs = 1000

/** How long the clock must stay where it jumped to. */
export const settleMs = 30_000

/** Where a clock stands against a monotonic one. */
export class SteadyTime {
  #offsetMs: number | undefined
  #jumped: { readonly offsetMs: number; readonly sinceMs: number } | undefined

  /** The time in milliseconds, from what both clocks say at this moment. */
  at(wallMs: number, elapsedMs: number): number {
    const offsetMs = wallMs - elapsedMs
    const near = (other: number | undefined) =>
      other === undefined || Math.abs(offsetMs - other) <= believedMs
    if (near(this.#offsetMs)) {
      this.#offsetMs = offsetMs
      this.#jumped = undefined
    } else if (this.#jumped === undefined || !near(this.#jumped.offsetMs)) {
      this.#jumped = { offsetMs, sinceMs: elapsedMs }
    } else if (elapsedMs - this.#jumped.sinceMs >= settleMs) {
      this.#offsetMs = offsetMs
      this.#jumped = undefined
    }
    return elapsedMs + this.#offsetMs!
  }
}
