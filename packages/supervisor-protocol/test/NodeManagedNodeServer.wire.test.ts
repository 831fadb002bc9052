import { request } from "node:http"
import { connect as connectTcp, type Socket } from "node:net"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Redacted, Stream } from "effect"
import { bearer, issue } from "@ephor/json-rpc/Jwt"
import * as ManagedNode from "../src/ManagedNode.ts"
import { ManagedNodeServer } from "../src/ManagedNodeServer.ts"
import * as NodeManagedNodeServer from "../src/NodeManagedNodeServer.ts"
import { chainId, layerChain } from "../src/testing/ManagedNodeTest.ts"
import { vectors } from "./vectors.ts"

const framing = vectors("rpc-framing")
const jwtSecret = Redacted.make(new Uint8Array(32).fill(7))
const token = (ageSeconds = 0) =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    Effect.map(issue(jwtSecret, Math.floor(nowMs / 1000) - ageSeconds), bearer)
  )

const node = ManagedNode.layerChain({ chainId }).pipe(Layer.provide(layerChain))
const server = (options?: Partial<NodeManagedNodeServer.Options>) =>
  NodeManagedNodeServer.layer({ host: "127.0.0.1", port: 0, jwtSecret, ...options }).pipe(Layer.provide(node))
const run = <A, E>(test: Effect.Effect<A, E, any>, options?: Partial<NodeManagedNodeServer.Options>) =>
  Effect.scoped(test).pipe(Effect.provide(server(options))) as Effect.Effect<A, E>

interface Reply {
  readonly status: number | undefined
  readonly headers: NodeJS.Dict<string | Array<string>>
  readonly body: string
}
const http = (
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: string | Buffer = ""
) =>
  Effect.flatMap(ManagedNodeServer, ({ port }) =>
    Effect.callback<Reply, Error>((resume) => {
      const outgoing = request({ host: "127.0.0.1", port, method, path, headers }, (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk) => chunks.push(chunk))
        response.on("end", () =>
          resume(
            Effect.succeed({
              status: response.statusCode,
              headers: response.headers,
              body: Buffer.concat(chunks).toString()
            })
          )
        )
      })
      outgoing.on("error", (error) => resume(Effect.fail(error)))
      outgoing.end(body)
    })
  )
const chainIdCall = `{"jsonrpc":"2.0","id":1,"method":"interop_chainID","params":[]}`
const json = { "Content-Type": "application/json" }
const post = Effect.fnUntraced(function* (
  body: string | Buffer,
  headers: Record<string, string> = json,
  path = "/"
) {
  return yield* http("POST", path, { Authorization: yield* token(), ...headers }, body)
})

