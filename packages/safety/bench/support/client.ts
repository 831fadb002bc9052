/**
 * A thread with keep-alive connections that post one request after the other. Bare sockets: they cost the machine less
 * than an HTTP client would, and the server can not tell the difference.
 */
import { connect, type Socket } from "node:net"
import { parentPort, workerData } from "node:worker_threads"

/** What the thread is started with. */
export interface Job {
  readonly port: number
  /** Bodies of requests, taken in turn. */
  readonly bodies: ReadonlyArray<string>
  readonly connections: number
  readonly requests: number
  /** Requests before those that count. */
  readonly warmUp: number
}

/** What the thread answers. */
export interface Outcome {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers that were not `"result":null`. */
  readonly refused: number
}

const { bodies, connections, port, requests, warmUp } = workerData as Job
const frames = bodies.map((body) =>
  Buffer.from(
    `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  )
)
const latencies: Array<number> = []
let sent = 0
let refused = 0
let startedAt = 0
let open = connections

const finish = () => {
  const seconds = (performance.now() - startedAt) / 1000
  const sorted = Float64Array.from(latencies).sort()
  const outcome: Outcome = {
    perSecond: sorted.length / seconds,
    p50Ms: sorted[Math.floor(sorted.length * 0.5)]!,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)]!,
    refused
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a thread, not a window
  parentPort?.postMessage(outcome)
}

/** The length of a whole answer at the front of the text; 0 while a part is missing. */
const answerLength = (text: string): number => {
  const head = text.indexOf("\r\n\r\n")
  if (head < 0) return 0
  const length = /content-length: (\d+)/i.exec(text)
  if (length === null) throw new Error(`an answer without a length: ${text}`)
  const end = head + 4 + Number(length[1])
  return text.length < end ? 0 : end
}

const post = (socket: Socket): number => {
  if (sent === warmUp) startedAt = performance.now()
  if (sent === warmUp + requests) {
    socket.end()
    if (--open === 0) finish()
    return 0
  }
  socket.write(frames[sent++ % frames.length]!)
  return performance.now()
}

for (let i = 0; i < connections; i++) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true })
  let text = ""
  let at = 0
  socket.setEncoding("latin1")
  socket.on("connect", () => {
    at = post(socket)
  })
  socket.on("data", (data: string) => {
    text += data
    if (answerLength(text) === 0) return
    if (startedAt > 0 && at >= startedAt) latencies.push(performance.now() - at)
    if (!text.includes('"result":null')) refused += 1
    text = ""
    at = post(socket)
  })
}
