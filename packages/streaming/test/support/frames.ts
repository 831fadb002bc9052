/**
 * HTTP/2 by hand: frames, headers without compression, and a socket that sends whatever it is told to.
 */
import { Effect } from "effect"
import * as Net from "node:net"

/** Types of frames. */
export const Type = {
  Data: 0,
  Headers: 1,
  Reset: 3,
  Settings: 4,
  Ping: 6,
  GoAway: 7,
  Window: 8,
  Continuation: 9
} as const
/** ACK on SETTINGS and PING, END_STREAM on HEADERS and DATA. */
export const ack = 1
/** END_HEADERS. */
export const endHeaders = 4

/** One frame. */
export const frame = (
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array()
): Buffer => {
  const out = Buffer.alloc(9 + payload.length)
  out.writeUIntBE(payload.length, 0, 3)
  out[3] = type
  out[4] = flags
  out.writeUInt32BE(stream, 5)
  out.set(payload, 9)
  return out
}

const length = (value: number): Buffer => {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}

/** One header, spelled out. */
export const header = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([0]),
    length(name.length),
    Buffer.from(name, "latin1"),
    length(value.length),
    Buffer.from(value, "latin1")
  ])

/** The headers of a call. */
export const callHeaders = (path: string, more: Readonly<Record<string, string>> = {}): Buffer =>
  Buffer.concat(
    Object.entries({
      ":method": "POST",
      ":scheme": "http",
      ":authority": "publisher.test",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...more
    }).map(([name, value]) => header(name, value))
  )

/** HEADERS that open a stream. */
export const open = (stream: number, path: string, more?: Readonly<Record<string, string>>): Buffer =>
  frame(Type.Headers, endHeaders, stream, callHeaders(path, more))

/** RST_STREAM. */
export const reset = (stream: number, code = 8): Buffer => {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(code)
  return frame(Type.Reset, 0, stream, payload)
}

/** What a client says first. */
export const preface = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  frame(Type.Settings, 0, 0)
])

/** A socket, and what came back on it. */
export class Raw {
  readonly socket: Net.Socket
  readonly #frames: Array<{ readonly type: number; readonly stream: number; readonly payload: Buffer }> = []
  #rest: Buffer = Buffer.alloc(0)
  closed = false
  /** Told of each frame that comes: for peers that react. */
  onFrame: (type: number, flags: number, payload: Buffer) => void = () => {}

  constructor(port: number) {
    this.socket = Net.connect(port, "127.0.0.1")
    this.socket.on("error", () => {})
    this.socket.on("close", () => (this.closed = true))
    this.socket.on("data", (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk])
      while (this.#rest.length >= 9) {
        const size = this.#rest.readUIntBE(0, 3)
        if (this.#rest.length < 9 + size) return
        const payload = Buffer.from(this.#rest.subarray(9, 9 + size))
        const type = this.#rest[3]!
        this.#frames.push({ type, stream: this.#rest.readUInt32BE(5), payload })
        const flags = this.#rest[4]!
        this.#rest = this.#rest.subarray(9 + size)
        this.onFrame(type, flags, payload)
      }
    })
  }

  /** Error codes of the frames of a type that carry one. */
  codes(type: typeof Type.Reset | typeof Type.GoAway): ReadonlyArray<number> {
    const at = type === Type.Reset ? 0 : 4
    return this.#frames.filter((one) => one.type === type).map(({ payload }) => payload.readUInt32BE(at))
  }

  /** Frames of a type that have come. */
  count(type: number): number {
    return this.#frames.filter((one) => one.type === type).length
  }

  /** Sends, unless the peer has hung up. */
  send(...chunks: ReadonlyArray<Uint8Array>): void {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(Buffer.concat(chunks))
  }
}

/** A raw connection for the time of a scope. */
export const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Raw>((resume) => {
      const raw = new Raw(port)
      raw.socket.once("connect", () => resume(Effect.succeed(raw)))
    }),
    (raw) => Effect.sync(() => raw.socket.destroy())
  )

/** Waits until something holds; dies after `timeoutMs`. */
export const until = Effect.fnUntraced(function* (what: string, holds: () => boolean, timeoutMs = 15_000) {
  const endMs = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > endMs) return yield* Effect.die(new Error(`never: ${what}`))
    yield* Effect.sleep(10)
  }
  return undefined
})
