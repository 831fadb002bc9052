/**
 * When a supervisor is ready.
 */
import { Health } from "@ephor/cli"
import { Supervisor } from "@ephor/safety"
import { Condition } from "@ephor/store"
import { Elapsed } from "@ephor/types"
import { Effect, Layer, Ref } from "effect"

/** How long the heads may stand before the supervisor counts as not ready. */
const readyWithinMs = 60_000

/** What an operator reads about a node that tells nothing. */
const connectionTexts = {
  Silent: "tells no events: another client took the subscription, or its chain stands; asked again",
  Disconnected: "is not connected"
}

/** Ready means: every node tells its events, every chain has told its heads, and something moved within the last minute. */
export const heads = Layer.effectDiscard(
  Effect.gen(function* () {
    const supervisor = yield* Supervisor.Supervisor
    const health = yield* Health.Health
    yield* health.check(
      "nodes",
      Effect.map(supervisor.nodes, (nodes) => {
        const wrong = Object.entries(nodes).flatMap(([name, state]) =>
          state === "Connected" ? [] : [`${name} ${connectionTexts[state]}`]
        )
        return wrong.length === 0 ? undefined : wrong.join("; ")
      })
    )
    const last = yield* Ref.make({ text: "", atMs: yield* Elapsed.ms })
    yield* health.check(
      "heads",
      Effect.gen(function* () {
        const status = yield* supervisor.syncStatus
        const now = yield* Elapsed.ms
        const text = JSON.stringify(status.chains)
        const unknown = Object.entries(status.chains).filter(([, { safe }]) => /^0x0+$/.test(safe.hash))
        if (unknown.length > 0) {
          return `no block of chain ${unknown.map(([id]) => id).join(", ")} is known to be cross-safe yet`
        }
        const before = yield* Ref.get(last)
        if (before.text !== text) yield* Ref.set(last, { text, atMs: now })
        else if (now - before.atMs > readyWithinMs)
          return `no head has moved for ${Math.round((now - before.atMs) / 1000)} s`
        return undefined
      }).pipe(Effect.catch((error) => Effect.succeed(error.message)))
    )
  })
)

/** The store, too: it has room and can be read. One of an extension may not say. */
export const storage = Layer.effectDiscard(
  Effect.gen(function* () {
    const health = yield* Health.Health
    const condition = yield* Effect.serviceOption(Condition.Condition)
    if (condition._tag === "None") return
    const { problems } = condition.value
    yield* health.check(
      "store",
      Effect.map(problems, (found) => (found.length === 0 ? undefined : found.join("; ")))
    )
  })
)
