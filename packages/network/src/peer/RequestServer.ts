/**
 * Answers the requests of one protocol: so many at a time, so many waiting, the rest refused at once.
 */
import { Cause, Effect, Exit, Metric, Scope, Semaphore } from "effect"
import * as Metrics from "../Metrics.ts"
import type { Peer, RequestHandler } from "../Network.ts"
import { type NetworkErrorReason, Overloaded, Refused, TooLarge } from "../NetworkError.ts"
import type { RequestProtocol } from "../Protocol.ts"

/** What travels back. */
export type Answer = Exit.Exit<Uint8Array, NetworkErrorReason>

export class RequestServer {
  readonly protocol: RequestProtocol
  readonly #self: string
  readonly #handler: RequestHandler
  readonly #scope: Scope.Scope
  readonly #permits: Semaphore.Semaphore
  #unanswered = 0

  constructor(self: string, protocol: RequestProtocol, handler: RequestHandler, scope: Scope.Scope) {
    this.protocol = protocol
    this.#self = self
    this.#handler = handler
    this.#scope = scope
    this.#permits = Semaphore.makeUnsafe(protocol.concurrency)
  }

  /** Handles a request in a fiber of the server, and hands the answer to `reply`. */
  accept(peer: Peer, bytes: Uint8Array, reply: (answer: Answer) => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { concurrency, maxBytes, queueCapacity } = this.protocol
      if (bytes.length > maxBytes) {
        return this.#answer(
          reply,
          Exit.fail(new TooLarge({ what: "request", bytes: bytes.length, maxBytes }))
        )
      }
      if (this.#unanswered >= concurrency + queueCapacity) {
        return this.#answer(reply, Exit.fail(new Overloaded({ peer: this.#self })))
      }
      this.#unanswered++
      return this.#permits
        .withPermits(1)(Effect.suspend(() => this.#handler(peer, bytes)))
        .pipe(
          Effect.matchCauseEffect({
            onSuccess: (answer) => Effect.succeed(this.#checked(answer)),
            onFailure: (cause) => this.#refusal(cause)
          }),
          Effect.flatMap((answer) => this.#answer(reply, answer)),
          Effect.ensuring(Effect.sync(() => this.#unanswered--)),
          Effect.forkIn(this.#scope),
          Effect.asVoid
        )
    })
  }

  #answer(reply: (answer: Answer) => Effect.Effect<void>, answer: Answer): Effect.Effect<void> {
    const outcome = Exit.isSuccess(answer) ? "answered" : "refused"
    const counter = Metric.withAttributes(Metrics.served, { protocol: this.protocol.name, outcome })
    return Effect.andThen(Metric.update(counter, 1), reply(answer))
  }

  #checked(answer: Uint8Array): Answer {
    const maxBytes = this.protocol.maxResponseBytes
    return answer.length <= maxBytes
      ? Exit.succeed(answer)
      : Exit.fail(new TooLarge({ what: "response", bytes: answer.length, maxBytes }))
  }

  /** A peer learns why it was refused, but nothing about our defects. */
  #refusal(cause: Cause.Cause<{ readonly why: string }>): Effect.Effect<Answer> {
    const expected = cause.reasons.find(Cause.isFailReason)
    if (expected !== undefined) {
      return Effect.succeed(Exit.fail(new Refused({ peer: this.#self, why: expected.error.why })))
    }
    const answer: Answer = Exit.fail(new Refused({ peer: this.#self, why: "internal error" }))
    return Effect.as(Effect.logError(`handler of ${this.protocol.name} failed`, cause), answer)
  }
}
