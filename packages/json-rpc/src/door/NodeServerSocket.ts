/**
 * One WebSocket of a server: frames in and out, pings, and no patience for a peer that does not read.
 */
import type * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect, Metric } from "effect"
import type { Open } from "../JsonRpcServer.ts"
import * as Metrics from "../Metrics.ts"
import type { Run } from "../NodeDoor.ts"
import { textOf } from "../NodeSocket.ts"
import { keepAlive, type KeepAliveLimits } from "../socket/NodeKeepAlive.ts"

/** Bounds of a connection. */
export interface SocketLimits extends KeepAliveLimits {
  /** Bytes that a slow peer may leave unread before its connection is broken off. */
  readonly unreadBytes: number
  /** Calls that one connection may have in flight; reading pauses at that number. */
  readonly callsInFlight: number
  /** Time in which a peer must take something of what is sent to it, in milliseconds. */
  readonly writeTimeoutMs: number
}

export const serveSocket = (socket: NodeWS.WebSocket, open: Open, limits: SocketLimits, run: Run): void => {
  let written = 0
  let unwritten = 0
  let inFlight = 0
  const waiting: Array<string> = []

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
  const session = open(send)
  const start = (frame: string) => {
    inFlight++
    run(Effect.map(session.receive(frame), settled))
  }
  const settled = (goOn: boolean) => {
    inFlight--
    if (!goOn) {
      waiting.length = 0
      return socket.close()
    }
    const next = waiting.shift()
    if (next !== undefined) start(next)
    else if (socket.isPaused) socket.resume()
  }
  socket.on("message", (data: NodeWS.RawData) => {
    const frame = textOf(data)
    if (inFlight < limits.callsInFlight) return start(frame)
    // A paused socket still hands over the frames that were read already: as many as fit into one read.
    waiting.push(frame)
    socket.pause()
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
  run(Metric.modify(Metrics.sockets, 1))
  socket.once("close", () => {
    session.close()
    pings.interruptUnsafe()
    watchWrites.interruptUnsafe()
    run(Metric.modify(Metrics.sockets, -1))
  })
}
