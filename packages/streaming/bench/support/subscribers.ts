/** The subscribers of the bench: one that takes a load, and many that listen at the tip. */
import * as grpc from "@grpc/grpc-js"
import { Effect, Exit, Queue, Result, Scope, Stream } from "effect"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import { Grpc, Messages } from "../../src/index.ts"
import * as NodeGrpcClient from "../../src/NodeGrpcClient.ts"
import { frameOf, type Kind, type Load, nowMicros, path, windows } from "./loads.ts"

const start: Messages.BlockStreamRequest = {
  command: { _tag: "Start", value: { highestRoundPerAuthority: [] } }
}
const startFrame = Grpc.frame(Messages.encodeBlockRequest(start))

const h2 = async (port: number, initialWindowSize = windows.stream): Promise<Http2.ClientHttp2Session> => {
  const session = Http2.connect(`http://127.0.0.1:${port}`, {
    settings: { initialWindowSize, enablePush: false }
  })
  session.on("error", () => {})
  await new Promise((resolve) => session.once("remoteSettings", resolve))
  session.setLocalWindowSize(windows.connection)
  return session
}
const h2Call = (session: Http2.ClientHttp2Session): Http2.ClientHttp2Stream => {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers"
  })
  stream.on("error", () => {})
  stream.write(startFrame)
  return stream
}

/** Calls our client; what arrives goes to `take` until the call ends or the scope closes. */
const listenOurs = (port: number, take: (response: Messages.BlockStreamResponse) => void) =>
  Effect.gen(function* () {
    const client = yield* NodeGrpcClient.connect({ url: `http://127.0.0.1:${port}` })
    const commands = yield* Queue.unbounded<Messages.BlockStreamRequest>()
    yield* Queue.offer(commands, start)
    return Stream.runForEachArray(client.streamBlocks(Stream.fromQueue(commands)), (all) =>
      Effect.sync(() => all.forEach(take))
    )
  })

/** Calls a grpc-js server with its own client. */
const listenGrpc = async (port: number, take: (message: Buffer) => void) => {
  const identity = (bytes: Buffer) => bytes
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc-node.flow_control_window": windows.stream,
    "grpc.use_local_subchannel_pool": 1
  })
  await new Promise<void>((resolve) => client.waitForReady(Date.now() + 5000, () => resolve()))
  return {
    call: () => {
      const call = client.makeBidiStreamRequest(path, identity, identity)
      call.on("error", () => {})
      call.on("data", take)
      call.write(Buffer.from(startFrame.subarray(5)))
      return call
    },
    close: () => client.close()
  }
}

const receivers: Record<Kind, (port: number, load: Load) => Promise<number>> = {
  ours: (port, load) =>
    Effect.gen(function* () {
      let blocks = 0
      const run = yield* listenOurs(port, (response) => (blocks += response.blocks.length))
      const began = nowMicros()
      yield* run
      if (blocks !== load.responses * load.blocks) throw new Error(`${blocks} blocks arrived`)
      return nowMicros() - began
    }).pipe(Effect.scoped, Effect.runPromise),
  grpc: async (port, load) => {
    let messages = 0
    const { call, close } = await listenGrpc(port, () => messages++)
    const began = nowMicros()
    const stream = call()
    await new Promise((resolve) => stream.on("end", resolve))
    const took = nowMicros() - began
    close()
    if (messages !== load.responses) throw new Error(`${messages} messages arrived`)
    return took
  },
  http2: async (port, load) => {
    let bytes = 0
    const session = await h2(port)
    const began = nowMicros()
    const stream = h2Call(session)
    stream.on("data", (chunk: Buffer) => (bytes += chunk.length))
    await new Promise((resolve) => stream.on("end", resolve))
    const took = nowMicros() - began
    session.destroy()
    if (bytes !== load.responses * frameOf(load).length) throw new Error(`${bytes} bytes arrived`)
    return took
  },
  tcp: async (port, load) => {
    const socket = Net.connect(port, "127.0.0.1")
    await new Promise((resolve) => socket.once("connect", resolve))
    let left = load.responses * frameOf(load).length
    const began = nowMicros()
    socket.write(startFrame)
    await new Promise<void>((resolve) =>
      socket.on("data", (chunk) => {
        left -= chunk.length
        if (left <= 0) resolve()
      })
    )
    const took = nowMicros() - began
    socket.destroy()
    return took
  }
}

/** Takes a load; microseconds from the call to the last byte. */
export const receive = (kind: Kind, port: number, load: Load): Promise<number> => receivers[kind](port, load)

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

/** One at the tip with the client of its own kind. */
export const listener = async (
  kind: Kind,
  port: number,
  take: (block: Uint8Array) => void
): Promise<Audience> => {
  if (kind === "grpc") {
    const { call, close } = await listenGrpc(port, (message) => blocksOf(message).forEach(take))
    call()
    return { close }
  }
  const scope = await Effect.runPromise(Scope.make())
  const run = await Effect.runPromise(
    Scope.provide(
      listenOurs(port, (response) => response.blocks.forEach(take)),
      scope
    )
  )
  const fiber = Effect.runFork(run)
  return {
    close: () => {
      fiber.interruptUnsafe()
      Effect.runFork(Scope.close(scope, Exit.void))
    }
  }
}
