/** The subscribers of the bench: one that takes a load, and many that listen at the tip. */
import { Result } from "effect"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import { FrameCache, Grpc, Messages } from "../../src/index.ts"
import { blockBytes, type Kind, type Load, nowMicros, path, windows } from "./loads.ts"

/** Blocks one by one are a wish; the others come as they are ready. */
const startFrame = (blocks: number) => {
  const value = { highestRoundPerAuthority: [], ...(blocks === 1 ? { maxBatchItems: 1 } : {}) }
  return Grpc.frame(Messages.encodeBlockRequest({ command: { _tag: "Start", value } }))
}

const h2 = async (port: number, initialWindowSize = windows.stream): Promise<Http2.ClientHttp2Session> => {
  const session = Http2.connect(`http://127.0.0.1:${port}`, {
    settings: { initialWindowSize, enablePush: false }
  })
  session.on("error", () => {})
  await new Promise((resolve) => session.once("remoteSettings", resolve))
  session.setLocalWindowSize(windows.connection)
  return session
}
const h2Call = (
  session: Http2.ClientHttp2Session,
  blocks = 0,
  called: { readonly path: string; readonly start: Uint8Array } = { path, start: startFrame(blocks) }
): Http2.ClientHttp2Stream => {
  const stream = session.request({
    ":method": "POST",
    ":path": called.path,
    "content-type": "application/grpc",
    te: "trailers"
  })
  stream.on("error", () => {})
  stream.write(called.start)
  return stream
}

const bytesOf = ({ blocks, responses }: Load) =>
  responses * blocks * FrameCache.blockBytes(new Uint8Array(blockBytes))

/** Reads until so many bytes have come, and looks at none; microseconds from `begin`. */
const count = async (bytes: number, begin: () => Http2.ClientHttp2Stream | Net.Socket): Promise<number> => {
  let left = bytes
  const began = nowMicros()
  const stream = begin()
  await new Promise<void>((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => {
      left -= chunk.length
      if (left <= 0) resolve()
    })
    stream.once("close", () => reject(new Error(`${left} bytes did not arrive`)))
  })
  return nowMicros() - began
}

const readHttp2 = async (port: number, load: Load): Promise<number> => {
  const session = await h2(port)
  const took = await count(bytesOf(load), () => h2Call(session, load.blocks))
  session.destroy()
  return took
}

/** Reads commits from the first one on until so many bytes have come, with the same reader; microseconds. */
export const receiveCommits = async (port: number, bytes: number): Promise<number> => {
  const session = await h2(port)
  const command = { _tag: "Start" as const, value: { lastCommitIndex: 0 } }
  const start = Grpc.frame(Messages.encodeCommitRequest({ command }))
  const called = { path: "/CommitStreamService/StreamCommits", start }
  const took = await count(bytes, () => h2Call(session, 0, called))
  session.destroy()
  return took
}

const readTcp = async (port: number, load: Load): Promise<number> => {
  const socket = Net.connect(port, "127.0.0.1")
  await new Promise((resolve) => socket.once("connect", resolve))
  const took = await count(bytesOf(load), () => {
    socket.write(startFrame(load.blocks))
    return socket
  })
  socket.destroy()
  return took
}

/** Takes a load, with the same reader for every server of HTTP/2; microseconds from the call to the last byte. */
export const receive = (kind: Kind, port: number, load: Load): Promise<number> =>
  kind === "tcp" ? readTcp(port, load) : readHttp2(port, load)

/** Many at the tip. */
export interface Audience {
  readonly close: () => void
}

const blocksOf = (message: Uint8Array) => Result.getOrThrow(Messages.decodeBlockParts([message])).blocks

/** The same light client for every server: `count` connections with a call each, `stuck` more that never read. */
export const audience = async (
  port: number,
  count: number,
  stuck: number,
  take: (block: Uint8Array) => void
): Promise<Audience> => {
  const sessions: Array<Http2.ClientHttp2Session> = []
  for (let i = 0; i < count + stuck; i++) {
    const session = await h2(port, i < count ? windows.stream : windows.stuck)
    sessions.push(session)
    const stream = h2Call(session)
    await new Promise((resolve) => stream.once("response", resolve))
    if (i >= count) continue
    const deframer = new Grpc.Deframer(1 << 20)
    stream.on("data", (chunk: Buffer) => {
      const messages = deframer.push(chunk)
      if (Grpc.isFault(messages)) throw new Error(messages.why)
      for (const message of messages) blocksOf(message).forEach(take)
    })
  }
  return { close: () => sessions.forEach((session) => session.destroy()) }
}
