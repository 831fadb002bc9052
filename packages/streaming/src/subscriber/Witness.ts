/**
 * Who tells of authors that have signed two blocks for one place: what is reported is verified before.
 */
import { Effect, Metric, Queue } from "effect"
import type { DagBlockRef, Round } from "@ephor/types"
import type { ObservedBlock, Service as Verifier } from "../BlockVerifier.ts"
import * as Metrics from "../Metrics.ts"
import type { SubscriberConfig } from "../SubscriberConfig.ts"
import { type Equivocation, Equivocations } from "./Equivocations.ts"

/** See the head of the file. */
export class Witness {
  /** Reports for the application; the oldest go when nobody takes them. */
  readonly queue: Queue.Queue<Equivocation>
  readonly #slots: Equivocations
  readonly #verifier: Verifier
  #reported = 0

  private constructor(config: SubscriberConfig, verifier: Verifier, queue: Queue.Queue<Equivocation>) {
    this.queue = queue
    this.#slots = new Equivocations(config.maxBlocksPerSlot)
    this.#verifier = verifier
  }

  static make(config: SubscriberConfig, verifier: Verifier): Effect.Effect<Witness> {
    return Effect.map(
      Queue.sliding<Equivocation>(config.maxEquivocations),
      (queue) => new Witness(config, verifier, queue)
    )
  }

  /** Reports so far. */
  get reported(): number {
    return this.#reported
  }

  /** Whether an author has made so many blocks for this place that no further one is worth keeping. */
  isFull(place: DagBlockRef): boolean {
    return this.#slots.isFull(place)
  }

  /** Forgets a round and those below. */
  forget(upTo: Round): void {
    this.#slots.forget(upTo)
  }

  /** Reports an author who has made another block for the same place, when both are really its own. */
  see(block: ObservedBlock): Effect.Effect<void> {
    const first = this.#slots.note(block)
    if (first === undefined) return Effect.void
    const { author, round } = block.ref
    const report = Effect.suspend(() => {
      this.#reported++
      Queue.offerUnsafe(this.queue, { author, round, blocks: [first, block] })
      return Effect.andThen(
        Metric.update(Metrics.equivocations, 1),
        Effect.logWarning("an author has signed two blocks for one round", {
          author,
          round,
          digests: [first.ref.digest, block.ref.digest]
        })
      )
    })
    // Blocks that came in commits were only vouched for.
    const both = Effect.andThen(this.#verifier.verify(first), this.#verifier.verify(block))
    return Effect.ignore(Effect.andThen(both, report))
  }
}
