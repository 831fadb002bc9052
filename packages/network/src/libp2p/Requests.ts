/** Requests over libp2p: each has a stream of its own, so that a large answer holds up nothing else. */
import type { Connection, Stream as Libp2pStream } from "@libp2p/interface"
import { lpStream } from "@libp2p/utils"
import { Data, Deferred, Effect, Exit, Metric } from "effect"
import * as Metrics from "../Metrics.ts"
import type { PeerId, RequestOptions } from "../Network.ts"
import {
  NetworkError,
  type NetworkErrorReason,
  NotConnected,
  NotServed,
  Overloaded,
  Refused,
  RequestTimeout,
  TooLarge
} from "../NetworkError.ts"
import type { RequestProtocol } from "../Protocol.ts"
import { causeText } from "../sessions/SessionEnded.ts"
import type { OwnShare } from "../shares/OwnShare.ts"
import * as Frames from "./Frames.ts"
import type { Answer, RequestServer, Ticket } from "../peer/RequestServer.ts"

/** How long a broken stream may wait to learn whether its connection has ended, too. */
const cutGraceMs = 100

/** How long a stream stays open after its answer, so that the answer is read before the stream is reset. */
const lingerMs = 500

/** Streams of a request protocol that one connection may have open: a few more than its share, to be told so. */
export const streamsOf = ({ perPeer }: RequestProtocol): number => perPeer + 32

/** A connected peer, as far as a request needs it. */
export interface RequestLink {
  readonly connection: Connection
  /** Done when we are no longer connected. */
  readonly gone: Deferred.Deferred<void>
}

/** A stream broke off, for whatever reason. */
class Broken extends Data.TaggedError("Broken")<{ readonly why: string }> {}

const failureOf =
  (peer: PeerId, maxBytes: number) =>
  (cause: unknown): NetworkErrorReason | Broken => {
    switch (cause instanceof Error ? cause.name : "") {
      case "UnsupportedProtocolError":
        return new NotServed({ peer })
      case "TooManyOutboundProtocolStreamsError":
        return new Overloaded({ peer })
      case "InvalidDataLengthError":
        return new TooLarge({ what: "response", bytes: maxBytes + 1, maxBytes })
      default:
        return new Broken({ why: causeText(cause) })
    }
  }

const ask = (
  { connection, gone }: RequestLink,
  protocol: RequestProtocol,
  peer: PeerId,
  bytes: Uint8Array,
  maxBytes: number
): Effect.Effect<Uint8Array, NetworkErrorReason> => {
  const failure = failureOf(peer, maxBytes)
  const opened = Effect.acquireRelease(
    Effect.tryPromise({
      try: (signal) =>
        connection.newStream(protocol.name, { signal, maxOutboundStreams: streamsOf(protocol) }),
      catch: failure
    }),
    // Done, or given up: nothing of it is wanted any more.
    (stream) => Effect.sync(() => stream.abort(new Error("the request has ended")))
  )
  const talk = Effect.gen(function* () {
    const stream = yield* opened
    // The content may be as long as it may be; what goes wrong takes a little more than nothing.
    const limit = Math.max(maxBytes, Frames.answerOverheadBytes) + 1
    const framed = lpStream(stream, { maxDataLength: limit, maxBufferSize: limit + 1024 })
    yield* Effect.tryPromise({ try: (signal) => framed.write(bytes, { signal }), catch: failure })
    const list = yield* Effect.tryPromise({ try: (signal) => framed.read({ signal }), catch: failure })
    const answer = yield* Effect.fromResult(Frames.openAnswer(peer, list.subarray()))
    if (answer.length > maxBytes) {
      return yield* new TooLarge({ what: "response", bytes: answer.length, maxBytes })
    }
    return answer
  }).pipe(Effect.scoped)
  // A stream that breaks off is often the first sign that the connection has ended.
  const orCut = Effect.catchTag(talk, "Broken", ({ why }) =>
    Effect.flatMap(Effect.timeoutOption(Deferred.await(gone), cutGraceMs), (cut) =>
      Effect.fail(cut._tag === "Some" ? new NotConnected({ peer }) : new Refused({ peer, why }))
    )
  )
  return Effect.raceFirst(
    orCut,
    Effect.andThen(Deferred.await(gone), Effect.fail(new NotConnected({ peer })))
  )
}

/** Asks a peer; nobody is dialled. */
export const request = (
  link: RequestLink | undefined,
  ownShare: OwnShare,
  protocol: RequestProtocol,
  peer: PeerId,
  bytes: Uint8Array,
  options: RequestOptions = {}
): Effect.Effect<Uint8Array, NetworkError> => {
  const timeoutMs = options.timeoutMs ?? protocol.timeoutMs
  const maxBytes = Math.min(options.maxResponseBytes ?? protocol.maxResponseBytes, protocol.maxResponseBytes)
  const asked: Effect.Effect<Uint8Array, NetworkErrorReason> =
    link === undefined
      ? Effect.fail(new NotConnected({ peer }))
      : bytes.length > protocol.maxBytes
        ? Effect.fail(new TooLarge({ what: "request", bytes: bytes.length, maxBytes: protocol.maxBytes }))
        : ownShare.within(protocol, peer, ask(link, protocol, peer, bytes, maxBytes))
  return asked.pipe(
    Effect.timeoutOrElse({
      duration: timeoutMs,
      orElse: () => Effect.fail(new RequestTimeout({ peer, timeoutMs }))
    }),
    Effect.mapError((reason) => new NetworkError({ operation: `request ${protocol.name}`, reason })),
    Effect.withSpan("Network.request", { attributes: { protocol: protocol.name, peer } })
  )
}

/** Sends an answer, and leaves the peer a moment to read it. */
const reply =
  (stream: Libp2pStream, timeoutMs: number) =>
  (answer: Answer): Effect.Effect<void> => {
    const framed = lpStream(stream)
    const taken = Effect.callback<void>((resume) => {
      const done = () => resume(Effect.void)
      if (stream.status !== "open") return done()
      stream.addEventListener("close", done, { once: true })
    })
    return Effect.tryPromise((signal) => framed.write(Frames.answerBytes(answer), { signal })).pipe(
      Effect.timeoutOption(timeoutMs),
      Effect.andThen(Effect.timeoutOption(taken, lingerMs)),
      Effect.ignore,
      Effect.andThen(Effect.sync(() => stream.abort(new Error("the request has ended"))))
    )
  }

/** Reads the request of a peer from its stream, has it handled, and answers. */
export const answer = (
  { protocol }: RequestServer,
  ticket: Ticket,
  stream: Libp2pStream,
  readTimeoutMs: number
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { maxBytes, timeoutMs } = protocol
    const framed = lpStream(stream, { maxDataLength: maxBytes, maxBufferSize: maxBytes + 1024 })
    const list = yield* Effect.tryPromise({
      try: (signal) => framed.read({ signal: AbortSignal.any([signal, AbortSignal.timeout(readTimeoutMs)]) }),
      catch: causeText
    }).pipe(Effect.onError(() => Effect.sync(ticket.release)))
    framed.unwrap()
    yield* ticket.handle(list.subarray(), reply(stream, timeoutMs))
  }).pipe(
    Effect.catch((why) =>
      Effect.andThen(
        Metric.update(Metrics.malformed, 1),
        Effect.sync(() => stream.abort(new Error(why)))
      )
    )
  )

/** Refuses a request without reading it. */
export const refuse = (
  server: RequestServer,
  reason: NetworkErrorReason,
  stream: Libp2pStream
): Effect.Effect<void> => server.answer(reply(stream, lingerMs), Exit.fail(reason))
