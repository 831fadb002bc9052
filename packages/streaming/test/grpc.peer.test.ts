import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as loader from "@grpc/proto-loader"
import { Effect, Layer, Queue, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { BlockSource, Messages, Publisher } from "../src/index.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { block, commit } from "../src/testing/ObserverApiTest.ts"
import { dagOf } from "./dag.ts"

const load = (file: string) =>
  grpc.loadPackageDefinition(
    loader.loadSync(fileURLToPath(new URL(file, import.meta.url)), {
      longs: String,
      oneofs: true,
      defaults: true
    })
  ) as unknown as Record<string, grpc.ServiceClientConstructor>

// The same protocol as seen by an implementation that is not ours, from the definition that everybody has.
const proto = load("vectors/seed.proto")
/** The definition that we ship, with extensions. */
const extended = load("../observer.proto")
type Call = grpc.ClientDuplexStream<unknown, any>

const serve = Effect.gen(function* () {
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4, maxCommits: 30 })
  yield* memory.accept([1, 2].flatMap((round) => [0, 1, 2, 3].map((author) => block(round, author))))
  for (let index = 1; index <= 40; index++) yield* memory.commit([commit(index)])
  return yield* expose(memory)
})

const expose = Effect.fnUntraced(function* (memory: BlockSource.Memory) {
  const server = NodeGrpcServer.layer().pipe(
    Layer.provide(Publisher.layer()),
    Layer.provide(Layer.succeed(BlockSource.BlockSource, memory.source))
  )
  const context = yield* Layer.build(server)
  const { GrpcServer } = NodeGrpcServer
  return yield* Effect.provide(
    Effect.map(GrpcServer, ({ port }) => ({ address: `127.0.0.1:${port}`, memory })),
    context
  )
})

const client = (service: string, address: string, definition = proto) =>
  Effect.acquireRelease(
    Effect.sync(() => new definition[service]!(address, grpc.credentials.createInsecure())),
    (one) => Effect.sync(() => one.close())
  )

/** Takes responses until there are enough of them, or the call ends. */
const take = (call: Call, count: number) =>
  Effect.callback<{ readonly responses: ReadonlyArray<any>; readonly error?: grpc.ServiceError }>(
    (resume) => {
      const responses: Array<any> = []
      call.on("data", (response) => {
        responses.push(response)
        if (responses.length === count) {
          call.cancel()
          resume(Effect.succeed({ responses }))
        }
      })
      call.on("error", (error: grpc.ServiceError) => resume(Effect.succeed({ responses, error })))
      call.on("end", () => resume(Effect.succeed({ responses })))
    }
  )

describe("grpc-js as the client of our server", () => {
  it.live("streams blocks", () =>
    Effect.gen(function* () {
      const { address } = yield* serve
      const call = ((yield* client("BlockStreamService", address)) as any).streamBlocks() as Call
      call.write({ start: { highestRoundPerAuthority: ["1", "1", "0", "2"] } })
      const { responses } = yield* take(call, 4)
      const blocks = responses.flatMap((one) => one.blocks as ReadonlyArray<Buffer>).map((bytes) => bytes[0])
      assert.deepStrictEqual(blocks, [0x12, 0x20, 0x21, 0x22])
      assert.strictEqual(responses[0].highestCommitIndex, "40")
    }).pipe(Effect.scoped)
  )

  it.live("streams commits, and repositions", () =>
    Effect.gen(function* () {
      const { address } = yield* serve
      const call = ((yield* client("CommitStreamService", address)) as any).streamCommits() as Call
      call.write({ start: { lastCommitIndex: 12 } })
      const { responses } = yield* take(call, 3)
      const commits = responses.flatMap((one) => one.commits)
      assert.deepStrictEqual(
        commits.map((one) => Number(one.commitIndex)),
        Array.from(commits, (_, i) => 13 + i)
      )
      const { blocks, leader, timestampMs } = commits[0]
      const expected = commit(13)
      assert.deepStrictEqual([leader.authorityIndex, leader.round], [1, "13"])
      assert.strictEqual(`0x${leader.digest.toString("hex")}`, expected.leader.digest)
      assert.deepStrictEqual(
        blocks.map((one: Buffer) => [...one]),
        expected.blocks.map((one) => [...one])
      )
      assert.strictEqual(timestampMs, "13000")
    }).pipe(Effect.scoped)
  )

  it.live("reads our statuses and trailers", () =>
    Effect.gen(function* () {
      const { address } = yield* serve
      const commits = ((yield* client("CommitStreamService", address)) as any).streamCommits() as Call
      commits.write({ start: { lastCommitIndex: 3 } })
      const { error } = yield* take(commits, 9)
      assert.strictEqual(error?.code, grpc.status.OUT_OF_RANGE)
      assert.include(error?.details, "commits 11 to 40 are kept here")
      assert.deepStrictEqual(error?.metadata.get("x-earliest-commit"), ["11"])
      const blocks = ((yield* client("BlockStreamService", address)) as any).streamBlocks() as Call
      blocks.write({ start: { highestRoundPerAuthority: ["1"] } })
      assert.strictEqual((yield* take(blocks, 9)).error?.code, grpc.status.INVALID_ARGUMENT)
    }).pipe(Effect.scoped)
  )
})

