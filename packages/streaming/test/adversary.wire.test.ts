import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Http2 from "node:http2"
import { gzipSync } from "node:zlib"
import { Grpc, Messages } from "../src/index.ts"
import { makeIdentity } from "./support/certificates.ts"
import {
  ack,
  callHeaders,
  connect,
  endHeaders,
  frame,
  header,
  open,
  preface,
  reset,
  Type,
  until
} from "./support/frames.ts"
import { type Attack, heldBytes, withstand, type World } from "./support/world.ts"

const blocksPath = "/BlockStreamService/StreamBlocks"
const commitsPath = "/CommitStreamService/StreamCommits"
const startCommits = Grpc.frame(
  Messages.encodeCommitRequest({ command: { _tag: "Start", value: { lastCommitIndex: 0 } } })
)
const stopCommits = Grpc.frame(Messages.encodeCommitRequest({ command: { _tag: "Stop" } }))
const calm = Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM

const range = (count: number) => Array.from({ length: count }, (_, i) => i)
/** Stream numbers of a client. */
const streams = (count: number) => range(count).map((i) => 1 + 2 * i)

/** The gRPC status that a call ends with, asked by way of a decent HTTP/2 client. */
const statusOf = (url: string, headers: Http2.OutgoingHttpHeaders, chunks: Iterable<Uint8Array>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(url).on("error", () => {})),
        (one) => Effect.sync(() => one.destroy())
      )
      return yield* Effect.callback<string | undefined>((resume) => {
        const stream = session.request({
          ":method": "POST",
          "content-type": "application/grpc",
          te: "trailers",
          ...headers
        })
        const done = (one: Http2.IncomingHttpHeaders) => {
          if (one["grpc-status"] !== undefined) resume(Effect.succeed(one["grpc-status"] as string))
        }
        stream.on("error", () => {})
        stream.on("response", done)
        stream.on("trailers", done)
        stream.on("close", () => resume(Effect.succeed(undefined)))
        stream.resume()
        const all = [...chunks]
        const write = (at: number): void => {
          if (at < all.length && !stream.destroyed && !stream.writableEnded)
            stream.write(all[at], () => setImmediate(() => write(at + 1)))
        }
        write(0)
      })
    })
  )

