/** The publishers of the bench, all of one shape: they stream a load to whoever calls, or what is published to all. */
import * as grpc from "@grpc/grpc-js"
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import { BlockSource, FrameCache, type ObserverApi, Publisher } from "../../src/index.ts"
import * as NodeGrpcServer from "../../src/NodeGrpcServer.ts"
import { historyOf } from "./history.ts"
import { blocksOf, framesOf, type Kind, type Load, path, stamped } from "./loads.ts"

/** One that runs. */
export interface Running {
  readonly port: number
  /** New blocks for everybody, so many at once. */
  readonly publish: (blocks: number) => void
  readonly close: () => void | Promise<void>
}

const nothing = () => {}
const listening = (server: Net.Server): Promise<number> =>
  new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as Net.AddressInfo).port))
  )

/** Frames of one block each that says when it was made. */
const stampedFrames = (blocks: number) =>
  Array.from({ length: blocks }, () =>
    Buffer.from(FrameCache.blockFrame({ blocks: [stamped()], highestCommitIndex: 0 }))
  )

/** Writes frames as fast as they are taken. */
const pour = (
  frames: ReadonlyArray<Buffer>,
  write: (frame: Buffer, last: boolean) => boolean,
  onceDrained: (resume: () => void) => void
) => {
  let next = 0
  const fill = () => {
    while (next < frames.length) {
      const frame = frames[next++]!
      if (!write(frame, next === frames.length)) return onceDrained(fill)
    }
  }
  fill()
}

/** Our server over an api. */
export const serve = async (api: Layer.Layer<ObserverApi.ObserverApi>): Promise<Running> => {
  const scope = await Effect.runPromise(Scope.make())
  const built = await Effect.runPromise(
    NodeGrpcServer.layer({ maxSessionsPerAddress: 2000 }).pipe(
      Layer.provide(api),
      Layer.provide(Logger.layer([])),
      Layer.buildWithScope(scope)
    )
  )
  const { port } = Context.get(built, NodeGrpcServer.GrpcServer)
  return { port, publish: nothing, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

/** Blocks between two commits: what is committed leaves the source, as in a validator. */
const blocksPerCommit = 100

/** What is published is in a source at the tip. */
const oursAtTip = async (): Promise<Running> => {
  let number = 0
  let commits = 0
  let publish: Running["publish"] = nothing
  const source = BlockSource.layerMemory({ committeeSize: 1, gcDepth: 10_000, maxCommits: 10 }, (memory) =>
    Effect.sync(() => {
      publish = (count) => {
        const blocks = Array.from({ length: count }, () => {
          const digest = `0x${(++number).toString(16).padStart(64, "0")}` as const
          return { ref: { author: 0, round: number, digest }, bytes: stamped() }
        })
        Effect.runFork(memory.accept(blocks))
        if (number < (commits + 1) * blocksPerCommit) return
        const { ref: leader } = blocks[count - 1]!
        const commit = { commitIndex: ++commits, leader, blocks: [], timestampMs: commits }
        Effect.runFork(memory.commit([commit]))
      }
    })
  )
  const running = await serve(Layer.provide(Publisher.layer(), source))
  return { ...running, publish: (blocks) => publish(blocks) }
}

/** A load is a backlog: what a subscriber gets that comes late. */
const oursOf = (load: Load): Promise<Running> =>
  serve(
    Layer.provide(
      Publisher.layer(),
      BlockSource.layerMemory({ committeeSize: 1 }, (memory) =>
        memory.accept(
          blocksOf(load).map((bytes, number) => ({
            ref: { author: 0, round: number + 1, digest: `0x${number.toString(16).padStart(64, "0")}` },
            bytes
          }))
        )
      )
    )
  )

/** Serves a history of signed commits. */
export const openHistory = async (commits: number): Promise<Running> => {
  const history = historyOf(commits)
  return serve(
    Layer.provide(
      Publisher.layer(),
      BlockSource.layerMemory({ committeeSize: 4 }, (memory) => memory.commit(history))
    )
  )
}

const tcp = async (load: Load): Promise<Running> => {
  const frames = framesOf(load)
  const server = Net.createServer((socket) => {
    socket.setNoDelay(true)
    socket.on("error", nothing)
    socket.once("data", () =>
      pour(
        frames,
        (frame) => socket.write(frame),
        (resume) => socket.once("drain", resume)
      )
    )
  })
  return { port: await listening(server), publish: nothing, close: () => void server.close() }
}

const http2 = async (load: Load | undefined): Promise<Running> => {
  const frames = load === undefined ? undefined : framesOf(load)
  const calls = new Set<Http2.ServerHttp2Stream>()
  const server = Http2.createServer()
  server.on("stream", (stream) => {
    stream.on("error", nothing)
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
    calls.add(stream)
    stream.on("close", () => calls.delete(stream))
    if (frames === undefined) return
    stream.once("data", () =>
      pour(
        frames,
        (frame, last) => {
          if (!last) return stream.write(frame)
          stream.end(frame)
          return true
        },
        (resume) => stream.once("drain", resume)
      )
    )
  })
  const publish = (blocks: number) => {
    for (const frame of stampedFrames(blocks)) for (const call of calls) call.write(frame)
  }
  return { port: await listening(server as unknown as Net.Server), publish, close: () => void server.close() }
}

const identity = (bytes: Buffer) => bytes
const definition: grpc.ServiceDefinition = {
  streamBlocks: {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity
  }
}

const grpcJs = (load: Load | undefined): Promise<Running> => {
  const server = new grpc.Server()
  const calls = new Set<grpc.ServerDuplexStream<Buffer, Buffer>>()
  const messages = load === undefined ? undefined : framesOf(load).map((frame) => frame.subarray(5))
  server.addService(definition, {
    streamBlocks: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.sendMetadata(new grpc.Metadata())
      call.on("error", nothing)
      call.on("close", () => calls.delete(call))
      call.on("cancelled", () => calls.delete(call))
      calls.add(call)
      if (messages === undefined) return
      // Once it is asked to, as the others.
      call.once("data", () =>
        pour(
          messages,
          (message, last) => {
            const more = call.write(message)
            if (last) call.end()
            return more
          },
          (resume) => call.once("drain", resume)
        )
      )
    }
  })
  const publish = (blocks: number) => {
    for (const frame of stampedFrames(blocks)) for (const call of calls) call.write(frame.subarray(5))
  }
  return new Promise((resolve) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_, port) =>
      resolve({ port, publish, close: () => server.forceShutdown() })
    )
  )
}

/** Starts a publisher: of a load to each caller or, without one, of blocks one by one to all. */
export const open = ({ kind, load }: { readonly kind: Kind; readonly load?: Load }): Promise<Running> =>
  kind === "ours"
    ? load === undefined
      ? oursAtTip()
      : oursOf(load)
    : kind === "grpc"
      ? grpcJs(load)
      : kind === "http2"
        ? http2(load)
        : tcp(load!)
