import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric, Option, Queue, Stream } from "effect"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import { FrameCache, Messages, Metrics } from "../src/index.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"

/** A server that does whatever the test says on each stream. */
const withPeer = <A, E>(
  answer: (stream: Http2.ServerHttp2Stream, headers: Http2.IncomingHttpHeaders) => void,
  body: (url: string) => Effect.Effect<A, E>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.callback<Http2.Http2Server>((resume) => {
          const one = Http2.createServer()
          const sessions = new Set<Http2.ServerHttp2Session>()
          one.on("session", (session) => sessions.add(session))
          one.on("stream", (stream, headers) => {
            stream.on("error", () => {})
            answer(stream, headers)
          })
          one.on("close", () => sessions.clear())
          one.listen(0, "127.0.0.1", () => resume(Effect.succeed(Object.assign(one, { sessions }))))
        }),
        (one) =>
          Effect.sync(() => {
            for (const session of (one as Http2.Http2Server & { sessions: Set<Http2.ServerHttp2Session> })
              .sessions)
              session.destroy()
            one.close()
          })
      )
      return yield* body(`http://127.0.0.1:${(server.address() as Net.AddressInfo).port}`)
    })
  )

/** A line to a port of this machine that can go silent: connections stay open, and nothing passes any more. */
const lineTo = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly silence: () => void; readonly cut: () => void }>(
      (resume) => {
        const ends = new Set<Net.Socket>()
        const server = Net.createServer((near) => {
          const far = Net.connect(port, "127.0.0.1")
          for (const end of [near, far]) ends.add(end.on("error", () => {}))
          near.pipe(far)
          far.pipe(near)
        })
        const each = (act: (end: Net.Socket) => void) => () => ends.forEach(act)
        server.listen(0, "127.0.0.1", () =>
          resume(
            Effect.succeed({
              port: (server.address() as Net.AddressInfo).port,
              silence: each((end) => end.unpipe().resume()),
              cut: () => {
                server.close()
                each((end) => end.destroy())()
              }
            })
          )
        )
      }
    ),
    ({ cut }) => Effect.sync(cut)
  )

const grpc = { ":status": 200, "content-type": "application/grpc" }
const read = (url: string, options: Partial<NodeGrpcClient.ClientOptions> = {}) =>
  Effect.scoped(
    Effect.gen(function* () {
      const api = yield* NodeGrpcClient.connect({ url, ...options })
      const commands = yield* Queue.unbounded<Messages.BlockStreamRequest>()
      return yield* Stream.runCollect(api.streamBlocks(Stream.fromQueue(commands)))
    })
  )
const respond = (
  stream: Http2.ServerHttp2Stream,
  chunks: ReadonlyArray<Uint8Array>,
  trailers: Record<string, string>
) => {
  stream.respond(grpc, { waitForTrailers: true })
  stream.on("wantTrailers", () => stream.sendTrailers(trailers))
  const write = (at: number) => {
    if (at === chunks.length) stream.end()
    else stream.write(chunks[at], () => setImmediate(() => write(at + 1)))
  }
  write(0)
}

const responses = [
  { blocks: [Uint8Array.of(1, 2, 3)], highestCommitIndex: 4 },
  { blocks: [], highestCommitIndex: 0 },
  { blocks: [new Uint8Array(20).fill(9)], highestCommitIndex: 5 }
]
const wire = Uint8Array.from(responses.flatMap((one) => [...FrameCache.blockFrame(one)]))