describe("grpc-js as the client of our extensions", () => {
  it.live("fetches blocks by reference, and asks what can be replayed", () =>
    Effect.gen(function* () {
      const { address } = yield* serve
      const service = (yield* client("ObserverExtService", address, extended)) as any
      const ask = (method: string, request: unknown) =>
        Effect.callback<{ readonly error: grpc.ServiceError | null; readonly response: any }>((resume) => {
          service[method](request, (error: grpc.ServiceError | null, response: unknown) =>
            resume(Effect.succeed({ error, response }))
          )
        })
      const refOf = ({ author, digest, round }: ReturnType<typeof block>["ref"]) => ({
        authorityIndex: author,
        round,
        digest: Buffer.from(digest.slice(2), "hex")
      })
      const refs = [block(2, 3), block(1, 0), block(9, 9)].map(({ ref }) => refOf(ref))
      const { response } = yield* ask("FetchBlocks", { refs })
      assert.sameMembers(
        response.blocks.map((bytes: Buffer) => bytes[0]),
        [0x23, 0x10]
      )
      const info = yield* ask("ReplayInfo", {})
      assert.deepStrictEqual(info.response, { earliestCommitIndex: "11", highestCommitIndex: "40" })
      const many = yield* ask("FetchBlocks", { refs: Array.from({ length: 101 }, () => refs[0]) })
      assert.strictEqual(many.error?.code, grpc.status.INVALID_ARGUMENT)
    }).pipe(Effect.scoped)
  )

  it.live("leaves out authors that are not wanted, and keeps to the wished size", () =>
    Effect.gen(function* () {
      const { address } = yield* serve
      const call = ((yield* client("BlockStreamService", address, extended)) as any).streamBlocks() as Call
      call.write({ start: { highestRoundPerAuthority: [], authorities: [1, 2], maxBatchItems: 1 } })
      const { responses } = yield* take(call, 4)
      assert.deepStrictEqual(
        responses.map((one) => one.blocks.map((bytes: Buffer) => bytes[0])),
        [[0x11], [0x12], [0x21], [0x22]]
      )
    }).pipe(Effect.scoped)
  )
})

