/**
 * Dialling an address for ever: again when the session ends, later and later while nobody answers.
 */
import type { Connection, Libp2p } from "@libp2p/interface"
import type { Multiaddr } from "@multiformats/multiaddr"
import { Deferred, Effect, Metric, Random } from "effect"
import * as Metrics from "../Metrics.ts"
import type { PeerId } from "../Network.ts"
import { causeText, SessionEnded } from "./SessionEnded.ts"

/** Times of dialling. */
export interface DialLimits {
  readonly dialTimeoutMs: number
  readonly redialMinMs: number
  readonly redialMaxMs: number
}

/** What dialling needs of the peer that dials. */
export interface Dialler {
  readonly node: Libp2p
  readonly limits: DialLimits
  readonly nowMs: () => number
  /** Done when we are no longer connected with the peer; nothing, if we are not connected. */
  readonly goneOf: (peer: PeerId) => Deferred.Deferred<void> | undefined
  /** The same by the address at the other end. */
  readonly goneAt: (address: Multiaddr) => Deferred.Deferred<void> | undefined
  /** A session on a connection, to its end. */
  readonly session: (connection: Connection) => Effect.Effect<void, SessionEnded>
}

/** Dials until it is interrupted. */
export const keepDialling = (dialler: Dialler, address: Multiaddr): Effect.Effect<never> => {
  const { dialTimeoutMs, redialMaxMs, redialMinMs } = dialler.limits
  const once = Effect.gen(function* () {
    const connection = yield* Effect.tryPromise({
      try: (signal) =>
        dialler.node.dial(address, { signal: AbortSignal.any([signal, AbortSignal.timeout(dialTimeoutMs)]) }),
      catch: (cause) => new SessionEnded({ why: causeText(cause) })
    })
    const gone = dialler.goneOf(connection.remotePeer.toString())
    // The other side was faster: its session serves both.
    if (gone !== undefined) return yield* Deferred.await(gone)
    yield* dialler.session(connection)
  })
  return Effect.gen(function* () {
    let pauseMs = redialMinMs
    for (;;) {
      const began = dialler.nowMs()
      yield* once.pipe(
        Effect.catch(({ why }) =>
          Effect.andThen(
            Metric.update(Metrics.dialFailures, 1),
            Effect.logDebug(`no session with ${address}: ${why}`)
          )
        )
      )
      pauseMs = dialler.nowMs() - began > redialMaxMs ? redialMinMs : Math.min(pauseMs * 2, redialMaxMs)
      const gone = dialler.goneAt(address)
      if (gone !== undefined) yield* Deferred.await(gone)
      yield* Effect.sleep(Math.round(pauseMs * (1 + 0.25 * (yield* Random.next))))
    }
  })
}