describe("NodeGrpcClient on the wire", () => {
  it.live("reads responses that are cut at every byte, and the end", () =>
    withPeer(
      (stream) =>
        respond(
          stream,
          Array.from(wire, (byte) => Uint8Array.of(byte)),
          { "grpc-status": "0" }
        ),
      Effect.fnUntraced(function* (url) {
        const got = yield* read(url)
        assert.deepStrictEqual(
          got.map((one) => one.blocks.map((bytes) => [...bytes])),
          [[[1, 2, 3]], [], [Array(20).fill(9)]]
        )
      })
    )
  )

  const failures: ReadonlyArray<
    readonly [title: string, answer: (stream: Http2.ServerHttp2Stream) => void, tag: string, message: string]
  > = [
    [
      "a status in trailers",
      (stream) => respond(stream, [wire], { "grpc-status": "8", "grpc-message": "100%25 busy" }),
      "ResourceExhausted",
      "100% busy"
    ],
    [
      "a status in trailers-only headers",
      (stream) =>
        stream.respond({ ...grpc, "grpc-status": "12", "grpc-message": "no such" }, { endStream: true }),
      "Unimplemented",
      "no such"
    ],
    [
      "a range of commits",
      (stream) =>
        respond(stream, [], { "grpc-status": "11", "x-earliest-commit": "5", "x-latest-commit": "9" }),
      "OutOfRange",
      "commits 5 to 9 are kept here: start after 4"
    ],
    [
      "an HTTP status",
      (stream) => stream.respond({ ":status": 503 }, { endStream: true }),
      "Unavailable",
      "HTTP status 503"
    ],
    [
      "an answer that is not gRPC",
      (stream) => stream.respond({ ":status": 200, "content-type": "text/html" }, { endStream: true }),
      "Protocol",
      "text/html"
    ],
    [
      "a reset",
      (stream) => stream.close(Http2.constants.NGHTTP2_REFUSED_STREAM),
      "Unavailable",
      "HTTP/2 error 7"
    ],
    ["a lost connection", (stream) => stream.session!.destroy(), "Unavailable", "the connection was lost"],
    ["no status", (stream) => respond(stream, [], {}), "Unavailable", "without a status"],
    [
      "an end inside a message",
      (stream) => respond(stream, [wire.subarray(0, 7)], { "grpc-status": "0" }),
      "Protocol",
      "inside a message"
    ],
    [
      "a message that is no protobuf",
      (stream) => respond(stream, [Uint8Array.of(0, 0, 0, 0, 2, 0x0a, 9)], { "grpc-status": "0" }),
      "Protocol",
      "protobuf"
    ],
    [
      "a claim above 32 bits",
      (stream) => respond(stream, [Uint8Array.of(0, 0, 0, 0, 6, 0x10, 0x80, 0x80, 0x80, 0x80, 0x10)], {}),
      "Protocol",
      "highestCommitIndex"
    ],
    [
      "a message above the limit",
      (stream) => respond(stream, [Uint8Array.of(0, 9, 0, 0, 0)], {}),
      "ResourceExhausted",
      "above the limit"
    ]
  ]
  for (const [title, answer, tag, message] of failures) {
    it.live(`fails with ${tag} for ${title}`, () =>
      withPeer(
        answer,
        Effect.fnUntraced(function* (url) {
          const error = yield* Effect.flip(read(url))
          assert.strictEqual(error.reason._tag, tag)
          assert.include(error.message, message)
          assert.include(error.message, url)
        })
      )
    )
  }

  it.live("fails with Unavailable if nobody listens", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read("http://127.0.0.1:1"))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.include(error.message, "http://127.0.0.1:1")
    })
  )
  it.live("fails with Misconfigured for an address that is none", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read("localhost:80"))
      assert.strictEqual(error.reason._tag, "Misconfigured")
    })
  )
  it.live("ends a call at its deadline, whatever the peer thinks of it", () => {
    let asked: unknown
    return withPeer(
      (stream, headers) => {
        asked = headers["grpc-timeout"]
        stream.respond(grpc)
      },
      Effect.fnUntraced(function* (url) {
        const error = yield* Effect.flip(read(url, { deadlineMs: 50 }))
        assert.strictEqual(error.reason._tag, "Cancelled")
        assert.include(error.message, "deadline of 50 ms")
        assert.strictEqual(asked, "50m")
      })
    )
  })
  it.live("a call that is left is cancelled for the peer, and the connection serves the next one", () => {
    const codes: Array<number> = []
    const sessions = new Set<unknown>()
    return withPeer(
      (stream) => {
        sessions.add(stream.session)
        stream.respond(grpc)
        stream.write(wire)
        stream.on("close", () => codes.push(stream.rstCode))
      },
      (url) =>
        Effect.scoped(
          Effect.gen(function* () {
            const api = yield* NodeGrpcClient.connect({ url })
            for (let i = 0; i < 2; i++) yield* Stream.runHead(api.streamBlocks(Stream.never))
            while (codes.length < 2) yield* Effect.sleep("10 millis")
            assert.deepStrictEqual(codes, [8, 8])
            assert.strictEqual(sessions.size, 1)
          })
        )
    )
  })
  it.live("after GOAWAY the call under way goes on, and the next one gets a connection of its own", () => {
    const sessions = new Set<unknown>()
    let first: Http2.ServerHttp2Stream | undefined
    return withPeer(
      (stream) => {
        first ??= stream
        sessions.add(stream.session)
        stream.respond(grpc)
        stream.write(wire)
      },
      (url) =>
        Effect.scoped(
          Effect.gen(function* () {
            const api = yield* NodeGrpcClient.connect({ url })
            const pull = yield* Stream.toPull(api.streamBlocks(Stream.never))
            yield* pull
            first!.session!.goaway(0)
            while (sessions.size < 2) {
              // One that is on its way already may be refused, which says: try again.
              yield* Effect.ignore(Stream.runHead(api.streamBlocks(Stream.never)))
              yield* Effect.sleep("10 millis")
            }
            first!.write(wire)
            assert.strictEqual((yield* pull)[0].highestCommitIndex, 4)
          })
        )
    )
  })
  it.live("hands over what is whole although the rest of a frame never comes", () =>
    withPeer(
      (stream) => {
        stream.respond(grpc)
        const [one, two] = [7, 9].map((byte) =>
          FrameCache.blockFrame({ blocks: [new Uint8Array(40).fill(byte)], highestCommitIndex: 0 })
        )
        stream.write(Buffer.concat([one!, two!.subarray(0, 20)]))
      },
      (url) =>
        Effect.gen(function* () {
          const api = yield* NodeGrpcClient.connect({ url })
          const blocks = api.streamBlocks(Stream.never)
          const [first] = yield* Stream.runCollect(Stream.take(blocks, 1))
          assert.deepStrictEqual([...first!.blocks[0]!.subarray(0, 2)], [7, 7])
        }).pipe(Effect.scoped, Effect.timeout("5 seconds"))
    )
  )

  it.live("a peer behind a line that went silent is gone when it answers no ping", () =>
    withPeer(
      (stream) => {
        stream.respond(grpc)
        stream.write(FrameCache.blockFrame({ blocks: [Uint8Array.of(1)], highestCommitIndex: 1 }))
      },
      Effect.fnUntraced(
        function* (url) {
          const line = yield* lineTo(Number(new URL(url).port))
          const lost = Effect.map(Metric.value(Metrics.refusedByClient("keepalive")), ({ count }) => count)
          const before = yield* lost
          const api = yield* NodeGrpcClient.connect({
            url: `http://127.0.0.1:${line.port}`,
            keepaliveIntervalMs: 100,
            keepaliveTimeoutMs: 200
          })
          const pull = yield* Stream.toPull(api.streamBlocks(Stream.never))
          yield* pull
          // Answered pings keep an idle call open.
          assert.isTrue(Option.isNone(yield* Effect.timeoutOption(pull, "700 millis")))
          line.silence()
          const error = yield* Effect.flip(pull)
          assert.strictEqual(error._tag === "ObserverError" && error.reason._tag, "Unavailable")
          assert.strictEqual(yield* lost, before + 1)
        },
        Effect.scoped,
        Effect.timeout("5 seconds")
      )
    )
  )

  it.live("a peer that takes our pings for too many is pinged half as often from then on", () => {
    const pings = new Map<Http2.Http2Session, Array<number>>()
    return withPeer(
      (stream) => {
        const session = stream.session!
        if (!pings.has(session)) {
          const times: Array<number> = []
          pings.set(session, times)
          session.on("ping", () => {
            times.push(performance.now())
            // As grpc-go and gRPC C-core do it.
            if (pings.size < 3) session.goaway(0xb, 0, Buffer.from("too_many_pings"))
          })
        }
        stream.respond(grpc)
        stream.write(FrameCache.blockFrame({ blocks: [Uint8Array.of(1)], highestCommitIndex: 1 }))
      },
      Effect.fnUntraced(function* (url) {
        const connect = NodeGrpcClient.connect({ url, keepaliveIntervalMs: 100 })
        for (let turn = 0; turn < 3; turn++) {
          yield* Effect.gen(function* () {
            const api = yield* connect
            const call = Effect.ignore(Stream.runDrain(api.streamBlocks(Stream.never)))
            if (turn < 2) return yield* call
            yield* Effect.forkScoped(call)
            while (([...pings.values()][turn]?.length ?? 0) < 2) yield* Effect.sleep(10)
            return undefined
          }).pipe(Effect.scoped)
        }
        const [first, second] = [...pings.values()][2]!
        // 100 ms, doubled twice; a machine that is slow only makes it more.
        assert.isAtLeast(second! - first!, 350)
      }, Effect.timeout("10 seconds"))
    )
  })

  it.live("an endless peer that is not read stops sending", () =>
    withPeer(
      (stream) => {
        stream.respond(grpc)
        const frame = FrameCache.blockFrame({ blocks: [new Uint8Array(60_000)], highestCommitIndex: 1 })
        const fill = () => {
          while (stream.write(frame)) sent++
          sent++
          stream.once("drain", fill)
        }
        let sent = 0
        fill()
        most = () => sent
      },
      Effect.fnUntraced(function* (url) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const api = yield* NodeGrpcClient.connect({
              url,
              streamWindowBytes: 65_535,
              bufferedBytes: 256 * 1024
            })
            const pull = yield* Stream.toPull(api.streamBlocks(Stream.never))
            yield* pull
            yield* Effect.sleep("300 millis")
          })
        )
        // One window, one paused buffer, one message in the peer's hands.
        assert.isBelow(most(), 10)
      })
    )
  )
})

let most = () => 0
