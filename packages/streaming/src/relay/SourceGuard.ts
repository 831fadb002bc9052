/**
 * A peer that is followed only while it does not follow us. Its path is asked for when it is connected, and watched
 * for as long as the session lasts: a loop that closes later is left as soon as it is told.
 */
import { Deferred, Effect, Metric, Stream } from "effect"
import type { Service } from "../ObserverApi.ts"
import { ObserverError, Stalled } from "../ObserverError.ts"
import * as RelayMetrics from "../RelayMetrics.ts"
import type { Peer } from "../Subscriber.ts"
import { type Path, pathOf, refusal } from "../source/Path.ts"

/** Who guards, and how. */
export interface Guard {
  readonly identity: string
  readonly maxHops: number
  /** A publisher that tells paths must tell the first one within this. */
  readonly pathTimeoutMs: number
  /** Told the path of the source that is followed now; nothing while there is none. */
  readonly follows: (source: Path | undefined) => Effect.Effect<void>
}

const cut = (api: Service, refused: Deferred.Deferred<never, ObserverError>): Service => ({
  ...api,
  streamBlocks: (commands) => Stream.interruptWhen(api.streamBlocks(commands), Deferred.await(refused)),
  streamCommits: (commands) => Stream.interruptWhen(api.streamCommits(commands), Deferred.await(refused))
})

const connect = (peer: Peer, guard: Guard): Peer["connect"] =>
  Effect.gen(function* () {
    const api = yield* peer.connect
    const error = (why: string) => new ObserverError({ where: peer.name, reason: new Stalled({ why }) })
    const told = pathOf(api)
    yield* Effect.addFinalizer(() => guard.follows(undefined))
    if (told === undefined) {
      yield* guard.follows([])
      return api
    }
    const first = yield* Deferred.make<void, ObserverError>()
    const refused = yield* Deferred.make<never, ObserverError>()
    yield* Stream.runForEach(told, (path) => {
      const why = refusal(guard.identity, path, guard.maxHops)
      if (why === undefined) return Effect.andThen(guard.follows(path), Deferred.succeed(first, undefined))
      return Effect.andThen(Metric.update(RelayMetrics.refused, 1), Effect.fail(error(why)))
    }).pipe(
      Effect.catch((failure) =>
        failure.reason._tag === "Unimplemented"
          ? Effect.andThen(guard.follows([]), Deferred.succeed(first, undefined))
          : Effect.andThen(Deferred.fail(first, failure), Deferred.fail(refused, failure))
      ),
      Effect.forkScoped
    )
    yield* Effect.timeoutOrElse(Deferred.await(first), {
      duration: guard.pathTimeoutMs,
      orElse: () => Effect.fail(error(`it told no path within ${guard.pathTimeoutMs} ms`))
    })
    return cut(api, refused)
  })

/** The same peer, refused with `Stalled` (so that the next one is tried) while its path leads back to us or is too long. */
export const guarded = (peer: Peer, guard: Guard): Peer => ({
  name: peer.name,
  connect: connect(peer, guard),
  // The path that is told is that of the source that is followed.
  connectBeside: connect(peer, { ...guard, follows: () => Effect.void })
})