/** A WebSocket, or the answer that refused it. */
const dial = Effect.fnUntraced(function* (path: string, headers: Record<string, string>) {
  const { port } = yield* ManagedNodeServer
  return yield* Effect.acquireRelease(
    Effect.callback<NodeWS.WebSocket | Reply>((resume) => {
      const socket = new NodeWS.WebSocket(`ws://127.0.0.1:${port}${path}`, { headers })
      socket.once("open", () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
      socket.once("unexpected-response", (_, response) => {
        let body = ""
        response.on("data", (chunk) => (body += chunk))
        response.on("end", () =>
          resume(Effect.succeed({ status: response.statusCode, headers: response.headers, body }))
        )
      })
    }),
    (socket) => Effect.sync(() => socket instanceof NodeWS.WebSocket && socket.terminate())
  )
})
const open = Effect.fnUntraced(function* (path = "/") {
  const socket = yield* dial(path, { Authorization: yield* token() })
  return socket instanceof NodeWS.WebSocket ? socket : assert.fail(`refused: ${socket.status}`)
})
const nextFrame = (socket: NodeWS.WebSocket) =>
  Effect.callback<any>((resume) => {
    socket.once("message", (data) => resume(Effect.succeed(JSON.parse(String(data)))))
  })
const closed = (socket: NodeWS.WebSocket) =>
  Effect.callback<number>((resume) => {
    if (socket.readyState === socket.CLOSED) resume(Effect.succeed(0))
    socket.once("close", (code) => resume(Effect.succeed(code)))
  })

describe("paths", () => {
  it.live("health needs no token", () =>
    run(
      Effect.gen(function* () {
        for (const path of ["/healthz", "/healthz/"]) {
          const { body, headers, status } = yield* http("GET", path)
          assert.deepStrictEqual(
            [status, headers["content-type"], body],
            [200, framing.healthz.contentType, framing.healthz.body]
          )
        }
      })
    )
  )
  it.live("health tells the version", () =>
    run(
      Effect.gen(function* () {
        assert.strictEqual((yield* http("GET", "/healthz")).body, `{"version":"v9.9.9"}\n`)
      }),
      { version: "v9.9.9" }
    )
  )
  it.live("anything else is not found, for requests and for upgrades", () =>
    run(
      Effect.gen(function* () {
        const headers = { Authorization: yield* token() }
        for (const reply of [
          yield* post(chainIdCall, json, "/ws"),
          yield* http("GET", "/x", headers),
          yield* dial("/x", headers),
          yield* dial("/ws/x", headers)
        ]) {
          assert.notInstanceOf(reply, NodeWS.WebSocket)
          const { body, status } = reply as Reply
          assert.deepStrictEqual([status, body], [404, "404 page not found\n"])
        }
      })
    )
  )
  it.live("WebSockets at /, /ws and /ws/", () =>
    run(
      Effect.gen(function* () {
        for (const path of ["/", "/ws", "/ws/", "/?x=1"]) {
          const socket = yield* open(path)
          const answer = nextFrame(socket)
          socket.send(chainIdCall)
          assert.deepStrictEqual(yield* answer, { jsonrpc: "2.0", id: 1, result: "901" })
        }
      })
    )
  )
})

describe("tokens", () => {
  it.live("requests and upgrades without a good one are refused alike", () =>
    run(
      Effect.gen(function* () {
        const old = yield* token(61)
        const { body, contentType, status, xContentTypeOptions } = framing.httpUnauthorized
        for (const [headers, text] of [
          [{}, body],
          [{ Authorization: "Bearer " }, body],
          [{ Authorization: old }, "stale token\n"]
        ] as const) {
          for (const reply of [
            yield* http("POST", "/", { ...json, ...headers }, chainIdCall),
            yield* dial("/", headers),
            yield* http("GET", "/", headers)
          ]) {
            const refused = reply as Reply
            assert.deepStrictEqual(
              [
                refused.status,
                refused.headers["content-type"],
                refused.headers["x-content-type-options"],
                refused.body
              ],
              [status, contentType, xContentTypeOptions, text]
            )
          }
        }
      })
    )
  )
  it.live("sixty seconds are still good", () =>
    run(
      Effect.gen(function* () {
        const reply = yield* http("POST", "/", { ...json, Authorization: yield* token(59) }, chainIdCall)
        assert.strictEqual(reply.status, 200)
      })
    )
  )
})

describe("requests", () => {
  it.live("calls, batches and notifications", () =>
    run(
      Effect.gen(function* () {
        const { body, headers, status } = yield* post(chainIdCall)
        assert.deepStrictEqual([status, headers["content-type"]], [200, "application/json"])
        assert.strictEqual(body, `{"jsonrpc":"2.0","id":1,"result":"901"}`)
        assert.strictEqual((yield* post(`[${chainIdCall}]`)).body, `[${body}]`)
        assert.strictEqual((yield* post(`{"jsonrpc":"2.0","method":"interop_chainID"}`)).body, "")
        const subscribe = yield* post(
          `{"jsonrpc":"2.0","id":1,"method":"interop_subscribe","params":["events"]}`
        )
        assert.include(subscribe.body, "notifications not supported")
        const broken = yield* post("{")
        assert.deepStrictEqual(
          [broken.status, JSON.parse(broken.body).error],
          [200, { code: -32700, message: "parse error" }]
        )
      })
    )
  )
  it.live("a bare GET is fine, other methods and content types are not", () =>
    run(
      Effect.gen(function* () {
        const headers = { Authorization: yield* token() }
        const get = yield* http("GET", "/", headers)
        assert.deepStrictEqual([get.status, get.body], [200, ""])
        assert.strictEqual((yield* http("PUT", "/", headers, "x")).status, 405)
        for (const type of [
          "application/json",
          "application/json-rpc",
          "application/jsonrequest",
          "application/json; charset=utf-8"
        ]) {
          assert.strictEqual((yield* post(chainIdCall, { "Content-Type": type })).status, 200, type)
        }
        for (const headers of [{}, { "Content-Type": "text/plain" }]) {
          const { body, status } = yield* post(chainIdCall, headers as Record<string, string>)
          assert.deepStrictEqual(
            [status, body],
            [415, "invalid content type, only application/json is supported\n"]
          )
        }
      })
    )
  )
  it.live("a body has a limit, announced or not", () =>
    run(
      Effect.gen(function* () {
        const big = Buffer.from(`[${chainIdCall}]`.padEnd(200))
        assert.strictEqual((yield* post(big.subarray(0, 100))).status, 200)
        assert.strictEqual((yield* post(big)).status, 413)
        assert.strictEqual((yield* post(big, { ...json, "Transfer-Encoding": "chunked" })).status, 413)
      }),
      { limits: { bodyBytes: 100 } }
    )
  )
})

describe("sockets", () => {
  it.live("a port in use is named", () =>
    run(
      Effect.gen(function* () {
        const { port } = yield* ManagedNodeServer
        const error = yield* Effect.flip(Effect.scoped(Layer.build(server({ port }))))
        assert.strictEqual(
          error.message,
          `listen: cannot listen on 127.0.0.1:${port}: the port is in use; stop the other program or choose another port`
        )
      })
    )
  )
  it.live("what is not JSON is answered, then the connection is closed", () =>
    run(
      Effect.gen(function* () {
        const socket = yield* open()
        const answer = nextFrame(socket)
        socket.send("nonsense")
        assert.deepStrictEqual(yield* answer, {
          jsonrpc: "2.0",
          id: null,
          error: { code: -32700, message: "parse error" }
        })
        yield* closed(socket)
      })
    )
  )
  it.live("a message has a limit", () =>
    run(
      Effect.gen(function* () {
        const socket = yield* open()
        socket.send("x".repeat(101))
        assert.strictEqual(yield* closed(socket), 1009)
      }),
      { limits: { messageBytes: 100 } }
    )
  )
  it.live("calls are read only as far as they may be in flight, and all are answered", () => {
    let running = 0
    let most = 0
    const slow = Layer.mock(ManagedNode.ManagedNode, {
      events: Stream.never,
      chainId: Effect.gen(function* () {
        most = Math.max(most, ++running)
        yield* Effect.sleep(1)
        running--
        return chainId
      })
    })
    return Effect.gen(function* () {
      const socket = yield* open()
      const ids = new Set<number>()
      const all = Effect.callback<void>((resume) => {
        socket.on("message", (data) => {
          ids.add(JSON.parse(String(data)).id)
          if (ids.size === 50) resume(Effect.void)
        })
      })
      for (let id = 0; id < 50; id++) {
        socket.send(JSON.stringify({ jsonrpc: "2.0", id, method: "interop_chainID", params: [] }))
      }
      yield* all
      assert.strictEqual(most, 2)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        NodeManagedNodeServer.layer({
          host: "127.0.0.1",
          port: 0,
          jwtSecret,
          limits: { callsInFlight: 2 }
        }).pipe(Layer.provide(slow))
      )
    )
  })
  it.live("a peer that does not answer pings is broken off, one that does is not", () =>
    run(
      Effect.gen(function* () {
        const good = yield* open()
        const { port } = yield* ManagedNodeServer
        const silent = yield* rawUpgrade(port, yield* token())
        yield* Effect.callback<void>((resume) => {
          silent.once("close", () => resume(Effect.void))
        })
        const answer = nextFrame(good)
        good.send(chainIdCall)
        assert.strictEqual((yield* answer).result, "901")
      }),
      { limits: { pingIntervalMs: 30, pongTimeoutMs: 200 } }
    )
  )
  it.live("a peer that does not read is broken off", () =>
    run(
      Effect.gen(function* () {
        const { port } = yield* ManagedNodeServer
        const deaf = yield* rawUpgrade(port, yield* token())
        deaf.pause()
        const frame = maskedFrame(
          `[${Array.from({ length: 900 }, () => `{"jsonrpc":"2.0","id":"${"x".repeat(900)}","method":"a"}`).join(",")}]`
        )
        const stop = Effect.callback<void>((resume) => {
          deaf.once("close", () => resume(Effect.void))
        })
        const feed = Effect.forever(
          Effect.andThen(
            Effect.sync(() => deaf.write(frame)),
            Effect.sleep(5)
          )
        )
        yield* Effect.raceFirst(stop, feed)
      }),
      { limits: { unreadBytes: 1_000_000, writeTimeoutMs: 300 } }
    )
  )
  it.live("frames may be cut anywhere", () =>
    run(
      Effect.gen(function* () {
        const { port } = yield* ManagedNodeServer
        const frame = maskedFrame(chainIdCall)
        for (let cut = 1; cut < frame.length; cut++) {
          const socket = yield* rawUpgrade(port, yield* token())
          const answer = Effect.callback<string>((resume) => {
            socket.once("data", (data: Buffer) => resume(Effect.succeed(data.subarray(2).toString())))
          })
          socket.write(frame.subarray(0, cut))
          yield* Effect.yieldNow
          setImmediate(() => socket.write(frame.subarray(cut)))
          assert.strictEqual(yield* answer, `{"jsonrpc":"2.0","id":1,"result":"901"}`)
          socket.destroy()
        }
      })
    )
  )
  it.live("frames may come byte by byte, and several at once", () =>
    run(
      Effect.gen(function* () {
        const { port } = yield* ManagedNodeServer
        const socket = yield* rawUpgrade(port, yield* token())
        let seen = ""
        const three = Effect.callback<void>((resume) => {
          socket.on("data", (data: Buffer) => {
            seen += data.toString("latin1")
            if (seen.split(`"result":"901"`).length === 4) resume(Effect.void)
          })
        })
        const frame = maskedFrame(chainIdCall)
        for (const byte of frame) {
          socket.write(Buffer.of(byte))
          yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
        }
        socket.write(Buffer.concat([frame, frame]))
        yield* three
      })
    )
  )
})

const bigEndian = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A text frame of a client, with a mask of zeros. */
const maskedFrame = (text: string): Buffer => {
  const body = Buffer.from(text)
  const length =
    body.length < 126
      ? Buffer.of(0x80 | body.length)
      : body.length < 65536
        ? Buffer.of(0x80 | 126, body.length >> 8, body.length & 255)
        : Buffer.concat([Buffer.of(0x80 | 127, 0, 0, 0, 0), bigEndian(body.length)])
  return Buffer.concat([Buffer.of(0x81), length, Buffer.alloc(4), body])
}

/** A connection after its handshake, in the hands of the test. */
const rawUpgrade = (port: number, authorization: string) =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connectTcp(port, "127.0.0.1", () =>
        socket.write(
          `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
            `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: ${authorization}\r\n\r\n`
        )
      )
      socket.setNoDelay(true).on("error", () => {})
      socket.once("data", (data) => {
        assert.include(data.toString(), "101 Switching Protocols")
        resume(Effect.succeed(socket))
      })
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
