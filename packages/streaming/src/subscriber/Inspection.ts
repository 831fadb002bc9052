/**
 * The inspection of blocks as they come: opens them, verifies them, and counts what is wrong with them.
 */
import { Effect, Metric, Result } from "effect"
import { Elapsed } from "@ephor/types"
import type { ObservedBlock, Service as Verifier } from "../BlockVerifier.ts"
import * as Metrics from "../Metrics.ts"
import type { Forged } from "../ObserverError.ts"
import type { SubscriberConfig } from "../SubscriberConfig.ts"

/** See the head of the file. */
export class Inspection {
  readonly #verifier: Verifier
  readonly #maxBadBlocksPerMinute: number
  readonly #counts: { bytes: number; verified: number; rejected: number }
  /** Times of bad blocks in the last minute. */
  #bad: Array<number> = []

  constructor(
    config: Pick<SubscriberConfig, "maxBadBlocksPerMinute">,
    verifier: Verifier,
    counts = { bytes: 0, verified: 0, rejected: 0 }
  ) {
    this.#verifier = verifier
    this.#maxBadBlocksPerMinute = config.maxBadBlocksPerMinute
    this.#counts = counts
  }

  /** The same for another publisher at the same time: what is wrong there is not held against this one. */
  beside(): Inspection {
    return new Inspection(
      { maxBadBlocksPerMinute: this.#maxBadBlocksPerMinute },
      this.#verifier,
      this.#counts
    )
  }

  /** Bytes that came, blocks that were verified, and blocks that were dropped. */
  get counts(): { readonly bytes: number; readonly verified: number; readonly rejected: number } {
    return this.#counts
  }

  /** Begins anew, with another publisher. */
  begin(): void {
    this.#bad = []
  }

  /** Opens a block. */
  open(bytes: Uint8Array): Result.Result<ObservedBlock, Forged> {
    this.#counts.bytes += bytes.length
    return this.#verifier.open(bytes)
  }

  /** Opens blocks of the commit stream: a bad one condemns it. */
  readonly openAll = Effect.fnUntraced(
    { self: this },
    function* (this: Inspection, all: ReadonlyArray<Uint8Array>) {
      const blocks: Array<ObservedBlock> = []
      for (const bytes of all) {
        const block = this.open(bytes)
        if (Result.isFailure(block)) {
          yield* this.drop()
          return yield* block.failure
        }
        blocks.push(block.success)
      }
      return blocks
    }
  )

  /** Checks a block's signature and rules. */
  verify(block: ObservedBlock): Effect.Effect<void, Forged> {
    return Effect.map(this.#verifier.verify(block), () => {
      this.#counts.verified++
    })
  }

  /** Drops a block that is not wanted. */
  drop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#counts.rejected++
      return Metric.update(Metrics.blocksRejected, 1)
    })
  }

  /** Drops a bad block; fails with the one that is too many in a minute. */
  readonly reject = Effect.fnUntraced({ self: this }, function* (this: Inspection, forged: Forged) {
    const nowMs = yield* Elapsed.ms
    this.#bad = [...this.#bad.filter((atMs) => nowMs - atMs < 60_000), nowMs]
    yield* this.drop()
    yield* Effect.logDebug("bad block dropped", forged.message)
    if (this.#bad.length > this.#maxBadBlocksPerMinute) return yield* forged
    return undefined
  })
}