/** A publisher made of grpc-js: answers every start with what the test gives. */
const peer = (implementation: grpc.UntypedServiceImplementation) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: grpc.Server; readonly url: string }>((resume) => {
      const server = new grpc.Server()
      for (const service of ["BlockStreamService", "CommitStreamService"]) {
        server.addService(proto[service]!.service, implementation)
      }
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_, port) =>
        resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}` }))
      )
    }),
    ({ server }) => Effect.sync(() => server.forceShutdown())
  )

const start = { command: { _tag: "Start", value: { lastCommitIndex: 7 } } } as const

describe("what we add to responses", () => {
  for (const definition of [proto, extended]) {
    const extensions = definition === extended
    it.live(`is ${extensions ? "read by who knows of it" : "a heartbeat to who knows the seed only"}`, () =>
      Effect.gen(function* () {
        const dag = dagOf(3)
        const memory = yield* BlockSource.makeMemory({ committeeSize: 4 })
        for (const { blocks } of dag.rounds) yield* memory.accept(blocks)
        for (const { commit } of dag.rounds.slice(0, 2)) yield* memory.commit([commit])
        const { address } = yield* expose(memory)
        const commits = (yield* client("CommitStreamService", address, definition)) as any
        const commitCall = commits.streamCommits() as Call
        commitCall.write({ start: { lastCommitIndex: 2 } })
        const [certified] = (yield* take(commitCall, 1)).responses
        const { certifierBlocks, ...heartbeat } = certified
        assert.deepStrictEqual(heartbeat, { commits: [], highestCommitIndex: "2" })
        const votes = dag.rounds[2]!.blocks.map(({ bytes }) => Buffer.from(bytes))
        if (extensions) assert.sameDeepMembers(certifierBlocks, votes)
        else assert.isUndefined(certifierBlocks)

        const blocks = (yield* client("BlockStreamService", address, definition)) as any
        const blockCall = blocks.streamBlocks() as Call
        blockCall.write({ start: { highestRoundPerAuthority: ["9", "9", "9", "9"] } })
        yield* memory
          .auxiliary([Uint8Array.of(7, 8)])
          .pipe(Effect.delay(20), Effect.forever, Effect.forkScoped)
        const { auxiliaryData, ...empty } = (yield* take(blockCall, 2)).responses[1]
        assert.deepStrictEqual(empty, { blocks: [], highestCommitIndex: "2" })
        if (extensions) assert.deepStrictEqual(auxiliaryData, { randomnessSignatures: [Buffer.of(7, 8)] })
        else assert.isUndefined(auxiliaryData)
      }).pipe(Effect.scoped)
    )
  }
})

describe("grpc-js as the server of our client", () => {
  it.live("receives our commands, and is read", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const { url } = yield* peer({
        streamCommits: (call: grpc.ServerDuplexStream<any, any>) => {
          call.on("data", (request) => {
            seen.push(request.start?.lastCommitIndex ?? request.command)
            if (request.stop !== null && request.stop !== undefined) return call.end()
            const { blocks, leader, timestampMs } = commit(8)
            const digest = Buffer.from(leader.digest.slice(2), "hex")
            call.write({
              commits: [
                {
                  commitIndex: 8,
                  leader: { authorityIndex: leader.author, round: leader.round, digest },
                  blocks,
                  timestampMs
                }
              ],
              highestCommitIndex: 9
            })
            return undefined
          })
        },
        streamBlocks: () => {}
      })
      const api = yield* NodeGrpcClient.connect({ url })
      const commands = yield* Queue.unbounded<Messages.CommitStreamRequest>()
      yield* Queue.offer(commands, start)
      const responses = yield* api.streamCommits(Stream.fromQueue(commands)).pipe(
        Stream.tap(() => Queue.offer(commands, { command: { _tag: "Stop" } })),
        Stream.runCollect
      )
      assert.strictEqual(responses.length, 1)
      assert.strictEqual(responses[0]!.highestCommitIndex, 9)
      const [got] = responses[0]!.commits
      assert.deepStrictEqual(
        { ...got, blocks: got!.blocks.map((one) => [...one]) },
        { ...commit(8), blocks: commit(8).blocks.map((one) => [...one]) }
      )
      assert.deepStrictEqual(seen, ["7", "stop"])
    }).pipe(Effect.scoped)
  )

  it.live("lacks our extensions, and says so", () =>
    Effect.gen(function* () {
      const { url } = yield* peer({ streamBlocks: () => {}, streamCommits: () => {} })
      const api = yield* NodeGrpcClient.connect({ url })
      const error = yield* Effect.flip(api.fetchBlocks!([block(1, 1).ref]))
      assert.strictEqual(error.reason._tag, "Unimplemented")
    }).pipe(Effect.scoped)
  )

  it.live("fails us with its status", () =>
    Effect.gen(function* () {
      const { url } = yield* peer({
        streamCommits: (call: grpc.ServerDuplexStream<any, any>) =>
          call.emit("error", { code: grpc.status.RESOURCE_EXHAUSTED, details: "too many – später" }),
        streamBlocks: () => {}
      })
      const api = yield* NodeGrpcClient.connect({ url })
      const error = yield* Effect.flip(Stream.runDrain(api.streamCommits(Stream.make(start))))
      assert.strictEqual(error.reason._tag, "ResourceExhausted")
      assert.include(error.message, "too many – später")
    }).pipe(Effect.scoped)
  )
})
