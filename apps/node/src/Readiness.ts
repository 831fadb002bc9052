/**
 * When a node is ready: its chain has moved within the last half minute, and its disk has room and can be read.
 */
import { Chain } from "@ephor/chain"
import { Health } from "@ephor/cli"
import { Condition } from "@ephor/store"
import { Elapsed } from "@ephor/types"
import { Effect, Layer, Option, Stream } from "effect"

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

/** Asks the store, if it is one on a disk. */
export const storage: Layer.Layer<never, never, Health.Health> = Layer.effectDiscard(
  Effect.gen(function* () {
    const health = yield* Health.Health
    const condition = yield* Effect.serviceOption(Condition.Condition)
    if (Option.isNone(condition)) return
    yield* health.check(
      "store",
      Effect.map(condition.value.problems, (problems) =>
        problems.length === 0 ? undefined : problems.join("; ")
      )
    )
  })
)
