/**
 * One call at the server: requests in, frames out, and exactly one status at the end.
 */
import { Cause, Effect, Metric, Queue, Result, Stream } from "effect"
import type { CodecError } from "@ephor/types"
import * as Http2 from "node:http2"
import * as Grpc from "../Grpc.ts"
import * as Metrics from "../Metrics.ts"
import type { Deliver } from "../ObserverApi.ts"
import {
  InvalidArgument,
  ObserverError,
  Protocol,
  rangeTrailers,
  ResourceExhausted,
  statusOf
} from "../ObserverError.ts"
import { faultReason } from "./FrameFault.ts"
import { contentType, encodings, linger } from "./NodeRefusal.ts"
import { deflate, inflateOf } from "../grpc/NodeEncoding.ts"

/** A bidirectional method: how bytes become requests, and responses frames. */
export interface Method<Request, Response> {
  readonly name: string
  readonly decode: (bytes: Uint8Array) => Result.Result<Request, CodecError>
  readonly call: (
    requests: Stream.Stream<Request>,
    deliver?: Deliver<Response>
  ) => Stream.Stream<Response, ObserverError>
  readonly frame: (response: Response) => Uint8Array
  /** The last commit in a response, if there is one. */
  readonly lastCommit?: (response: Response) => number | undefined
  /** Whoever may connect may call it, without a token. Default false. */
  readonly isOpen?: boolean
}

/** Limits of one call; `ServerOptions` documents them. */
export interface CallLimits {
  readonly maxRequestBytes: number
  readonly writeStallMs: number
  readonly writeBufferBytes: number
  readonly minCompressBytes: number
}

/** What a call's headers ask for. */
export interface CallOptions {
  /** What messages to the peer may be compressed with. */
  readonly packs: Grpc.Encoding | undefined
  /** What the peer's messages may be compressed with. */
  readonly unpacks: Grpc.Encoding | undefined
  readonly timeoutMs: number | undefined
}

/** Requests that may wait before the publisher has looked at them. */
const requestQueue = 64
/** Larger frames are written in pieces, so that progress can be seen. */
const pieceBytes = 256 * 1024

/** See `open`. */
export class ServerCall {
  readonly stream: Http2.ServerHttp2Stream
  #trailers: Record<string, string> | undefined
  readonly options: CallOptions
  /** The limit of ours that has ended the call, if one has. */
  exceeded: "message" | "slow" | undefined
  /** Bytes of frames, and the last commit in them. */
  sentBytes = 0
  lastCommit: number | undefined

