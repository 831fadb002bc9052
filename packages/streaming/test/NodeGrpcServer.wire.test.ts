import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Scope } from "effect"
import * as Http2 from "node:http2"
import { BlockSource, Grpc, Messages, type ObserverError, Publisher } from "../src/index.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { block, commit } from "../src/testing/ObserverApiTest.ts"

interface World {
  readonly url: string
  readonly memory: BlockSource.Memory
}

/** A server over a source in memory, for the time of one test. */
const withServer = (
  options: Partial<NodeGrpcServer.ServerOptions>,
  body: (world: World) => Effect.Effect<void, unknown, Scope.Scope>,
  publisher: Partial<Publisher.PublisherOptions> = {}
) =>
  Effect.gen(function* () {
    const memory = yield* BlockSource.makeMemory({ committeeSize: 4 })
    const server = NodeGrpcServer.layer(options).pipe(
      Layer.provide(Publisher.layer(publisher)),
      Layer.provide(Layer.succeed(BlockSource.BlockSource, memory.source))
    )
    yield* Effect.gen(function* () {
      const { url } = yield* NodeGrpcServer.GrpcServer
      yield* body({ url, memory })
    }).pipe(Effect.scoped, Effect.provide(server))
  }).pipe(Effect.scoped)

const session = (url: string, settings: Http2.Settings = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const one = Http2.connect(url, { settings })
      one.on("error", () => {})
      return one
    }),
    (one) => Effect.sync(() => one.destroy())
  )

const headers = (path: string, more: Http2.OutgoingHttpHeaders = {}) => ({
  ":method": "POST",
  ":path": path,
  "content-type": "application/grpc",
  te: "trailers",
  ...more
})
const blocksPath = "/BlockStreamService/StreamBlocks"
const commitsPath = "/CommitStreamService/StreamCommits"

interface Answer {
  readonly http: number | undefined
  readonly status: string | undefined
  readonly message: string
  readonly messages: ReadonlyArray<Uint8Array>
  readonly reset: number | undefined
}

/** Sends chunks on a new stream and collects what comes, until the stream closes or `enough` messages came. */
const ask = (
  one: Http2.ClientHttp2Session,
  head: Http2.OutgoingHttpHeaders,
  chunks: ReadonlyArray<Uint8Array>,
  enough = Number.POSITIVE_INFINITY
) =>
  Effect.callback<Answer>((resume) => {
    const stream = one.request(head)
    const deframer = new Grpc.Deframer(1 << 26)
    const messages: Array<Uint8Array> = []
    let http: number | undefined
    let trailers: Http2.IncomingHttpHeaders = {}
    const done = () => {
      stream.close()
      resume(
        Effect.succeed({
          http,
          status: trailers["grpc-status"] as string | undefined,
          message: Grpc.decodeMessage(String(trailers["grpc-message"] ?? "")),
          messages,
          reset: stream.rstCode
        })
      )
    }
    stream.on("error", () => {})
    stream.on("response", (response) => {
      http = response[":status"]
      if (response["grpc-status"] !== undefined) trailers = response
    })
    stream.on("trailers", (response) => (trailers = response))
    stream.on("data", (chunk: Uint8Array) => {
      const got = deframer.push(chunk)
      if (!Grpc.isFault(got)) messages.push(...got)
      if (messages.length >= enough) done()
    })
    stream.on("end", done)
    stream.on("close", done)
    const write = (at: number) => {
      if (at < chunks.length) stream.write(chunks[at], () => setImmediate(() => write(at + 1)))
    }
    write(0)
  })

const start = (after: number) =>
  Grpc.frame(Messages.encodeCommitRequest({ command: { _tag: "Start", value: { lastCommitIndex: after } } }))
const wholeBytes = (bytes: Uint8Array) => Array.from(bytes, (byte) => Uint8Array.of(byte))

