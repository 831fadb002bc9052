/**
 * Where blocks come from, and who can be followed.
 */
import { BlockSource, Publisher } from "@ephor/streaming"
import { Effect, Exit, Scope } from "effect"
import * as Node from "./Node.ts"

/** Somebody who can be followed. */
export interface Target {
  readonly name: string
  readonly api: () => Node.Api | undefined
}

/** An origin: a source in memory, and a publisher that can be restarted. */
export const makeOrigin = Effect.fnUntraced(function* (
  name: string,
  options: Partial<Publisher.PublisherOptions> = {}
) {
  const world = yield* Effect.scope
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4, gcDepth: Node.config.gcDepth })
  let up: { readonly scope: Scope.Closeable; readonly api: Node.Api } | undefined
  const start = Effect.gen(function* () {
    const scope = yield* Scope.fork(world)
    const api = yield* Publisher.makeApi({ heartbeatMs: Node.heartbeatMs, identity: name, ...options }).pipe(
      Effect.provideService(BlockSource.BlockSource, memory.source),
      Scope.provide(scope)
    )
    up = { scope, api }
  })
  const restart = Effect.suspend(() => {
    const old = up
    up = undefined
    return Effect.andThen(old === undefined ? Effect.void : Scope.close(old.scope, Exit.void), start)
  })
  yield* start
  return { name, api: () => up?.api, memory, restart }
})

/** See `makeOrigin`. */
export type Origin = Effect.Success<ReturnType<typeof makeOrigin>>
