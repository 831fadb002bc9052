/**
 * The way from a publisher to a subscriber, in memory: it takes time, it holds a window of responses, it can be cut or go
 * silent, and it tells what went through. A port of `ObserverApi` like any other transport.
 */
import { type Messages, ObserverError, type ObserverApi, type Relay, type Subscriber } from "@ephor/streaming"
import { Unavailable } from "@ephor/streaming/ObserverError"
import { Deferred, Effect, Latch, Random, Stream } from "effect"

/** Responses that wait in a link for their turn: the window of a stream, beside the one that travels. */
const bufferedResponses = 3

/** Responses that a publisher hands to its transport together, at most. */
const responsesInHand = 16

/** Responses that may be under way on one stream: the window on both its ends, what travels, and what was handed over. */
export const responsesUnderWay = 2 * bufferedResponses + 1 + responsesInHand

/** Both streams, as reports call them. */
export type Way = "blocks" | "commits"

/** A response of either stream. */
export type Response = Messages.BlockStreamResponse | Messages.CommitStreamResponse

/** What a link tells about its traffic. */
export interface Witness {
  /** A command left the subscriber. */
  readonly sent: (way: Way, session: number, command: "Start" | "Stop") => void
  /** A publisher handed over responses; how often it did since it took a `Stop`, and how many are under way. */
  readonly left: (way: Way, afterStop: number, underWay: number) => void
  /** A response has reached the subscriber. */
  readonly arrived: (way: Way, response: Response) => void
}

/** A link with its weather. */
export interface Link {
  readonly from: string
  readonly to: string
  /** The publisher's side, or nothing while it is down. */
  readonly connect: Subscriber.Peer["connect"]
  /** Longest delay of a message. */
  delayMs: number
  /** Cuts the sessions that are open. */
  readonly cut: Effect.Effect<void>
  /** Nothing goes through, and nobody is told. */
  readonly partition: Effect.Effect<void>
  readonly heal: Effect.Effect<void>
}

const gone = (where: string, why: string) => new ObserverError({ where, reason: new Unavailable({ why }) })

/** Delay of a link in good weather. */
export const usualDelayMs = 12

/** Makes a link to a publisher that may come and go. */
export const make = (
  from: string,
  to: string,
  target: () => (ObserverApi.Service & Relay.Pathed) | undefined,
  witness: Witness
): Link => {
  const open = Latch.makeUnsafe(true)
  const cuts = new Set<Deferred.Deferred<never, ObserverError>>()
  let sessions = 0
  let partitioned = false
  const travel = Effect.suspend(() =>
    Effect.flatMap(Random.next, (chance) => Effect.sleep(1 + Math.floor(chance * link.delayMs)))
  ).pipe(Effect.andThen(open.await))
  const carry = <
    Request extends { readonly command: { readonly _tag: "Start" | "Stop" } | null },
    R extends Response
  >(
    way: Way,
    session: number,
    cut: Deferred.Deferred<never, ObserverError>,
    method: (commands: Stream.Stream<Request>) => Stream.Stream<R, ObserverError>
  ) => {
    let stopped = false
    let afterStop = 0
    let underWay = 0
    return (commands: Stream.Stream<Request>): Stream.Stream<R, ObserverError> =>
      commands.pipe(
        Stream.tap(({ command }) =>
          Effect.sync(() => (command === null ? undefined : witness.sent(way, session, command._tag)))
        ),
        Stream.mapEffect((request) =>
          Effect.map(travel, () => {
            stopped = request.command?._tag === "Stop"
            afterStop = 0
            return request
          })
        ),
        method,
        Stream.mapArray((responses) => {
          underWay += responses.length
          witness.left(way, stopped ? ++afterStop : 0, underWay)
          return responses
        }),
        Stream.buffer({ capacity: bufferedResponses }),
        Stream.mapEffect((response) =>
          Effect.map(travel, () => {
            underWay--
            witness.arrived(way, response)
            return response
          })
        ),
        Stream.interruptWhen(Deferred.await(cut))
      )
  }
  const connect: Link["connect"] = Effect.gen(function* () {
    yield* Effect.sleep(1 + link.delayMs)
    const api = target()
    if (partitioned || api === undefined) return yield* gone(to, "nobody answers")
    const cut = yield* Deferred.make<never, ObserverError>()
    cuts.add(cut)
    yield* Effect.addFinalizer(() => Effect.sync(() => cuts.delete(cut)))
    const session = ++sessions
    const carried: ObserverApi.Service & Relay.Pathed = {
      streamBlocks: carry("blocks", session, cut, api.streamBlocks),
      streamCommits: carry("commits", session, cut, api.streamCommits),
      ...(api.path === undefined ? {} : { path: Stream.tap(api.path, () => travel) })
    }
    return carried
  })
  const link: Link = {
    from,
    to,
    connect,
    delayMs: usualDelayMs,
    cut: Effect.suspend(() =>
      Effect.forEach([...cuts], (cut) => Deferred.fail(cut, gone(to, "the connection is lost")), {
        discard: true
      })
    ),
    partition: Effect.suspend(() => {
      partitioned = true
      return open.close
    }).pipe(Effect.asVoid),
    heal: Effect.suspend(() => {
      partitioned = false
      return open.open
    }).pipe(Effect.asVoid)
  }
  return link
}
