import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Http2 from "node:http2"
import { gunzipSync, zstdDecompressSync } from "node:zlib"
import { BlockSource, Grpc, Messages, Publisher } from "../src/index.ts"
import { deflate, inflateOf } from "../src/grpc/NodeEncoding.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { block } from "../src/testing/ObserverApiTest.ts"

const start = Grpc.frame(
  Messages.encodeBlockRequest({ command: { _tag: "Start", value: { highestRoundPerAuthority: [] } } })
)

/** Headers and first message of a call that lists encodings. */
const answer = (url: string, accepts: string) =>
  Effect.acquireRelease(
    Effect.sync(() => Http2.connect(url).on("error", () => {})),
    (session) => Effect.sync(() => session.destroy())
  ).pipe(
    Effect.flatMap((session) =>
      Effect.callback<{ readonly encoding: unknown; readonly flag: number; readonly message: Buffer }>(
        (resume) => {
          const stream = session.request({
            ":method": "POST",
            ":path": "/BlockStreamService/StreamBlocks",
            "content-type": "application/grpc",
            te: "trailers",
            "grpc-accept-encoding": accepts
          })
          let encoding: unknown
          let all = Buffer.alloc(0)
          stream.on("error", () => {})
          stream.on("response", (headers) => (encoding = headers["grpc-encoding"]))
          stream.on("data", (chunk: Buffer) => {
            all = Buffer.concat([all, chunk])
            if (all.length < 5 || all.length < 5 + all.readUInt32BE(1)) return
            resume(
              Effect.succeed({ encoding, flag: all[0]!, message: all.subarray(5, 5 + all.readUInt32BE(1)) })
            )
          })
          stream.write(start)
        }
      )
    )
  )

const serve = Effect.fnUntraced(function* (options: Partial<NodeGrpcServer.ServerOptions>) {
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4 })
  yield* memory.accept([block(1, 1, 5000)])
  const layer = NodeGrpcServer.layer(options).pipe(
    Layer.provide(Publisher.layer()),
    Layer.provide(Layer.succeed(BlockSource.BlockSource, memory.source))
  )
  return (yield* Effect.provide(NodeGrpcServer.GrpcServer, yield* Layer.build(layer))).url
})

const plain = Messages.encodeBlockResponse({ blocks: [block(1, 1, 5000).bytes], highestCommitIndex: 0 })
const rows = [
  [[], "identity,deflate,gzip", undefined, (bytes: Buffer) => bytes],
  [["gzip"], "identity,deflate,gzip", "gzip", gunzipSync],
  [["zstd", "gzip"], "gzip, zstd", "zstd", zstdDecompressSync],
  [["zstd", "gzip"], "gzip", "gzip", gunzipSync],
  [["zstd"], "gzip", undefined, (bytes: Buffer) => bytes]
] as const

describe("compression of responses", () => {
  for (const [compression, accepts, encoding, unpack] of rows) {
    it.live(`[${compression.join()}] for a peer that lists ${accepts}: ${encoding ?? "none"}`, () =>
      Effect.gen(function* () {
        const url = yield* serve({ compression })
        const seen = yield* answer(url, accepts)
        assert.strictEqual(seen.encoding, encoding)
        assert.strictEqual(seen.flag, encoding === undefined ? 0 : 1)
        assert.deepStrictEqual(Uint8Array.from(unpack(seen.message)), Uint8Array.from(plain))
      }).pipe(Effect.scoped)
    )
  }

  for (const encoding of Grpc.encodings) {
    it.effect(`${encoding}: a frame is packed once, and what is unpacked is bounded`, () =>
      Effect.gen(function* () {
        const frame = Grpc.frame(plain)
        const [one, two] = yield* Effect.all([deflate(frame, encoding, 1), deflate(frame, encoding, 1)], {
          concurrency: 2
        })
        assert.strictEqual(one, two)
        const bomb = yield* deflate(Grpc.frame(new Uint8Array(1 << 20)), encoding, 1)
        const message = bomb.subarray(Grpc.prefixBytes)
        const inflate = inflateOf(encoding)
        assert.strictEqual((inflate(message, 1 << 20) as Uint8Array).length, 1 << 20)
        assert.deepInclude(inflate(message, (1 << 20) - 1), { status: Grpc.Status.ResourceExhausted })
        assert.deepInclude(inflate(Uint8Array.of(1, 2, 3), 100), { status: Grpc.Status.Internal })
      })
    )
  }
})
