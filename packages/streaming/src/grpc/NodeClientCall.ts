/**
 * One call at the client: commands out, messages in as fast as they are pulled, and the status at the end.
 */
import { Cause, Effect, type Pull, Redacted, Result, Stream } from "effect"
import type { CodecError } from "@ephor/types"
import * as Http2 from "node:http2"
import * as Grpc from "../Grpc.ts"
import {
  Cancelled,
  ObserverError,
  type ObserverErrorReason,
  Protocol,
  reasonOfStatus,
  Unavailable
} from "../ObserverError.ts"
import { faultReason } from "./FrameFault.ts"
import { inflateOf } from "../grpc/NodeEncoding.ts"

/** A bidirectional method as the client sees it. */
export interface ClientMethod<Request, Response> {
  readonly name: string
  readonly path: string
  readonly encode: (request: Request) => Uint8Array
  readonly decode: (parts: Grpc.Parts) => Result.Result<Response, CodecError>
}

/** What the calls of a client have in common; `ClientOptions` documents it. */
export interface CallOptions {
  readonly maxMessageBytes: number
  readonly bufferedBytes: number
  readonly metadata: Readonly<Record<string, string>>
  readonly token: Redacted.Redacted<string> | undefined
  readonly compression: ReadonlyArray<Grpc.Encoding>
  readonly deadlineMs: number | undefined
  /** Called when a bound of ours ends a call. */
  readonly refused: (cause: "message") => void
}

type Incoming = Http2.IncomingHttpHeaders & Http2.IncomingHttpStatusHeader

/** Collects what arrives on a stream, and knows how it ended. */
class Inbox<Response> {
  readonly #session: Http2.ClientHttp2Session
  readonly #stream: Http2.ClientHttp2Stream
  readonly #method: Pick<ClientMethod<never, Response>, "name" | "decode">
  readonly #options: CallOptions
  #deframer: Grpc.Deframer
  #messages: Array<Response> = []
  #bytes = 0
  #status: Incoming | undefined
  #response: Incoming | undefined
  #ended: { readonly reason: ObserverErrorReason | undefined } | undefined
  #wake: (() => void) | undefined
  #wakesSoon = false

