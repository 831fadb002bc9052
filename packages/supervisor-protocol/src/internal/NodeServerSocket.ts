/**
 * One WebSocket of a server: frames in and out, pings, and no patience for a peer that does not read.
 */
import type { NodeWS } from "@effect/platform-node"
import { Effect, type Fiber, Metric } from "effect"
import type { Server } from "../ManagedNodeServer.ts"
import * as Metrics from "../Metrics.ts"
import { keepAlive, type KeepAliveLimits } from "./NodeKeepAlive.ts"

export interface SocketLimits extends KeepAliveLimits {
  readonly unreadBytes: number
  readonly callsInFlight: number
  readonly writeTimeoutMs: number
}

/** Starts an effect of the server's scope. */
export type Run = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

const textOf = (data: NodeWS.RawData): string =>
  Buffer.isBuffer(data)
    ? data.toString("utf8")
    : Buffer.concat([data].flat().map((part) => new Uint8Array(part))).toString("utf8")

export const serveSocket = (
  socket: NodeWS.WebSocket,
  server: Server,
  limits: SocketLimits,
  run: Run
): void => {
  let written = 0
  let unwritten = 0
  let inFlight = 0

  const breakOff = (why: string) => {
    socket.terminate()
    run(
      Effect.andThen(
        Metric.update(Metrics.slowPeers, 1),
        Effect.logWarning("a connection was broken off", { why })
      )
    )
  }
  const send = (frame: string): boolean => {
    if (socket.readyState !== socket.OPEN) return false
    if (socket.bufferedAmount > limits.unreadBytes) {
      breakOff(`more than ${limits.unreadBytes} bytes are unread`)
      return false
    }
    unwritten++
    socket.send(frame, () => {
      unwritten--
      written++
    })
    return true
  }
  const session = server.open(send)
  const settled = (goOn: boolean) => {
    inFlight--
    if (!goOn) socket.close()
    else if (socket.isPaused && inFlight < limits.callsInFlight) socket.resume()
  }
  socket.on("message", (data: NodeWS.RawData) => {
    inFlight++
    if (inFlight >= limits.callsInFlight) socket.pause()
    run(Effect.map(session.receive(textOf(data)), settled))
  })
  // An error is always followed by "close".
  socket.on("error", () => socket.terminate())

  const pings = run(Effect.map(keepAlive(socket, limits), breakOff))
  const watchWrites = run(
    Effect.forever(
      Effect.gen(function* () {
        const before = written
        const waiting = unwritten > 0
        yield* Effect.sleep(limits.writeTimeoutMs)
        if (waiting && written === before) breakOff(`nothing was read within ${limits.writeTimeoutMs} ms`)
      })
    )
  )
  run(Metric.modify(Metrics.connections, 1))
  socket.once("close", () => {
    session.close()
    pings.interruptUnsafe()
    watchWrites.interruptUnsafe()
    run(Metric.modify(Metrics.connections, -1))
  })
}
