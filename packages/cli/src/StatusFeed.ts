/**
 * `GET /status` and `GET /status/stream`: what a program tells about itself, once or for as long as somebody listens.
 * However many pages listen, it is told once per interval, and each page is sent the newest that it has room for.
 */
import { json, type Reply, type Route, text } from "@ephor/json-rpc/Door"
import { Clock, Effect, Latch, Metric, PubSub, type Scope, Stream } from "effect"
import { defaults, type Limits } from "./FeedLimits.ts"
import { Health } from "./Health.ts"
import * as NodeProcess from "./NodeProcess.ts"
import type { Parts, Status } from "./Status.ts"

/** Pages that listen now. */
export const streams = Metric.gauge("admin_status_streams", {
  description: "Streams of /status/stream that are open"
})

/** Pages that were turned away. */
export const refused = Metric.counter("admin_status_streams_refused_total", {
  description: "Streams of /status/stream that were refused because too many are open",
  incremental: true
})

/** Who tells. */
export interface Options<E> {
  readonly name: string
  readonly version: string
  readonly role: string
  readonly parts: Effect.Effect<Parts, E>
  readonly limits?: Partial<Limits> | undefined
}

const crowded = (limit: number) => text(503, `more than ${limit} pages are open: close one, and try again`)
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-store" }

/** The two routes. Nothing is computed while nobody asks. */
export const make = Effect.fnUntraced(function* <E>(
  options: Options<E>
): Effect.fn.Return<ReadonlyArray<Route>, never, Health | Scope.Scope> {
  const limits = { ...defaults, ...options.limits }
  const health = yield* Health
  const clock = yield* Clock.Clock
  const startedNanos = clock.monotonicTimeNanosUnsafe()
  const figuresOf = yield* NodeProcess.make
  const readers = yield* Latch.make(false)
  const events = yield* PubSub.sliding<string>(1)
  let open = 0

  const status = Effect.gen(function* () {
    const parts = yield* options.parts
    const uptimeSeconds = Number((clock.monotonicTimeNanosUnsafe() - startedNanos) / 1_000_000_000n)
    const { name, role, version } = options
    const told: Status = {
      ...parts,
      program: { name, version, role, uptimeSeconds },
      time: clock.currentTimeMillisUnsafe(),
      problems: yield* health.problems,
      process: yield* figuresOf(open)
    }
    return told
  })
  const tell = Effect.match(status, {
    onSuccess: (told) => `data: ${JSON.stringify(told)}\n\n`,
    onFailure: (error) => `event: failure\ndata: ${JSON.stringify({ error: messageOf(error) })}\n\n`
  })
  let last = { text: "", atNanos: 0n }
  const event = Effect.map(tell, (told) => {
    last = { text: told, atNanos: clock.monotonicTimeNanosUnsafe() }
    return told
  })
  /** For who has just come: what the others were told, if that is new enough. */
  const first = Effect.suspend(() => {
    const ageMs = Number((clock.monotonicTimeNanosUnsafe() - last.atNanos) / 1_000_000n)
    return last.text !== "" && ageMs < limits.intervalMs ? Effect.succeed(last.text) : event
  })
  const counted = (by: number) =>
    Effect.suspend(() => {
      open += by
      return Effect.andThen(open > 0 ? readers.open : readers.close, Metric.update(streams, open))
    })
  yield* readers.await.pipe(
    Effect.andThen(Effect.sleep(limits.intervalMs)),
    Effect.andThen(event),
    Effect.flatMap((told) => PubSub.publish(events, told)),
    Effect.forever,
    Effect.forkScoped
  )
  const listen = Stream.unwrap(
    Effect.gen(function* () {
      if (open >= limits.streams) return Stream.empty
      yield* Effect.acquireRelease(counted(1), () => counted(-1))
      return Stream.concat(Stream.fromEffect(first), Stream.fromPubSub(events))
    })
  )
  return [
    {
      method: "GET",
      path: "/status",
      handle: () =>
        Effect.match(status, {
          onSuccess: (told) => json(told),
          onFailure: (error) => json({ error: messageOf(error) }, 503)
        })
    },
    {
      method: "GET",
      path: "/status/stream",
      handle: Effect.fnUntraced(function* () {
        if (open >= limits.streams) {
          yield* Metric.update(refused, 1)
          return crowded(limits.streams)
        }
        const reply: Reply = { status: 200, headers, parts: listen }
        return reply
      })
    }
  ]
})