  constructor(
    session: Http2.ClientHttp2Session,
    stream: Http2.ClientHttp2Stream,
    method: Pick<ClientMethod<never, Response>, "name" | "decode">,
    options: CallOptions
  ) {
    this.#session = session
    this.#stream = stream
    this.#method = method
    this.#options = options
    this.#deframer = new Grpc.Deframer(options.maxMessageBytes)
    stream.on("response", (headers) => {
      this.#response = headers
      // Trailers-only: the status is in the first and last block of headers.
      if (headers["grpc-status"] !== undefined) this.#status = headers
      const http = headers[":status"] ?? 200
      if (http !== 200)
        this.#end(reasonOfStatus(Grpc.statusOfHttp(http), `the peer answered HTTP status ${http}`))
      else if (!Grpc.isContentType(headers["content-type"])) {
        this.#end(
          new Protocol({
            why: `the peer answered ${headers["content-type"] ?? "without a content type"}, not gRPC`
          })
        )
      } else this.#agree(headers["grpc-encoding"])
    })
    stream.on("trailers", (headers: Incoming) => (this.#status = headers))
    stream.on("data", (chunk: Uint8Array) => this.#take(chunk))
    stream.on("end", () => this.#end(this.#statusReason()))
    stream.on("error", (error) => this.#end(this.#resetReason() ?? new Unavailable({ why: error.message })))
    stream.on("close", () => this.#end(this.#resetReason() ?? this.#statusReason()))
  }

  /** How the peer's messages are packed: as we have asked for, or not at all. */
  #agree(encoding: string | Array<string> | undefined): void {
    const { compression, maxMessageBytes } = this.#options
    if (encoding === undefined || encoding === "identity") return
    if (Grpc.isEncoding(encoding) && compression.includes(encoding))
      this.#deframer = new Grpc.Deframer(maxMessageBytes, inflateOf(encoding))
    else
      this.#end(
        new Protocol({ why: `the peer answers with encoding ${String(encoding)}, which was not asked for` })
      )
  }

  #take(chunk: Uint8Array): void {
    if (this.#ended !== undefined) return
    const messages = this.#deframer.pushParts(chunk)
    if (Grpc.isFault(messages)) {
      if (messages.status === Grpc.Status.ResourceExhausted) this.#options.refused("message")
      return this.#end(faultReason(messages))
    }
    for (const message of messages) {
      const response = this.#method.decode(message)
      if (Result.isFailure(response)) return this.#end(new Protocol({ why: response.failure.message }))
      this.#messages.push(response.success)
      for (const { length } of message) this.#bytes += length
    }
    if (messages.length > 0) this.#announce()
    if (this.#bytes > this.#options.bufferedBytes) this.#stream.pause()
    return undefined
  }

  /** Wakes whoever waits: at once for what comes alone, for many together if more is on its way already. */
  #announce(): void {
    if (this.#wake === undefined) return
    if (this.#deframer.pendingBytes === 0 || this.#bytes > this.#options.bufferedBytes) return this.#wake()
    if (this.#wakesSoon) return
    this.#wakesSoon = true
    setImmediate(() => {
      this.#wakesSoon = false
      this.#wake?.()
    })
  }

  /** Ends the call at its deadline. */
  expire(deadlineMs: number): void {
    this.#end(new Cancelled({ why: `the deadline of ${deadlineMs} ms has passed` }))
  }

  #end(reason: ObserverErrorReason | undefined): void {
    if (this.#ended !== undefined) return
    this.#ended = { reason }
    this.#wake?.()
  }

  /** The peer's word about the end, `undefined` for success. */
  #statusReason(): ObserverErrorReason | undefined {
    const headers = this.#status
    if (headers === undefined) {
      const why = this.#response === undefined ? "no answer came" : "the answer ended without a status"
      return new Unavailable({ why: `the connection was lost: ${why}` })
    }
    const status = Number(headers["grpc-status"])
    if (status === Grpc.Status.Ok) {
      return this.#deframer.pendingBytes > 0
        ? new Protocol({ why: "the answer ended inside a message" })
        : undefined
    }
    const header = (name: string) => {
      const value = headers[name]
      return Array.isArray(value) ? value[0] : value
    }
    return reasonOfStatus(status, Grpc.decodeMessage(header("grpc-message") ?? ""), header)
  }

  /** The reason of a reset; nothing if the stream was not reset, or if a status came before it. */
  #resetReason(): ObserverErrorReason | undefined {
    const code = this.#stream.rstCode
    if (this.#status !== undefined || code === undefined || code === Http2.constants.NGHTTP2_NO_ERROR)
      return undefined
    if (this.#session.destroyed) {
      return new Unavailable({ why: "the connection was lost" })
    }
    return reasonOfStatus(Grpc.statusOfReset(code), `the peer reset the stream (HTTP/2 error ${code})`)
  }

  /** What has arrived, at least one message; then the end. Pulling is what lets the peer send more. */
  readonly pull: Pull.Pull<readonly [Response, ...Array<Response>], ObserverError> = Effect.suspend(() => {
    if (this.#messages.length > 0) {
      const messages = this.#messages as unknown as readonly [Response, ...Array<Response>]
      this.#messages = []
      this.#bytes = 0
      if (this.#stream.isPaused()) this.#stream.resume()
      return Effect.succeed(messages)
    }
    if (this.#ended !== undefined) {
      const { reason } = this.#ended
      return reason === undefined
        ? Cause.done()
        : Effect.fail(new ObserverError({ where: this.#method.name, reason }))
    }
    return Effect.andThen(this.#arrival, this.pull)
  })

  readonly #arrival = Effect.callback<void>((resume) => {
    if (this.#messages.length > 0 || this.#ended !== undefined) return resume(Effect.void)
    this.#wake = () => {
      this.#wake = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => (this.#wake = undefined))
  })
}

const write = (stream: Http2.ClientHttp2Stream, bytes: Uint8Array): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (stream.destroyed || stream.writableEnded) return Effect.interrupt
    if (stream.write(bytes)) return Effect.void
    return Effect.callback<void>((resume) => {
      const onDrain = () => resume(Effect.void)
      stream.once("drain", onDrain)
      return Effect.sync(() => stream.off("drain", onDrain))
    })
  })

/** Opens a stream on a session and runs a call on it. Leaving the result's scope cancels the call. */
export const call = <Request, Response>(
  session: Effect.Effect<Http2.ClientHttp2Session, ObserverError>,
  method: ClientMethod<Request, Response>,
  options: CallOptions,
  requests: Stream.Stream<Request>
): Stream.Stream<Response, ObserverError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const open = yield* session
      const stream = yield* Effect.acquireRelease(
        Effect.try({
          try: () =>
            open.request({
              ...options.metadata,
              ":method": "POST",
              ":path": method.path,
              "content-type": "application/grpc",
              te: "trailers",
              "grpc-accept-encoding": Grpc.encodingList(options.compression),
              ...(options.deadlineMs === undefined
                ? {}
                : { "grpc-timeout": Grpc.timeoutText(options.deadlineMs) }),
              ...(options.token === undefined
                ? {}
                : { authorization: `Bearer ${Redacted.value(options.token)}` })
            }),
          catch: (cause) => {
            const why = cause instanceof Error ? cause.message : String(cause)
            return new ObserverError({ where: method.name, reason: new Unavailable({ why }) })
          }
        }),
        (stream) =>
          Effect.sync(() => {
            if (!stream.closed) stream.close(Http2.constants.NGHTTP2_CANCEL)
            stream.resume()
          })
      )
      const inbox = new Inbox<Response>(open, stream, method, options)
      yield* Stream.runForEach(requests, (request) => write(stream, Grpc.frame(method.encode(request)))).pipe(
        Effect.andThen(Effect.sync(() => stream.end())),
        Effect.forkScoped
      )
      if (options.deadlineMs !== undefined) {
        // The peer knows the deadline too; ours holds even if it does not care.
        yield* Effect.sleep(options.deadlineMs).pipe(
          Effect.andThen(Effect.sync(() => inbox.expire(options.deadlineMs!))),
          Effect.forkScoped
        )
      }
      return Stream.fromPull(Effect.succeed(inbox.pull))
    })
  )

/** A call with one request and one response. */
export const unary = <Request, Response>(
  session: Effect.Effect<Http2.ClientHttp2Session, ObserverError>,
  method: ClientMethod<Request, Response>,
  options: CallOptions,
  request: Request
): Effect.Effect<Response, ObserverError> =>
  call(session, method, options, Stream.succeed(request)).pipe(
    Stream.runHead,
    Effect.flatMap((answer) => {
      if (answer._tag === "Some") return Effect.succeed(answer.value)
      const reason = new Protocol({ why: "the peer ended the call without an answer" })
      return Effect.fail(new ObserverError({ where: method.name, reason }))
    })
  )
