/**
 * Signatures of randomness on their way from a publisher to the application: what does not verify is no more than a
 * reason against the publisher, and what nobody takes goes when newer ones come.
 */
import { Effect, Metric, Queue } from "effect"
import type { Service as Verifier } from "../BlockVerifier.ts"
import * as Metrics from "../Metrics.ts"
import { Forged } from "../ObserverError.ts"
import type { SubscriberConfig } from "../SubscriberConfig.ts"

/** See the head of the file. */
export class Randomness {
  readonly queue: Queue.Queue<Uint8Array>
  readonly #maxBytes: number
  readonly #verify: Verifier["randomness"]

  private constructor(config: SubscriberConfig, verifier: Verifier, queue: Queue.Queue<Uint8Array>) {
    this.#maxBytes = config.maxAuxiliaryBytes
    this.#verify = verifier.randomness
    this.queue = queue
  }

  static make(config: SubscriberConfig, verifier: Verifier): Effect.Effect<Randomness> {
    return Effect.map(
      Queue.sliding<Uint8Array>(config.maxAuxiliary),
      (queue) => new Randomness(config, verifier, queue)
    )
  }

  /** Hands over a signature that verifies; without a way to verify them, none is. */
  take(signature: Uint8Array): Effect.Effect<void, Forged> {
    if (this.#verify === undefined) return Effect.void
    if (signature.length > this.#maxBytes) {
      const why = `${signature.length} bytes are more than ${this.#maxBytes}`
      return Effect.fail(new Forged({ what: "signature of randomness", why }))
    }
    return Effect.flatMap(this.#verify(signature), () => {
      Queue.offerUnsafe(this.queue, signature)
      return Metric.update(Metrics.auxiliaryDelivered, 1)
    })
  }
}