describe("NodeGrpcServer on the wire", () => {
  it.live("reads commands that are cut at every byte", () =>
    withServer({}, ({ memory, url }) =>
      Effect.gen(function* () {
        yield* memory.commit([1, 2, 3].map((index) => commit(index)))
        const one = yield* session(url)
        const { messages } = yield* ask(one, headers(commitsPath), wholeBytes(start(1)), 2)
        assert.deepStrictEqual(
          [...messages[0]!],
          [...Messages.encodeCommitResponse({ commits: [commit(2)], highestCommitIndex: 3 })]
        )
      })
    )
  )

  it.live("P2: sends response headers before any command", () =>
    withServer({}, ({ url }) =>
      Effect.gen(function* () {
        const one = yield* session(url)
        const status = yield* Effect.callback<number | undefined>((resume) => {
          const stream = one.request(headers(blocksPath))
          stream.on("error", () => {})
          stream.on("response", (response) => resume(Effect.succeed(response[":status"])))
        })
        assert.strictEqual(status, 200)
      })
    )
  )

  const refusals: ReadonlyArray<
    readonly [
      title: string,
      head: Http2.OutgoingHttpHeaders,
      chunks: ReadonlyArray<Uint8Array>,
      expected: Partial<Answer>
    ]
  > = [
    ["an unknown path is status 12", headers("/Nobody/Nothing"), [], { http: 200, status: "12" }],
    [
      "another content type is HTTP 415",
      headers(blocksPath, { "content-type": "application/json" }),
      [],
      { http: 415 }
    ],
    ["another HTTP method is HTTP 405", { ...headers(blocksPath), ":method": "PUT" }, [], { http: 405 }],
    [
      "an unknown encoding is status 12",
      headers(blocksPath, { "grpc-encoding": "snappy" }),
      [],
      { status: "12" }
    ],
    [
      "a deadline that passes is status 4",
      headers(blocksPath, { "grpc-timeout": "30m" }),
      [],
      { status: "4" }
    ],
    [
      "a message above 64 KiB is status 8",
      headers(blocksPath),
      [Uint8Array.of(0, 0, 1, 0, 1)],
      { status: "8" }
    ],
    [
      "a compressed message is status 13",
      headers(blocksPath),
      [Uint8Array.of(1, 0, 0, 0, 0)],
      { status: "13" }
    ],
    [
      "bytes that are no protobuf are status 13",
      headers(blocksPath),
      [Grpc.frame(Uint8Array.of(0x0a, 9, 1))],
      { status: "13" }
    ],
    [
      "a wrong number of rounds is status 3",
      headers(blocksPath),
      [Grpc.frame(Uint8Array.of(0x0a, 3, 0x0a, 1, 1))],
      { status: "3", message: "highest_round_per_authority has 1 entries, the committee has 4" }
    ],
    [
      "a package in front of the service is accepted",
      headers("/observer.v1.BlockStreamService/StreamBlocks", { "grpc-timeout": "30m" }),
      [],
      { status: "4" }
    ]
  ]
  for (const [title, head, chunks, expected] of refusals) {
    it.live(title, () =>
      withServer({}, ({ url }) =>
        Effect.gen(function* () {
          const answer = yield* ask(yield* session(url), head, chunks)
          for (const [key, value] of Object.entries(expected)) {
            assert.strictEqual(answer[key as keyof Answer], value, `${key} of ${JSON.stringify(answer)}`)
          }
        })
      )
    )
  }

  it.live("P16: a reader that does not read is reset, and its neighbour is served on", () =>
    withServer({ writeStallMs: 200 }, ({ memory, url }) =>
      Effect.gen(function* () {
        yield* memory.commit([1, 2, 3, 4, 5, 6].map((index) => commit(index, 200_000)))
        const slow = yield* session(url)
        const reset = Effect.callback<number | undefined>((resume) => {
          const stream = slow.request(headers(commitsPath))
          stream.on("error", () => {})
          stream.pause()
          stream.write(start(0))
          stream.on("close", () => resume(Effect.succeed(stream.rstCode)))
        })
        const neighbour = ask(
          yield* session(url, { initialWindowSize: 1 << 24 }),
          headers(commitsPath),
          [start(0)],
          7
        )
        const [code, { messages }] = yield* Effect.all([reset, neighbour], { concurrency: 2 })
        assert.strictEqual(code, Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
        assert.strictEqual(messages.length, 7)
      })
    )
  )

  it.live("P21: connections above the limit are turned away", () =>
    withServer({ maxSessions: 1 }, ({ url }) =>
      Effect.gen(function* () {
        const first = yield* session(url)
        yield* ask(first, headers("/Nobody/Nothing"), [])
        const second = yield* session(url)
        yield* Effect.callback<void>((resume) => void second.on("close", () => resume(Effect.void)))
        assert.strictEqual((yield* ask(first, headers("/Nobody/Nothing"), [])).status, "12")
      })
    )
  )

  it.live("P21: streams above the publisher's limit are refused", () =>
    withServer(
      {},
      ({ url }) =>
        Effect.gen(function* () {
          const one = yield* session(url)
          const open = one.request(headers(blocksPath))
          open.on("error", () => {})
          yield* Effect.callback<void>((resume) => void open.on("response", () => resume(Effect.void)))
          yield* Effect.sleep("20 millis")
          const answer = yield* ask(one, headers(blocksPath), [])
          assert.strictEqual(answer.status, "8")
        }),
      { maxStreams: 1 }
    )
  )

  it.live("P22: a flood of commands is status 8", () =>
    withServer({}, ({ url }) =>
      Effect.gen(function* () {
        const flood = Array.from({ length: 60 }, () => start(0))
        const answer = yield* ask(yield* session(url), headers(commitsPath), flood)
        assert.strictEqual(answer.status, "8")
        assert.include(answer.message, "commands")
      })
    )
  )

  it.live("P14: an idle stream gets heartbeats", () =>
    withServer(
      {},
      ({ memory, url }) =>
        Effect.gen(function* () {
          yield* memory.commit([commit(1)])
          const { messages } = yield* ask(yield* session(url), headers(commitsPath), [start(1)], 4)
          assert.deepStrictEqual(
            messages.map((one) => [...one]),
            Array.from({ length: 4 }, () => [0x10, 1])
          )
        }),
      { heartbeatMs: 40 }
    )
  )

  it.live("P23: shutdown says GOAWAY and ends calls with status 14", () =>
    Effect.gen(function* () {
      const outer = yield* Effect.scope
      let call: Fiber.Fiber<Answer> | undefined
      let away: number | undefined
      yield* withServer({ drainMs: 2000 }, ({ url }) =>
        Effect.gen(function* () {
          // The client outlives the server.
          const one = yield* Scope.provide(session(url), outer)
          one.on("goaway", (code) => (away = code))
          call = yield* Effect.forkIn(ask(one, headers(blocksPath), []), outer, { startImmediately: true })
          yield* Effect.sleep("50 millis")
        })
      )
      assert.strictEqual((yield* Fiber.join(call!)).status, "14")
      assert.strictEqual(away, 0)
    }).pipe(Effect.scoped)
  )

  it.live("a taken port is an error that says so", () =>
    withServer({}, ({ url }) =>
      Effect.gen(function* () {
        const { port } = new URL(url)
        const second = NodeGrpcServer.layer({ port: Number(port) }).pipe(
          Layer.provide(Publisher.layer()),
          Layer.provide(BlockSource.layerMemory({ committeeSize: 4 }))
        )
        const error: ObserverError = yield* Effect.flip(Layer.build(second))
        assert.strictEqual(error.reason._tag, "Bind")
        assert.include(error.message, `cannot listen on 127.0.0.1:${port}: another process listens there`)
      })
    )
  )

  it.live("P20: what one subscriber is sent is what another is sent", () =>
    withServer({}, ({ memory, url }) =>
      Effect.gen(function* () {
        yield* memory.accept([1, 2, 3].flatMap((round) => [0, 1, 2, 3].map((author) => block(round, author))))
        const command = Grpc.frame(Uint8Array.of(0x0a, 0))
        const one = yield* session(url)
        const answers = yield* Effect.forEach([1, 2, 3], () => ask(one, headers(blocksPath), [command], 4), {
          concurrency: 3
        })
        assert.deepStrictEqual(answers[1]!.messages, answers[0]!.messages)
        assert.deepStrictEqual(answers[2]!.messages, answers[0]!.messages)
      })
    )
  )
})