const rows: ReadonlyArray<readonly [title: string, attack: Attack<unknown>]> = [
  [
    "half-open sockets are given up",
    {
      options: { handshakeMs: 300 },
      causes: ["handshake"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const all = yield* Effect.forEach(range(100), () => connect(port))
          yield* until("all are closed", () => all.every(({ closed }) => closed))
        })
    }
  ],
  [
    "connections beyond the limit of an address are closed before anything is read",
    {
      options: { maxSessionsPerAddress: 3 },
      causes: ["address"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const all = yield* Effect.forEach(range(50), () => connect(port))
          for (const raw of all) raw.send(preface)
          yield* until("only two are left", () => all.filter(({ closed }) => !closed).length === 2)
        })
    }
  ],
  (() => {
    const { cert, hash, key } = makeIdentity()
    return [
      "TLS handshakes that never finish are given up",
      {
        options: { tls: { key, cert }, handshakeMs: 400 },
        client: { serverKeys: [hash] },
        causes: ["handshake"],
        run: ({ port }) =>
          Effect.gen(function* () {
            const all = yield* Effect.forEach(range(60), () => connect(port))
            // Nothing, the beginning of a ClientHello, and a record that announces more than comes.
            for (const [i, raw] of all.entries()) {
              if (i % 3 === 1) raw.send(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3))
              if (i % 3 === 2) raw.send(Uint8Array.of(0x16, 3, 1, 0x3f, 0xff), new Uint8Array(100))
            }
            yield* until("all are closed", () => all.every(({ closed }) => closed))
          })
      }
    ] as const
  })(),
  [
    "connections without a call are closed",
    {
      options: { idleMs: 300 },
      causes: ["idle"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          raw.send(preface)
          yield* until("it is closed", () => raw.closed)
          assert.isAbove(raw.count(Type.GoAway), 0)
        })
    }
  ],
  [
    "headers above the limit are status 8",
    {
      options: { maxHeaderBytes: 4096 },
      causes: ["headers"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          raw.send(preface)
          for (const stream of streams(10))
            raw.send(
              frame(Type.Headers, endHeaders, stream, callHeaders(blocksPath, { x: "a".repeat(8000) }))
            )
          yield* until("all are answered", () => raw.count(Type.Headers) === 10)
        })
    }
  ],
  [
    "headers without end are cut off",
    {
      causes: ["protocol"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          raw.send(preface, frame(Type.Headers, 0, 1, callHeaders(blocksPath)))
          const more = frame(Type.Continuation, 0, 1, header("x", "a".repeat(8000)))
          yield* until("it is closed", () => {
            raw.send(more)
            return raw.closed
          })
        })
    }
  ],
  [
    "too many calls on one connection are refused, then cut off",
    {
      options: { callBurst: 1000 },
      causes: ["protocol"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          raw.send(preface, frame(Type.Settings, ack, 0), ...streams(500).map((id) => open(id, blocksPath)))
          yield* until("it is closed", () => raw.closed)
          assert.isAbove(raw.codes(Type.GoAway).length, 0)
        })
    }
  ],
  [
    "a flood of calls is cut off",
    {
      causes: ["calls"],
      run: ({ url }) =>
        Effect.gen(function* () {
          const session = yield* Effect.acquireRelease(
            Effect.sync(() => Http2.connect(url).on("error", () => {})),
            (one) => Effect.sync(() => one.destroy())
          )
          let code: number | undefined
          session.on("goaway", (given) => (code = given))
          yield* until("it is closed", () => {
            // Never more at once than is allowed, but one handful after the other without a pause.
            for (let i = 0; i < 20 && !session.destroyed && !session.closed; i++)
              session
                .request(
                  { ":method": "POST", ":path": "/Nobody/Nothing", "content-type": "application/grpc" },
                  { endStream: true }
                )
                .on("error", () => {})
                .resume()
            return session.destroyed
          })
          assert.strictEqual(code, calm)
        })
    }
  ],
  [
    "rapid reset is cut off",
    {
      causes: ["calls", "resets", "protocol"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const all = yield* Effect.forEach(range(5), () => connect(port))
          for (const raw of all)
            raw.send(preface, ...streams(2000).flatMap((id) => [open(id, commitsPath), reset(id)]))
          yield* until("all are closed", () => all.every(({ closed }) => closed))
        })
    }
  ],
  [
    "calls that are reset one by one are cut off as well",
    {
      options: { resetBurst: 20, resetsPerSecond: 1 },
      causes: ["resets"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          raw.send(preface)
          let id = 1
          yield* until("it is closed", () => {
            raw.send(open(id, commitsPath), reset(id))
            id += 2
            return raw.closed
          })
          assert.include(raw.codes(Type.GoAway), calm)
        })
    }
  ],
  [
    "P22: endless commands are status 8",
    {
      causes: [],
      run: ({ url }) =>
        Effect.gen(function* () {
          const commands = range(400).map((i) => (i % 2 === 0 ? startCommits : stopCommits))
          const statuses = yield* Effect.forEach(
            range(5),
            () => statusOf(url, { ":path": commitsPath }, commands),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            statuses,
            range(5).map(() => "8")
          )
        })
    }
  ],
  [
    "P24: what is no command is status 13",
    {
      causes: [],
      run: ({ url }) =>
        Effect.gen(function* () {
          const garbage = Grpc.frame(new Uint8Array(100).fill(0xff))
          assert.strictEqual(yield* statusOf(url, { ":path": commitsPath }, [garbage]), "13")
        })
    }
  ],
  [
    "a length of 1 GiB is status 8, and nothing is set aside for it",
    {
      causes: ["message"],
      run: ({ url }) =>
        Effect.gen(function* () {
          const before = yield* heldBytes
          const prefix = Uint8Array.of(0, 0x40, 0, 0, 0)
          for (const path of [blocksPath, commitsPath])
            assert.strictEqual(yield* statusOf(url, { ":path": path }, [prefix]), "8")
          assert.isBelow((yield* heldBytes) - before, 8 * 1024 * 1024)
        })
    }
  ],
  [
    "a message of 64 KiB that comes byte by byte costs little more than 64 KiB",
    {
      causes: ["idle"],
      options: { idleMs: 200 },
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          const one = frame(Type.Data, 0, 1, Uint8Array.of(1))
          raw.send(preface, open(1, blocksPath), frame(Type.Data, 0, 1, Uint8Array.of(0, 0, 0, 0xff, 0xff)))
          yield* until("the call is open", () => raw.count(Type.Headers) === 1)
          const before = yield* heldBytes
          for (let i = 0; i < 60; i++) {
            raw.send(...range(1000).map(() => one))
            yield* Effect.sleep(5)
          }
          assert.isBelow((yield* heldBytes) - before, 8 * 1024 * 1024)
          raw.send(reset(1))
          yield* until("it is closed", () => raw.closed)
        })
    }
  ],
  [
    "a gzip bomb is status 8",
    {
      causes: ["message"],
      run: ({ url }) =>
        Effect.gen(function* () {
          const bomb = gzipSync(new Uint8Array(32 * 1024 * 1024))
          const message = Grpc.frame(bomb)
          message[0] = 1
          const before = yield* heldBytes
          const headers = { ":path": commitsPath, "grpc-encoding": "gzip" }
          assert.strictEqual(yield* statusOf(url, headers, [message]), "8")
          assert.isBelow((yield* heldBytes) - before, 8 * 1024 * 1024)
        })
    }
  ],
  [
    "P16: a reader of one byte a time is reset",
    {
      options: { writeStallMs: 400, writeBufferBytes: 16 * 1024 },
      payload: 2000,
      causes: ["slow"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          raw.send(preface, open(1, commitsPath), frame(Type.Data, 0, 1, startCommits))
          const byte = frame(Type.Window, 0, 1, Uint8Array.of(0, 0, 0, 1))
          yield* until("the call is reset", () => {
            raw.send(byte)
            return raw.codes(Type.Reset).includes(calm)
          })
        })
    }
  ],
  [
    "P17: a reader that no longer takes anything from its socket is cut off",
    {
      // Long enough for the honest one beside it, on a machine that does something else, too.
      options: { keepaliveIntervalMs: 150, keepaliveTimeoutMs: 2500 },
      payload: 2000,
      causes: ["keepalive"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          const grow = Uint8Array.of(0x7f, 0xff, 0, 0)
          raw.send(preface, frame(Type.Window, 0, 0, grow), open(1, commitsPath))
          raw.send(frame(Type.Window, 0, 1, grow), frame(Type.Data, 0, 1, startCommits))
          raw.socket.pause()
          yield* Effect.sleep(4000)
          raw.socket.resume()
          yield* until("it is closed", () => raw.closed)
        })
    }
  ],
  ...(
    [
      ["PING", frame(Type.Ping, 0, 0, new Uint8Array(8))],
      ["SETTINGS", frame(Type.Settings, 0, 0)]
    ] as const
  ).map(
    ([name, one]) =>
      [
        `a flood of ${name} is cut off`,
        {
          causes: ["control"],
          run: ({ port }: World) =>
            Effect.gen(function* () {
              const raw = yield* connect(port)
              raw.send(preface)
              yield* until("it is closed", () => {
                raw.send(...range(20).map(() => one))
                return raw.closed
              })
              assert.include(raw.codes(Type.GoAway), calm)
            })
        }
      ] as const
  ),
  [
    "empty DATA frames without end are cut off",
    {
      causes: ["protocol"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          raw.send(preface, open(1, blocksPath))
          yield* until("it is closed", () => {
            raw.send(...range(20).map(() => frame(Type.Data, 0, 1)))
            return raw.closed
          })
        })
    }
  ],
  [
    "what is no HTTP/2 is cut off",
    {
      causes: ["protocol"],
      run: ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* connect(port)
          raw.send(Buffer.from("GET / HTTP/1.1\r\nhost: publisher.test\r\n\r\n"))
          yield* until("it is closed", () => raw.closed)
        })
    }
  ]
]

describe("a publisher under attack, with an honest subscriber beside it", () => {
  for (const [title, attack] of rows) it.live(title, () => withstand(attack), 60_000)
})
