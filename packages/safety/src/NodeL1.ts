/**
 * Follows an L1 by the address of its execution client, whether that is one of HTTP or of a WebSocket.
 */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Deferred, Effect, Layer, type Scope, Semaphore } from "effect"
import { type Ask, makeEthClient } from "./l1/EthClient.ts"
import * as L1 from "./L1.ts"

/** Bounds of a connection. */
export interface Limits {
  /** Bytes of an answer; a longer one ends the connection. */
  readonly answerBytes: number
  /** Time for a dial, in milliseconds. */
  readonly dialTimeoutMs: number
}

/** 5 MiB, 10 s. */
export const defaults: Limits = { answerBytes: 5 * 1024 * 1024, dialTimeoutMs: 10_000 }

/** Where the execution client of the L1 is: `http(s)://` or `ws(s)://`. */
export interface Options extends L1.JsonRpcOptions {
  readonly limits?: Partial<Limits> | undefined
}

interface Line {
  readonly socket: NodeWS.WebSocket
  readonly waiting: Map<unknown, Deferred.Deferred<unknown, string>>
}

/** Opens a connection; whoever waits for an answer when it ends gets none. */
const dial = (url: string, limits: Limits, onEnd: (line: Line) => void) =>
  Effect.callback<Line, string>((resume) => {
    const socket = new NodeWS.WebSocket(url, {
      maxPayload: limits.answerBytes,
      handshakeTimeout: limits.dialTimeoutMs,
      perMessageDeflate: false
    })
    const line: Line = { socket, waiting: new Map() }
    const end = (why: string) => {
      onEnd(line)
      for (const one of line.waiting.values()) Deferred.doneUnsafe(one, Effect.fail(why))
      line.waiting.clear()
      resume(Effect.fail(why))
      socket.terminate()
    }
    socket.on("open", () => resume(Effect.succeed(line)))
    socket.on("error", (error) => end(error.message))
    socket.on("close", (code) => end(`the connection was closed (${code})`))
    socket.on("message", (data) => {
      let answer: unknown
      try {
        answer = JSON.parse(String(data))
      } catch {
        return end("the client sent something that is not JSON")
      }
      const id = typeof answer === "object" && answer !== null && "id" in answer ? answer.id : undefined
      const one = line.waiting.get(id)
      line.waiting.delete(id)
      if (one !== undefined) Deferred.doneUnsafe(one, Effect.succeed(answer))
    })
    return Effect.sync(() => socket.terminate())
  })

/** Asks over one connection, which is dialled when it is needed and was lost. */
const askOverSocket = Effect.fnUntraced(function* (
  url: string,
  limits: Limits
): Effect.fn.Return<Ask, never, Scope.Scope> {
  const dialling = yield* Semaphore.make(1)
  let current: Line | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => current?.socket.terminate()))
  const forget = (line: Line) => {
    if (current === line) current = undefined
  }
  const connected = dialling.withPermits(1)(
    Effect.suspend(() =>
      current === undefined
        ? Effect.tap(dial(url, limits, forget), (line) => Effect.sync(() => void (current = line)))
        : Effect.succeed(current)
    )
  )
  return Effect.fnUntraced(function* (request) {
    const { socket, waiting } = yield* connected
    const answer = yield* Deferred.make<unknown, string>()
    const id = (request as { readonly id: unknown }).id
    waiting.set(id, answer)
    socket.send(JSON.stringify(request))
    return yield* Effect.ensuring(
      Deferred.await(answer),
      Effect.sync(() => waiting.delete(id))
    )
  })
})

/** Follows the L1 behind a URL; see `L1.layerJsonRpc`. A lost connection is dialled again by the next question. */
export const layer = (options: Options): Layer.Layer<L1.L1> =>
  /^wss?:/.test(options.url)
    ? Layer.effect(
        L1.L1,
        Effect.flatMap(askOverSocket(options.url, { ...defaults, ...options.limits }), (ask) =>
          L1.make(makeEthClient(ask, options.url), options)
        )
      )
    : L1.layerJsonRpc(options)
