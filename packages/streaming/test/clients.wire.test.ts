/**
 * Other people's clients, as their frames on the wire: what they send by themselves while a stream goes on. The
 * sequences are those of grpc-go 1.76 (`internal/transport/bdp_estimator.go`), grpc-java 1.7x (`NettyHandler`'s flow
 * control pings), gRPC C-core (BDP estimator, one SETTINGS per change of the window) and tonic (h2's window updates).
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { BlockSource, Grpc, Messages, Publisher } from "../src/index.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { block } from "../src/testing/ObserverApiTest.ts"
import { ack, connect, frame, open, preface, type Raw, reset, Type, until } from "./support/frames.ts"

const path = "/BlockStreamService/StreamBlocks"
const start = Grpc.frame(
  Messages.encodeBlockRequest({ command: { _tag: "Start", value: { highestRoundPerAuthority: [] } } })
)

/** A server whose source gets a small block every few milliseconds. */
const serve = Effect.fnUntraced(function* (
  bytes: number,
  options: Partial<NodeGrpcServer.ServerOptions> = {}
) {
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4, gcDepth: 60 })
  let made = 0
  yield* Effect.suspend(() => memory.accept([block((made >> 2) + 1, made++ % 4, bytes)])).pipe(
    Effect.delay(2),
    Effect.forever,
    Effect.forkScoped
  )
  const server = NodeGrpcServer.layer(options).pipe(
    Layer.provide(Publisher.layer()),
    Layer.provide(Layer.succeed(BlockSource.BlockSource, memory.source))
  )
  return yield* Effect.provide(NodeGrpcServer.GrpcServer, yield* Layer.build(server))
})

const u32 = (value: number) => {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return out
}
const windowUpdate = (stream: number, bytes: number) => frame(Type.Window, 0, stream, u32(bytes))
/** SETTINGS with INITIAL_WINDOW_SIZE. */
const windowSetting = (bytes: number) =>
  frame(Type.Settings, 0, 0, Buffer.concat([Buffer.of(0, 4), u32(bytes)]))
const ping = (...payload: ReadonlyArray<number>) => frame(Type.Ping, 0, 0, Uint8Array.from(payload))

/** A client that has one PING under way at most, and sends the next one with the next DATA. */
const measuring = (raw: Raw, probe: Buffer, more: (acknowledged: number) => ReadonlyArray<Buffer>) => {
  let underWay = false
  let acknowledged = 0
  raw.onFrame = (type, flags) => {
    if (type === Type.Ping && flags === ack) {
      underWay = false
      raw.send(...more(acknowledged++))
    }
    if (type === Type.Data && !underWay) {
      underWay = true
      raw.send(probe)
    }
  }
}

const clients: Readonly<Record<string, (raw: Raw) => void>> = {
  // The window doubles a few times, then every PING is only a probe.
  "grpc-go": (raw) =>
    measuring(raw, ping(2, 4, 16, 16, 9, 14, 7, 7), (acknowledged) =>
      acknowledged < 8
        ? [windowUpdate(0, 65_535 << acknowledged), windowSetting(65_535 << (acknowledged + 1))]
        : []
    ),
  "grpc-java": (raw) => measuring(raw, ping(0, 0, 0, 0, 0, 0, 4, 210), () => []),
  "gRPC C-core": (raw) =>
    measuring(raw, ping(0, 0, 0, 0, 0, 0, 0, 1), (acknowledged) => [windowSetting(65_535 + acknowledged)]),
  tonic: (raw) => {
    const probe = ping(0x3b, 0x7c, 0xdb, 0x7a, 0x0b, 0x87, 0x16, 0xb4)
    measuring(raw, probe, () => [])
    const { onFrame } = raw
    raw.onFrame = (type, flags, payload) => {
      onFrame(type, flags, payload)
      if (type === Type.Data && payload.length > 0)
        raw.send(windowUpdate(0, payload.length), windowUpdate(1, payload.length))
    }
  }
}

describe("clients of other makers", () => {
  for (const bytes of [40, 350]) {
    for (const [name, behave] of Object.entries(clients))
      it.live(`${name} is served for as long as it likes: blocks of ${bytes} bytes`, () =>
        Effect.gen(function* () {
          // Without reserve, whatever is counted as a flood cuts off at once.
          const { port } = yield* serve(bytes, { controlFrameBurst: 8, controlFramesPerSecond: 1 })
          const raw = yield* connect(port)
          behave(raw)
          raw.send(preface, frame(Type.Settings, ack, 0), open(1, path), frame(Type.Data, 0, 1, start))
          yield* until(
            "it has got its blocks, or was cut off",
            () => raw.closed || raw.count(Type.Data) > 150
          )
          assert.deepStrictEqual(raw.codes(Type.GoAway), [])
          assert.isFalse(raw.closed)
        }).pipe(Effect.scoped)
      )
  }

  it.live("whoever cancels all its calls, and calls anew, is not cut off", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(40)
      const raw = yield* connect(port)
      raw.send(preface, frame(Type.Settings, ack, 0))
      for (let turn = 0; turn < 5; turn++) {
        const ids = Array.from({ length: 50 }, (_, i) => 1 + 2 * (turn * 50 + i))
        raw.send(...ids.map((id) => open(id, path)))
        yield* until("all are answered", () => raw.closed || raw.count(Type.Headers) === (turn + 1) * 50)
        raw.send(...ids.map((id) => reset(id)))
      }
      raw.send(ping(1, 2, 3, 4, 5, 6, 7, 8))
      yield* until("it still answers", () => raw.closed || raw.count(Type.Ping) > 0)
      assert.deepStrictEqual(raw.codes(Type.GoAway), [])
      assert.isFalse(raw.closed)
    }).pipe(Effect.scoped)
  )
})
