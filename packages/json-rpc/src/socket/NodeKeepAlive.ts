/**
 * Pings of a WebSocket, the same at both ends.
 */
import type * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect } from "effect"

/** Bounds of pings. */
export interface KeepAliveLimits {
  /** Pause between two pings, in milliseconds. */
  readonly pingIntervalMs: number
  /** Time to answer a ping, in milliseconds. */
  readonly pongTimeoutMs: number
}

/** Pings an idle peer and ends, with the reason, when the peer was silent for too long after a ping. */
export const keepAlive = (socket: NodeWS.WebSocket, limits: KeepAliveLimits): Effect.Effect<string> =>
  Effect.suspend(() => {
    let heard = true
    const hear = () => {
      heard = true
    }
    socket.on("message", hear).on("pong", hear).on("ping", hear)
    const idle = Effect.sleep(Math.max(0, limits.pingIntervalMs - limits.pongTimeoutMs))
    const round: Effect.Effect<string> = Effect.gen(function* () {
      heard = false
      socket.ping()
      yield* Effect.sleep(limits.pongTimeoutMs)
      // A socket that we paused ourselves cannot have heard anything.
      if (!heard && !socket.isPaused) return `no pong within ${limits.pongTimeoutMs} ms`
      yield* idle
      return yield* round
    })
    return Effect.andThen(Effect.sleep(limits.pingIntervalMs), round)
  })
