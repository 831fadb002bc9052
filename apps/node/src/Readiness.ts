/**
 * When a node is ready: its chain has moved within the last half minute.
 */
import { Chain } from "@ephor/chain"
import { Health } from "@ephor/cli"
import { Elapsed } from "@ephor/types"
import { Effect, Layer, Stream } from "effect"

/** How long the head of the chain may stand before the node counts as not ready. */
const readyWithinMs = 30_000

/** Registers the question with the health registry. */
export const layer: Layer.Layer<never, never, Chain.Chain | Health.Health> = Layer.effectDiscard(
  Effect.gen(function* () {
    const chain = yield* Chain.Chain
    const health = yield* Health.Health
    let movedAtMs = yield* Elapsed.ms
    yield* chain.events.pipe(
      Stream.filter((event) => event._tag === "Imported"),
      Stream.runForEach(() => Effect.map(Elapsed.ms, (now) => void (movedAtMs = now))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* health.check(
      "chain",
      Effect.map(Elapsed.ms, (now) =>
        now - movedAtMs > readyWithinMs ? `no block for ${Math.round((now - movedAtMs) / 1000)} s` : undefined
      )
    )
  })
)
