/** Looks at a node again and again: at its latest block, and at how far its op-node is. */
import { Effect, Metric, SubscriptionRef } from "effect"
import type { Hash } from "@ephor/types"
import type { Sink } from "../client/Events.ts"
import type { Connection } from "../ManagedNode.ts"
import type { ManagedNodeError } from "../ManagedNodeError.ts"
import { followedFailures } from "../Metrics.ts"
import type { Deriving } from "./Deriving.ts"
import { type Execution, refOf } from "./Execution.ts"
import type { History } from "./History.ts"

/** What looks need. */
export interface Options {
  readonly execution: Execution
  readonly history: History | undefined
  readonly deriving: Deriving | undefined
  readonly connection: SubscriptionRef.SubscriptionRef<Connection>
  readonly limits: { readonly pollIntervalMs: number; readonly pollLimitMs: number }
}

/** The looks, each to be run for as long as somebody listens. */
export const makeWatching = ({
  connection,
  deriving,
  execution,
  history,
  limits
}: Options): ReadonlyArray<(sink: Sink) => Effect.Effect<void>> => {
  const parts: Array<{ answers: boolean | undefined }> = []
  const tell = Effect.suspend(() => {
    const isUp = parts.every(({ answers }) => answers === true)
    const state: Connection = isUp ? "Connected" : "Disconnected"
    return SubscriptionRef.getUnsafe(connection) === state
      ? Effect.void
      : SubscriptionRef.set(connection, state)
  })

  /** Looks for good; what does not answer is told once, and asked less and less often until it does. */
  const persist = (url: string, look: (sink: Sink) => Effect.Effect<void, ManagedNodeError>) => {
    const part: { answers: boolean | undefined } = { answers: undefined }
    parts.push(part)
    let pauseMs = limits.pollIntervalMs
    const up = Effect.suspend(() => {
      const before = part.answers
      part.answers = true
      pauseMs = limits.pollIntervalMs
      return before === false ? Effect.logInfo(`${url} answers again`) : Effect.void
    })
    const down = (error: ManagedNodeError) =>
      Effect.suspend(() => {
        const before = part.answers
        part.answers = false
        pauseMs = Math.min(pauseMs * 2, limits.pollLimitMs)
        const text = `${url} does not answer, and is asked again: ${error.message}`
        const say = before === false ? Effect.void : Effect.logWarning(text)
        return Effect.andThen(Metric.update(followedFailures, 1), say)
      })
    return (sink: Sink) =>
      look(sink).pipe(
        Effect.matchEffect({ onSuccess: () => up, onFailure: down }),
        Effect.andThen(tell),
        Effect.andThen(Effect.suspend(() => Effect.sleep(pauseMs))),
        Effect.forever
      )
  }

  let told: Hash | undefined
  const heads = persist(execution.url, (sink) =>
    Effect.flatMap(execution.latest, (latest) => {
      if (latest === undefined || latest.hash === told) return Effect.void
      told = latest.hash
      return Effect.asVoid(sink([{ unsafeBlock: refOf(latest) }]))
    })
  )
  const ladder =
    history === undefined
      ? []
      : [
          persist(history.url, () =>
            Effect.andThen(
              history.look,
              Effect.sync(() => deriving?.poke())
            )
          )
        ]
  return [
    // Whoever begins to listen is told where the node stands.
    (sink) =>
      Effect.suspend(() => {
        told = undefined
        return heads(sink)
      }),
    ...ladder
  ]
}
