/**
 * Throughput over loopback, publisher and observer in this process, against bare grpc-js with identity serialisers (which
 * neither encodes nor decodes, while ours does both). Prints JSON rows: medians of interleaved rounds, blocks per second
 * and processor time of both ends per block; `ratio` says how many times better ours is. Run with `node --conditions=ephor-source bench/streaming.bench.ts`.
 */
import * as grpc from "@grpc/grpc-js"
import { Effect, Layer, Queue, Stream } from "effect"
import { FrameCache, type Messages, ObserverApi } from "../src/index.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"

const rounds = 5
const path = "/BlockStreamService/StreamBlocks"
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

interface Load {
  readonly what: string
  readonly responses: number
  readonly blocks: number
}
const loads: ReadonlyArray<Load> = [
  { what: "blocks of 1 KiB in batches of 100", responses: 500, blocks: 100 },
  { what: "blocks of 1 KiB one by one", responses: 20_000, blocks: 1 }
]
const responseOf = ({ blocks }: Load): Messages.BlockStreamResponse => ({
  blocks: Array.from({ length: blocks }, (_, i) => new Uint8Array(1024).fill(i)),
  highestCommitIndex: 7
})

interface Figures {
  readonly perSecond: number
  readonly microsPerBlock: number
}

/** Begins to measure; the result ends it. */
const measure = () => {
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  return (blocks: number): Figures => {
    const { system, user } = process.cpuUsage(cpu)
    return {
      perSecond: (blocks * 1e9) / Number(process.hrtime.bigint() - start),
      microsPerBlock: (system + user) / blocks
    }
  }
}

/** Our server and our client. */
const ours = (load: Load) => {
  const response = responseOf(load)
  // One response per pull, as `Publisher` does, and one object for all, as it does for subscribers at the same place.
  const api: ObserverApi.Service = {
    streamBlocks: () =>
      Stream.rechunk(Stream.fromIterable(Array.from({ length: load.responses }, () => response)), 1),
    streamCommits: () => Stream.never
  }
  const server = NodeGrpcServer.layer().pipe(Layer.provide(Layer.succeed(ObserverApi.ObserverApi, api)))
  return Effect.gen(function* () {
    const { url } = yield* NodeGrpcServer.GrpcServer
    const client = yield* NodeGrpcClient.connect({ url })
    const commands = yield* Queue.unbounded<Messages.BlockStreamRequest>()
    const measured = measure()
    let blocks = 0
    yield* Stream.runForEachArray(client.streamBlocks(Stream.fromQueue(commands)), (all) =>
      Effect.sync(() => {
        for (const one of all) blocks += one.blocks.length
      })
    )
    if (blocks !== load.blocks * load.responses) throw new Error(`${blocks} blocks arrived`)
    return measured(blocks)
  }).pipe(Effect.scoped, Effect.provide(server))
}

/** The same bytes through grpc-js. */
const peer = (load: Load) =>
  Effect.callback<Figures>((resume) => {
    const message = Buffer.from(FrameCache.blockFrame(responseOf(load)).subarray(5))
    const server = new grpc.Server()
    server.addService(definition, {
      streamBlocks: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        let left = load.responses
        const fill = () => {
          while (left > 0) {
            left--
            if (!call.write(message)) return void call.once("drain", fill)
          }
          call.end()
        }
        fill()
      }
    })
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_, port) => {
      const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
        "grpc.max_receive_message_length": -1,
        "grpc-node.flow_control_window": 4 * 1024 * 1024
      })
      client.waitForReady(Date.now() + 5000, () => {
        const measured = measure()
        let received = 0
        const call = client.makeBidiStreamRequest(path, identity, identity)
        call.on("data", () => received++)
        call.on("end", () => {
          const figures = measured(received * load.blocks)
          if (received !== load.responses) throw new Error(`${received} responses arrived`)
          client.close()
          server.forceShutdown()
          resume(Effect.succeed(figures))
        })
      })
    })
  })

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1]!

const row = (
  what: string,
  unit: string,
  pairs: ReadonlyArray<readonly [number, number]>,
  better: "more" | "less"
) => {
  const ratios = pairs.map(([one, other]) => (better === "more" ? one / other : other / one))
  const [ours, theirs] = [0, 1].map((side) => Number(median(pairs.map((pair) => pair[side]!)).toPrecision(4)))
  console.log(JSON.stringify({ what, ours, peer: theirs, ratio: Number(median(ratios).toFixed(2)), unit }))
}

const bench = Effect.gen(function* () {
  for (const load of loads) {
    const pairs: Array<readonly [Figures, Figures]> = []
    // Warm up.
    yield* Effect.all([ours(load), peer(load)])
    for (let i = 0; i < rounds; i++) pairs.push([yield* ours(load), yield* peer(load)])
    row(
      load.what,
      "blocks/s",
      pairs.map(([one, other]) => [one.perSecond, other.perSecond]),
      "more"
    )
    row(
      load.what,
      "CPU us/block",
      pairs.map(([one, other]) => [one.microsPerBlock, other.microsPerBlock]),
      "less"
    )
  }
})

await Effect.runPromise(bench)
