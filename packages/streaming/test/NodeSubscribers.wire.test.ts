import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric, Redacted, Schedule, Stream } from "effect"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { dagOf } from "./dag.ts"
import { quietly } from "./support/quietly.ts"
import { fromTheFirst as start, serveCommits } from "./support/commits.ts"

const dag = dagOf(400, { payload: 4000 })

/** A publisher of a history that is larger than what may be under way. */
const serve = (options: Partial<NodeGrpcServer.ServerOptions>) => serveCommits(dag, options)

/** The names that a metric tells apart now, with what it says. */
const told = (id: string) =>
  Effect.map(Metric.snapshot, (all) => {
    const mine = all.filter((one) => one.id === id)
    return new Map(
      mine.map((one) => {
        const state = one.state as { readonly count?: number; readonly value?: number }
        return [one.attributes?.["subscriber"] ?? "", state.count ?? state.value ?? 0]
      })
    )
  })
const eventually = <A>(ask: Effect.Effect<A>, holds: (answer: A) => boolean) =>
  Effect.repeat(ask, { schedule: Schedule.spaced("20 millis"), until: holds })

describe("subscribers in metrics", () => {
  it.live("bytes, queue and lag of each, by token, so many at most", () =>
    Effect.gen(function* () {
      const tokens = ["one", "two", "three"].map((text) => Redacted.make(text))
      const { url } = yield* serve({ tokens, maxSubscriberLabels: 2 })
      const client = (at: number, options: Partial<NodeGrpcClient.Options> = {}) =>
        NodeGrpcClient.connect({ url, token: tokens[at]!, ...options })
      // Reads everything.
      const first = yield* client(0)
      const reading = yield* Stream.runForEach(first.streamCommits(start), () => Effect.void).pipe(
        Effect.forkScoped
      )
      const lags = told("streaming_subscriber_lag_commits")
      const sent = yield* eventually(
        told("streaming_subscriber_sent_bytes_total"),
        (all) => (all.get("token 1") ?? 0) > 400 * 4 * 4000
      )
      assert.isFalse(sent.has("token 2"))
      yield* eventually(lags, (all) => all.get("token 1") === 0)
      // Takes nothing after the first response.
      const second = yield* client(1, {
        streamWindowBytes: 65_535,
        connectionWindowBytes: 65_535,
        bufferedBytes: 1
      })
      yield* Stream.runForEach(second.streamCommits(start), () => Effect.never).pipe(Effect.forkScoped)
      yield* eventually(lags, (all) => (all.get("token 2") ?? 0) > 0)
      yield* eventually(told("streaming_subscriber_queue_bytes"), (all) => (all.get("token 2") ?? 0) > 0)
      // One more than are told apart.
      const third = yield* client(2)
      yield* Stream.runHead(third.streamCommits(start))
      const last = yield* eventually(told("streaming_subscriber_sent_bytes_total"), (all) => all.has("other"))
      assert.sameMembers([...last.keys()], ["token 1", "token 2", "other"])
      yield* eventually(lags, (all) => all.get("token 1") === 0)
      assert.isUndefined(reading.pollUnsafe())
    }).pipe(Effect.scoped, quietly)
  )
})
