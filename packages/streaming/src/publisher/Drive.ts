/**
 * Drives one stream of a publisher: commands in, and responses out whenever its session has one. The fiber that pulls
 * the stream sleeps while there is nothing to say. Where the transport takes responses by itself, it sleeps on: at the
 * tip, waking it would cost as much as everything else that a delivery takes.
 */
import { Elapsed } from "@ephor/types"
import { Cause, Clock, Effect, Metric, type Pull, Stream } from "effect"
import * as Metrics from "../Metrics.ts"
import type { Deliver } from "../ObserverApi.ts"
import { ObserverError, ResourceExhausted, Unavailable } from "../ObserverError.ts"
import type { Shared } from "../Publisher.ts"
import type { Waiter } from "./Feed.ts"

/** One stream, as the driver sees it. */
export interface Session<Command, Response> extends Waiter {
  /**
   * The next response if one is due at `nowMs`, or what must be done before it can be said: then ask again. Plain, because
   * it is asked for each response to each subscriber.
   */
  readonly poll: (nowMs: number) => Response | Effect.Effect<void, ObserverError> | undefined
  /** Encoded size of the last response, about. */
  readonly bytes: number
  /** Takes a command; only the newest that waits counts. */
  readonly command: (command: Command) => void
  /** Whether `poll` might have something to say. */
  readonly ready: () => boolean
}

/** Responses that are handed to the transport together, if they are ready: so many, or as soon as so many bytes. */
const together = { responses: 16, bytes: 64 * 1024 }
/** Responses above this are counted. */
const excessiveBytes = 16 * 1024 * 1024

/** Responses made since they were counted last: a metric is too much for each of them. */
export class Made {
  responses = 0
  excessive = 0

  /** Counts them. */
  readonly settle = (metric: Metric.Counter<number>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { excessive, responses } = this
      this.responses = 0
      this.excessive = 0
      const counted = responses === 0 ? Effect.void : Metric.update(metric, responses)
      return excessive === 0
        ? counted
        : Effect.andThen(counted, Metric.update(Metrics.excessiveResponses, excessive))
    })
}

/** A stream that a caller has opened. */
interface Opened<Command, Response> {
  readonly where: string
  readonly made: Made
  readonly commands: Stream.Stream<{ readonly command: Command | null }>
  readonly deliver: Deliver<Response> | undefined
}

type Some<A> = readonly [A, ...Array<A>]

const isSome = <A>(all: ReadonlyArray<A>): all is Some<A> => all.length > 0

/** The responses of a session that `make` begins. */
export const drive = <Command, Response>(
  { feed, options }: Shared,
  { commands, deliver, made, where }: Opened<Command, Response>,
  make: () => Session<Command, Response>
): Stream.Stream<Response, ObserverError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const session = make()
      const clock = yield* Clock.Clock
      const fail = (why: string) => new ObserverError({ where, reason: new ResourceExhausted({ why }) })
      let flood: ObserverError | undefined
      let tokens = options.commandBurst
      let refilledMs = yield* Elapsed.ms
      const takeCommands = Effect.fnUntraced(function* (
        requests: ReadonlyArray<{ readonly command: Command | null }>
      ) {
        const nowMs = yield* Elapsed.ms
        tokens = Math.min(
          options.commandBurst,
          tokens + ((nowMs - refilledMs) * options.commandsPerSecond) / 1000
        )
        refilledMs = nowMs
        if (tokens < requests.length)
          flood = fail(`more than ${options.commandsPerSecond} commands per second`)
        tokens -= requests.length
        for (const { command } of requests) {
          if (command === null) yield* Metric.update(Metrics.emptyCommands, 1)
          else session.command(command)
        }
        session.wake?.()
      })
      // The end of the commands is not a stop (a half-closed call goes on), so the fiber's end means nothing.
      yield* Stream.runForEachArray(commands, takeCommands).pipe(Effect.forkScoped)
      const ready = () => flood !== undefined || feed.state !== "open" || session.ready()
      /** What must be done before the next response. */
      let first: Effect.Effect<void, ObserverError> | undefined
      const gather = (nowMs: number): ReadonlyArray<Response> => {
        const responses: Array<Response> = []
        let bytes = 0
        while (responses.length < together.responses && bytes < together.bytes) {
          const next = session.poll(nowMs)
          if (next === undefined) break
          if (Effect.isEffect(next)) {
            first = next
            break
          }
          responses.push(next)
          bytes += session.bytes
          if (session.bytes > excessiveBytes) made.excessive++
        }
        made.responses += responses.length
        return responses
      }
      /** Delivers what is due; false if something is left that only the fiber can do. */
      const serve = (): boolean => {
        if (deliver === undefined || flood !== undefined || feed.state !== "open") return false
        const nowMs = Elapsed.msOf(clock)
        while (first === undefined) {
          const responses = gather(nowMs)
          if (!isSome(responses)) break
          const taken = deliver(responses)
          if (taken === Effect.void) continue
          first = first === undefined ? taken : Effect.andThen(taken, first)
        }
        return first === undefined
      }
      const collect = (nowMs: number): Pull.Pull<Some<Response>, ObserverError> => {
        if (flood !== undefined) return Effect.fail(flood)
        if (feed.state === "closing") {
          const reason = new Unavailable({ why: "the publisher is shutting down" })
          return Effect.fail(new ObserverError({ where, reason }))
        }
        const responses = gather(nowMs)
        if (isSome(responses)) return Effect.succeed(responses)
        if (first === undefined && feed.state === "ended") return Cause.done()
        return Effect.andThen(first === undefined ? feed.wait(session, ready, serve) : Effect.void, pull)
      }
      const now = Effect.suspend(() => collect(Elapsed.msOf(clock)))
      const pull: Pull.Pull<Some<Response>, ObserverError> = Effect.suspend(() => {
        if (first === undefined) return now
        const before = first
        first = undefined
        return Effect.andThen(before, now)
      })
      return Stream.fromPull(Effect.succeed(pull))
    })
  )
