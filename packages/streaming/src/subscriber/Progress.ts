/**
 * Whether a publisher gets us anywhere: how long nothing has been certified or processed, and whether we gain on it. Pure.
 */
import type { SubscriberConfig } from "../SubscriberConfig.ts"

/** Who catches up is faster than the committee: commits must come this much faster than they were made. */
const catchUpPace = 1.25

/** Where we are at a moment. */
export interface Measured {
  readonly nowMs: number
  /** The last commit that links, the last certified one, and the last one that the application has processed. */
  readonly head: number
  readonly certified: number
  readonly processed: number
  readonly lag: number | undefined
  /** Certified commits that the application has not taken yet, and whether there is no place for more. */
  readonly untaken: number
  readonly isFull: boolean
  /** Whether only blocks are streamed: then commits come when they come. */
  readonly isBlocksOnly: boolean
}

/** See the head of the file. */
export class Progress {
  readonly #progressMs: number
  /** When the last certified commit was made, by the committee's clock. */
  madeMs = 0
  #place = ""
  #placeMovedMs = 0
  #progress = ""
  #progressedMs = 0
  /** Since when we are behind this publisher, and what `madeMs` was then. */
  #behind: { readonly sinceMs: number; readonly madeMs: number } | undefined

  constructor({ progressMs }: Pick<SubscriberConfig, "progressMs">) {
    this.#progressMs = progressMs
  }

  /** Begins anew, with another publisher. */
  begin(nowMs: number): void {
    this.#progressedMs = nowMs
    this.#placeMovedMs = nowMs
    this.#behind = undefined
  }

  /** How long no commit has linked or was certified, at the moment of the last `fault`. */
  unmovedMs(nowMs: number): number {
    return nowMs - this.#placeMovedMs
  }

  /** Takes a measure; tells what is wrong with the publisher, if anything is. */
  fault(measured: Measured): string | undefined {
    const { certified, head, isBlocksOnly, lag, nowMs, processed } = measured
    const place = `${head}/${certified}`
    if (place !== this.#place) {
      this.#place = place
      this.#placeMovedMs = nowMs
    }
    // What a publisher sends is no progress until votes have certified it.
    const progress = `${certified}/${processed}`
    if (progress !== this.#progress || lag === 0 || isBlocksOnly) {
      this.#progress = progress
      this.#progressedMs = nowMs
    }
    const stuckMs = nowMs - this.#progressedMs
    if (stuckMs >= this.#progressMs) return `no commit for ${stuckMs} ms at a lag of ${lag ?? "unknown"}`
    return this.#gains(measured) ? undefined : "commits come no faster than they are made"
  }

  /** Whether we gain on a publisher that claims to be ahead: one that does not is slow, or boasts. */
  #gains({ isBlocksOnly, isFull, lag, nowMs, untaken }: Measured): boolean {
    // What the application has not taken yet is not the publisher's fault.
    const ahead = (lag ?? 0) > untaken && !isBlocksOnly && !isFull
    const began = this.#behind
    const elapsedMs = nowMs - (began?.sinceMs ?? nowMs)
    if (ahead && began !== undefined && elapsedMs < this.#progressMs) return true
    this.#behind = ahead ? { sinceMs: nowMs, madeMs: this.madeMs } : undefined
    return !ahead || began === undefined || this.madeMs - began.madeMs >= elapsedMs * catchUpPace
  }
}
