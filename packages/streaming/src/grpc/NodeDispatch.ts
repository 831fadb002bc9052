/** Which calls are let in: headers, tokens, methods and limits, in the order of what they cost us. */
import { Effect } from "effect"
import type * as Http2 from "node:http2"
import * as Grpc from "../Grpc.ts"
import type * as Metrics from "../Metrics.ts"
import type { ServerOptions } from "../NodeGrpcServer.ts"
import { bearerName, type TokenCheck } from "../NodeTokens.ts"
import type { Peer } from "./NodeConnections.ts"
import type { Router } from "./NodeRouter.ts"
import type { Subscribers } from "./NodeSubscribers.ts"
import { encodings, linger, refuse } from "./NodeRefusal.ts"
import { type CallOptions, run, ServerCall } from "./NodeServerCall.ts"

/** Calls open by key or token. */
class Identities {
  readonly #open = new Map<string, number>()

  /** Takes a place; whether there was one. */
  enter(name: string, most: number): boolean {
    const open = this.#open.get(name) ?? 0
    if (open >= most) return false
    this.#open.set(name, open + 1)
    return true
  }

  leave(name: string): void {
    const rest = this.#open.get(name)! - 1
    if (rest === 0) this.#open.delete(name)
    else this.#open.set(name, rest)
  }
}

/** What the headers of a call ask for, or how it was refused. */
const optionsOf = (
  stream: Http2.ServerHttp2Stream,
  headers: Http2.IncomingHttpHeaders,
  compression: ServerOptions["compression"]
): CallOptions | "refused" => {
  const bare = (status: number) => {
    stream.respond({ ":status": status }, { endStream: true })
    linger(stream)
    return "refused" as const
  }
  if (!Grpc.isContentType(headers["content-type"])) return bare(415)
  if (headers[":method"] !== "POST") return bare(405)
  const encoding = headers["grpc-encoding"] ?? "identity"
  const unpacks = Grpc.isEncoding(encoding) ? encoding : undefined
  if (encoding !== "identity" && unpacks === undefined) {
    const why = `encoding ${String(encoding)} is not supported: send ${encodings}`
    refuse(stream, Grpc.Status.Unimplemented, why)
    return "refused"
  }
  const timeout = headers["grpc-timeout"]
  const timeoutMs = typeof timeout === "string" ? Grpc.parseTimeout(timeout) : undefined
  if (timeout !== undefined && timeoutMs === undefined) {
    const why = `grpc-timeout ${JSON.stringify(timeout)} is not up to eight digits and one of HMSmun`
    refuse(stream, Grpc.Status.Internal, why)
    return "refused"
  }
  const packs = compression.find((one) => Grpc.accepts(headers["grpc-accept-encoding"], one))
  return { packs, unpacks, timeoutMs }
}

/** Size of headers as HTTP/2 counts it. */
const headerBytes = (rawHeaders: ReadonlyArray<string>): number =>
  rawHeaders.reduce((sum, text) => sum + text.length, rawHeaders.length * 16)

/** Decides about calls in the order of cost, and runs those that are let in. */
export const dispatch = (
  options: ServerOptions,
  route: Router,
  check: TokenCheck | undefined,
  calls: Set<ServerCall>,
  fork: (work: Effect.Effect<void>) => { readonly interruptUnsafe: () => void },
  refused: (cause: Metrics.Refusal) => void,
  subscribers: Subscribers,
  sent: (bytes: number) => void
) => {
  const identities = new Identities()
  const { ResourceExhausted, Unauthenticated, Unimplemented } = Grpc.Status

  const begin = (peer: Peer, stream: Http2.ServerHttp2Stream, headers: Http2.IncomingHttpHeaders) => {
    if (stream.destroyed || stream.closed) return
    const asked = optionsOf(stream, headers, options.compression)
    if (asked === "refused") return
    const path = String(headers[":path"])
    const method = route(path)
    if (method === undefined) {
      refuse(stream, Unimplemented, `${path.slice(0, 200)} is not a method of this server`)
      return
    }
    const token = check === undefined ? undefined : bearerName(headers.authorization)
    const name = peer.key ?? token
    if (name !== undefined && !identities.enter(name, options.maxCallsPerIdentity)) {
      refused("identity")
      refuse(
        stream,
        ResourceExhausted,
        `${options.maxCallsPerIdentity} calls are open with this key or token`
      )
      return
    }
    const call = new ServerCall(stream, asked)
    calls.add(call)
    // Probes are no subscribers.
    const leave =
      method.isOpen === true
        ? () => {}
        : subscribers.enter({ key: peer.key, token, address: peer.address }, call)
    const wrote = (bytes: number) => {
      peer.control.answered()
      sent(bytes)
    }
    const fiber = fork(run(call, method, options, wrote))
    stream.on("close", () => {
      calls.delete(call)
      leave()
      if (name !== undefined) identities.leave(name)
      fiber.interruptUnsafe()
    })
  }

  return (
    peer: Peer,
    stream: Http2.ServerHttp2Stream,
    headers: Http2.IncomingHttpHeaders,
    rawHeaders: ReadonlyArray<string>
  ): void => {
    if (peer.stranger !== undefined) {
      refuse(stream, Unauthenticated, peer.stranger)
      return
    }
    if (headerBytes(rawHeaders) > options.maxHeaderBytes) {
      refused("headers")
      refuse(stream, ResourceExhausted, `headers are above the limit of ${options.maxHeaderBytes} bytes`)
      return
    }
    const isOpen = route(String(headers[":path"]))?.isOpen === true
    const known = isOpen || (check?.(headers.authorization) ?? true)
    const decide = (passed: boolean) => {
      if (passed) return begin(peer, stream, headers)
      refused("token")
      const missing = headers.authorization === undefined
      const why = missing ? "send authorization: Bearer and a token" : "this token is not known here"
      return refuse(stream, Unauthenticated, why)
    }
    if (typeof known === "boolean") {
      decide(known)
      return
    }
    const asking = fork(
      known.pipe(
        Effect.timeoutOrElse({ duration: options.tokenCheckMs, orElse: () => Effect.succeed(false) }),
        Effect.catchCause(() => Effect.succeed(false)),
        Effect.map(decide)
      )
    )
    stream.on("close", () => asking.interruptUnsafe())
  }
}