  constructor(stream: Http2.ServerHttp2Stream, options: CallOptions) {
    this.stream = stream
    this.options = options
    stream.respond(
      {
        ":status": 200,
        "content-type": contentType,
        "grpc-accept-encoding": encodings,
        ...(options.packs === undefined ? {} : { "grpc-encoding": options.packs })
      },
      { waitForTrailers: true }
    )
    stream.on("wantTrailers", () => {
      stream.sendTrailers(this.#trailers ?? { "grpc-status": String(Grpc.Status.Internal) })
      linger(stream)
    })
  }

  /** Ends the call with a status. Only the first one counts. */
  finish(status: number, why: string, more: Record<string, string> = {}): void {
    if (this.#trailers !== undefined) return
    this.#trailers = { "grpc-status": String(status), ...more }
    if (why !== "") this.#trailers["grpc-message"] = Grpc.encodeMessage(why)
    const { stream } = this
    if (stream.destroyed || stream.closed) return
    // Trailers queue behind data that a slow reader does not take: such a call can only be reset.
    if (this.exceeded === "slow") stream.close(Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
    else stream.end()
  }

  fail(error: ObserverError): void {
    const { reason } = error
    const range =
      reason._tag === "OutOfRange"
        ? { [rangeTrailers.earliest]: String(reason.earliest), [rangeTrailers.latest]: String(reason.latest) }
        : {}
    this.finish(statusOf[reason._tag], reason.message, range)
  }

  get status(): string {
    return this.#trailers?.["grpc-status"] ?? String(Grpc.Status.Cancelled)
  }

  /** Requests as they come. Half-closing ends them; garbage fails the second effect. */
  requests<Request>({ decode, name }: Pick<Method<Request, unknown>, "decode" | "name">, limits: CallLimits) {
    return Effect.gen({ self: this }, function* () {
      const queue = yield* Queue.make<Request, Cause.Done>({ capacity: requestQueue, strategy: "dropping" })
      const { stream } = this
      const { unpacks } = this.options
      const inflate = unpacks === undefined ? undefined : inflateOf(unpacks)
      const deframer = new Grpc.Deframer(limits.maxRequestBytes, inflate)
      let refuseWith: ((error: ObserverError) => void) | undefined
      let refused: ObserverError | undefined
      const giveUp = (reason: ObserverError["reason"]) => {
        refused ??= new ObserverError({ where: name, reason })
        refuseWith?.(refused)
      }
      stream.on("data", (chunk: Uint8Array) => {
        if (refused !== undefined) return
        const messages = deframer.push(chunk)
        if (Grpc.isFault(messages)) {
          if (messages.status === Grpc.Status.ResourceExhausted) this.exceeded ??= "message"
          return giveUp(faultReason(messages))
        }
        for (const message of messages) {
          const request = decode(message)
          if (Result.isFailure(request)) return giveUp(decodeReason(request.failure))
          if (!Queue.offerUnsafe(queue, request.success)) {
            return giveUp(new ResourceExhausted({ why: `more than ${requestQueue} commands at once` }))
          }
        }
        return undefined
      })
      stream.on("end", () => Queue.endUnsafe(queue))
      const garbage = Effect.callback<never, ObserverError>((resume) => {
        refuseWith = (error) => resume(Effect.fail(error))
        if (refused !== undefined) refuseWith(refused)
      })
      return { requests: Stream.fromQueue(queue), garbage }
    })
  }

  /** Writes frames at once; what it returns suspends while the peer does not take what was written before. */
  write(
    frames: ReadonlyArray<Uint8Array>,
    where: string,
    limits: CallLimits
  ): Effect.Effect<void, ObserverError> {
    const { stream } = this
    let next = 0
    let at = 0
    /** Whether it all went. */
    const fill = (): boolean => {
      while (next < frames.length) {
        const frame = frames[next]!
        const piece = at === 0 && frame.length <= pieceBytes ? frame : frame.subarray(at, at + pieceBytes)
        at += piece.length
        if (at === frame.length) {
          next++
          at = 0
        }
        if (!stream.write(piece) && stream.writableLength >= limits.writeBufferBytes) return false
      }
      return true
    }
    const proceed = (): Effect.Effect<void, ObserverError> => {
      if (stream.destroyed || stream.writableEnded) return Effect.interrupt
      // What is ready together goes into HTTP/2 together.
      const several = frames.length > 1
      if (several) stream.cork()
      const whole = fill()
      if (several) stream.uncork()
      if (whole) return Effect.void
      return Effect.andThen(this.#drained(where, limits.writeStallMs), Effect.suspend(proceed))
    }
    return proceed()
  }

  /** Waits until the peer has taken everything, but not for long. */
  #drained(where: string, writeStallMs: number): Effect.Effect<void, ObserverError> {
    const { stream } = this
    return Effect.callback<void, ObserverError>((resume) => {
      const onDrain = () => {
        clearTimeout(timer)
        resume(Effect.void)
      }
      const timer = setTimeout(() => {
        stream.off("drain", onDrain)
        this.exceeded = "slow"
        const why = `slow subscriber: took nothing for ${writeStallMs} ms`
        resume(Effect.fail(new ObserverError({ where, reason: new ResourceExhausted({ why }) })))
      }, writeStallMs)
      stream.once("drain", onDrain)
      return Effect.sync(() => {
        clearTimeout(timer)
        stream.off("drain", onDrain)
      })
    })
  }
}

/** Values out of range are the caller's mistake; bytes that are no message are not protobuf at all. */
const decodeReason = (error: CodecError) =>
  error.fault === "OutOfRange" || error.fault === "UnknownVariant"
    ? new InvalidArgument({ why: error.message })
    : new Protocol({ why: error.message })

/** Runs a call to its end: answers until the peer leaves, the deadline passes, or something fails; `sent` is told of each frame. */
export const run = <Request, Response>(
  call: ServerCall,
  method: Method<Request, Response>,
  limits: CallLimits,
  sent: (bytes: number) => void
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { packs, timeoutMs } = call.options
    const { garbage, requests } = yield* call.requests(method, limits)
    const send = (frames: ReadonlyArray<Uint8Array>) => {
      for (const { length } of frames) {
        sent(length)
        call.sentBytes += length
      }
      return call.write(frames, method.name, limits)
    }
    const { lastCommit } = method
    const note = (responses: ReadonlyArray<Response>) => {
      if (lastCommit === undefined) return
      for (const response of responses) call.lastCommit = lastCommit(response) ?? call.lastCommit
    }
    // By the array, not by the response: at a high rate that is most of what it costs.
    const deliver: Deliver<Response> = (responses) => {
      note(responses)
      return send(responses.map(method.frame))
    }
    const pack =
      (encoding: Grpc.Encoding): Deliver<Response> =>
      (responses) =>
        Effect.flatMap(
          Effect.forEach(responses, (one) => deflate(method.frame(one), encoding, limits.minCompressBytes)),
          (frames) => {
            note(responses)
            return send(frames)
          }
        )
    const answer =
      packs === undefined
        ? Stream.runForEachArray(method.call(requests, deliver), deliver)
        : Stream.runForEachArray(method.call(requests), pack(packs))
    const bounded = timeoutMs === undefined ? answer : Effect.timeout(answer, timeoutMs)
    yield* Effect.raceFirst(bounded, garbage)
  }).pipe(
    Effect.matchCause({
      onSuccess: () => call.finish(Grpc.Status.Ok, ""),
      onFailure: (cause) => {
        const error = Cause.findErrorOption(cause)
        if (error._tag === "None") {
          const crashed = Cause.hasDies(cause)
          if (crashed) call.finish(Grpc.Status.Internal, "internal error")
          else call.finish(Grpc.Status.Unavailable, "the server is shutting down")
        } else if (error.value._tag === "TimeoutError")
          call.finish(Grpc.Status.DeadlineExceeded, "deadline exceeded")
        else call.fail(error.value)
      }
    }),
    Effect.andThen(
      Effect.suspend(() => {
        const ended = Metric.update(Metric.withAttributes(Metrics.callsEnded, { status: call.status }), 1)
        if (call.exceeded === undefined) return ended
        return Effect.andThen(ended, Metric.update(Metrics.refusedByServer(call.exceeded), 1))
      })
    )
  )
