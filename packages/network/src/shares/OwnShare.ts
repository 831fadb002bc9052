/**
 * Keeps us within our share at others: of our requests to one peer by one protocol no more are under way than it takes
 * of one peer, the rest wait for their turn. So that who is honest is never refused for asking much at once.
 */
import { Effect, Semaphore } from "effect"
import type { PeerId } from "../Network.ts"
import type { RequestProtocol } from "../Protocol.ts"

interface Turn {
  readonly permits: Semaphore.Semaphore
  users: number
}

/** Our own requests under way, by protocol and peer. */
export class OwnShare {
  readonly #turns = new Map<string, Turn>()

  /** Runs a request when it is its turn. */
  within<A, E>(
    { name, perPeer }: RequestProtocol,
    peer: PeerId,
    request: Effect.Effect<A, E>
  ): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const key = JSON.stringify([name, peer])
      const turn = this.#turns.get(key) ?? { permits: Semaphore.makeUnsafe(perPeer), users: 0 }
      this.#turns.set(key, turn)
      turn.users++
      return Effect.ensuring(
        turn.permits.withPermits(1)(request),
        Effect.sync(() => {
          if (--turn.users === 0) this.#turns.delete(key)
        })
      )
    })
  }
}
