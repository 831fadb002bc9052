/** Doors on loopback: who gets in, what a stranger can cost, and that honest callers do not notice. */
import { request } from "node:http"
import { connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { JsonRpc, type JsonRpcError, JsonRpcServer, Jwt } from "../src/index.ts"
import * as NodeJsonRpcClient from "../src/NodeJsonRpcClient.ts"
import * as NodeJsonRpcServer from "../src/NodeJsonRpcServer.ts"

const jwtSecret = Redacted.make(new Uint8Array(32).fill(7))

const serve = (options: Partial<NodeJsonRpcServer.Options> = {}) =>
  NodeJsonRpcServer.make({
    name: "test",
    port: 0,
    modules: ["test"],
    dispatch: () => (method, params) =>
      method === "test_echo"
        ? Effect.succeed(params)
        : method === "test_never"
          ? Effect.never
          : method === "test_crash"
            ? Effect.die(new Error("broken"))
            : Effect.fail(JsonRpc.errors.methodNotFound(method)),
    ...options
  })

interface Reply {
  readonly status: number | undefined
  readonly headers: NodeJS.Dict<string | Array<string>>
  readonly body: string
}

const ask = (
  port: number,
  body: string | ReadonlyArray<string>,
  headers: Record<string, string> = {},
  method = "POST",
  path = "/"
) =>
  Effect.callback<Reply, Error>((resume) => {
    const outgoing = request(
      { host: "127.0.0.1", port, method, path, headers: { "content-type": "application/json", ...headers } },
      (response) => {
        let text = ""
        response.on("data", (chunk) => (text += chunk))
        response.on("end", () =>
          resume(Effect.succeed({ status: response.statusCode, headers: response.headers, body: text }))
        )
      }
    )
    outgoing.on("error", (error) => resume(Effect.fail(error)))
    if (typeof body === "string") outgoing.end(body)
    else {
      // Without an announced length.
      for (const part of body) outgoing.write(part)
      outgoing.end()
    }
  })

const call = (method: string, params: unknown = []) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
const echo = call("test_echo", [1])
const echoed = `{"jsonrpc":"2.0","id":1,"result":[1]}`

describe("who may ask", () => {
  it.live("localhost names, unless others are given", () =>
    Effect.gen(function* () {
      const { port } = yield* serve()
      assert.strictEqual((yield* ask(port, echo)).body, echoed)
      assert.strictEqual((yield* ask(port, echo, { host: "localhost" })).status, 200)
      assert.strictEqual((yield* ask(port, echo, { host: "evil.example" })).status, 403)
      assert.strictEqual((yield* ask(port, echo, { origin: "http://evil.example" })).status, 403)
      const page = yield* ask(port, echo, { origin: "http://localhost:3000" })
      assert.strictEqual(page.headers["access-control-allow-origin"], "http://localhost:3000")
      const open = yield* serve({ hosts: { vhosts: ["*"], corsDomains: ["*"] } })
      const foreign = yield* ask(open.port, echo, { host: "evil.example", origin: "http://evil.example" })
      assert.deepStrictEqual([foreign.status, foreign.headers["access-control-allow-origin"]], [200, "*"])
    }).pipe(Effect.scoped)
  )
  it.live("a browser asks first, without a token", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ jwtSecret, hosts: { corsDomains: ["*"] } })
      const headers = { origin: "https://page.example", "access-control-request-headers": "content-type" }
      const { headers: said, status } = yield* ask(port, "", headers, "OPTIONS")
      assert.deepStrictEqual(
        [status, said["access-control-allow-origin"], said["access-control-allow-headers"]],
        [204, "*", "content-type"]
      )
      assert.strictEqual((yield* ask(port, echo)).status, 401)
    }).pipe(Effect.scoped)
  )
})

describe("what is asked", () => {
  it.live("every server tells what it is", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ version: "v1" })
      assert.include((yield* ask(port, call("health_status"))).body, `"result":"v1"`)
      assert.include(
        (yield* ask(port, call("rpc_modules"))).body,
        `"result":{"health":"1.0","rpc":"1.0","test":"1.0"}`
      )
      const empty = yield* ask(port, "", {}, "GET")
      assert.deepStrictEqual([empty.status, empty.body], [200, ""])
      assert.strictEqual((yield* ask(port, "", {}, "GET", "/healthz")).body, `{"version":"v1"}\n`)
      assert.strictEqual((yield* ask(port, "", {}, "PUT")).status, 405)
      assert.strictEqual((yield* ask(port, echo, { "content-type": "text/plain" })).status, 415)
    }).pipe(Effect.scoped)
  )
  it.live("calls that take too long or break are answered", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ limits: { callTimeoutMs: 20 } })
      assert.include((yield* ask(port, call("test_never"))).body, `"code":-32002`)
      assert.include((yield* ask(port, call("test_crash"))).body, `"message":"method handler crashed"`)
    }).pipe(Effect.scoped)
  )
  it.live("a body is bounded whether its length was announced or not", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ limits: { bodyBytes: 100 } })
      const long = call("test_echo", ["x".repeat(200)])
      assert.strictEqual((yield* ask(port, long)).status, 413)
      assert.strictEqual((yield* ask(port, [long.slice(0, 50), long.slice(50)])).status, 413)
      assert.strictEqual((yield* ask(port, [echo.slice(0, 20), echo.slice(20)])).body, echoed)
    }).pipe(Effect.scoped)
  )
})

/** Connections that say nothing, or a part of something. */
const silent = (port: number, count: number, text = "") =>
  Effect.acquireRelease(
    Effect.callback<ReadonlyArray<Socket>>((resume) => {
      let open = 0
      const sockets = Array.from({ length: count }, () =>
        connect(port, "127.0.0.1", () => {
          open++
          if (open === count) resume(Effect.succeed(sockets))
        })
      )
      for (const socket of sockets) socket.on("error", () => {}).on("connect", () => void socket.write(text))
    }),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  )

const gone = (socket: Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void)).resume()
  })

describe("how many", () => {
  it.live("those that wait make room, the oldest first, and an honest caller is served", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ jwtSecret, limits: { waiting: 20 } })
      const sockets = yield* silent(port, 60, "POST / HTTP/1.1\r\nHost: a\r\nContent-Le")
      const token = yield* Jwt.headers(jwtSecret)
      for (let i = 0; i < 5; i++) assert.strictEqual((yield* ask(port, echo, token)).body, echoed)
      yield* gone(sockets[0]!)
    }).pipe(Effect.scoped)
  )
  it.live("silence before the headers has a deadline", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ limits: { headersTimeoutMs: 50 } })
      const [socket] = yield* silent(port, 1)
      yield* gone(socket!)
    }).pipe(Effect.scoped)
  )
  it.live("no more are served at a time than there is room for, of one address and of all", () =>
    Effect.gen(function* () {
      for (const limits of [{ connections: 2 }, { connectionsPerAddress: 2 }]) {
        const { port } = yield* serve({ limits })
        const busy = yield* silent(
          port,
          2,
          `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n`
        )
        const refused = ask(port, echo).pipe(
          Effect.filterOrFail(({ status }) => status === 503),
          Effect.eventually
        )
        assert.include((yield* refused).body, "too many requests")
        for (const socket of busy) socket.destroy()
        const served = ask(port, echo).pipe(
          Effect.filterOrFail(({ status }) => status === 200),
          Effect.eventually
        )
        assert.strictEqual((yield* served).body, echoed)
      }
    }).pipe(Effect.scoped)
  )
})

describe("NodeJsonRpcClient", () => {
  it.live("calls with a name and a password, and never shows them", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const { port } = yield* serve({
        dispatch: (headers) => () => {
          seen.push(headers["authorization"])
          return Effect.fail(JsonRpc.errors.methodNotFound("x"))
        }
      })
      const { call } = yield* NodeJsonRpcClient.make({ url: `http://reader:open-sesame@127.0.0.1:${port}` })
      const error: JsonRpcError = yield* Effect.flip(call("x"))
      assert.deepStrictEqual(seen, [`Basic ${Buffer.from("reader:open-sesame").toString("base64")}`])
      assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "open-sesame")
      assert.isTrue(error.isUnusableMethod)
      assert.isFalse(error.retryable)
    }).pipe(Effect.scoped)
  )
  it.live("tells what passes from what does not", () =>
    Effect.gen(function* () {
      const nobody = yield* NodeJsonRpcClient.make({ url: "http://127.0.0.1:9" })
      assert.isTrue((yield* Effect.flip(nobody.call("x"))).retryable)
      const { port } = yield* serve({ jwtSecret })
      const stranger = yield* NodeJsonRpcClient.make({ url: `http://127.0.0.1:${port}` })
      const error = yield* Effect.flip(stranger.call("x"))
      assert.deepStrictEqual([error.reason._tag, error.retryable], ["Unauthorized", false])
      const friend = yield* NodeJsonRpcClient.make({ url: `http://127.0.0.1:${port}`, jwtSecret })
      assert.deepStrictEqual(yield* friend.call("test_echo", 1, "a"), [1, "a"])
    }).pipe(Effect.scoped)
  )
})

describe("parsing", () => {
  it("numbers that cannot be held are few, or the text is none", () => {
    const numbers = (count: number) => `[${Array(count).fill("1e2").join(",")}]`
    assert.lengthOf(
      JsonRpc.parseJson(numbers(JsonRpc.exactNumbersLimit)) as Array<unknown>,
      JsonRpc.exactNumbersLimit
    )
    assert.throws(() => JsonRpc.parseJson(numbers(JsonRpc.exactNumbersLimit + 1)), SyntaxError)
  })
  it.effect("a frame of very many values is refused before it is parsed, whatever they are", () =>
    Effect.gen(function* () {
      const call = (values: ReadonlyArray<string>) =>
        `{"jsonrpc":"2.0","id":1,"method":"x","params":[${values.join(",")}]}`
      const answered = (values: ReadonlyArray<string>, frameValues: number) =>
        Effect.map(
          JsonRpcServer.answer(call(values), () => Effect.succeed("done"), {
            ...JsonRpcServer.defaults,
            frameValues
          }),
          ({ text }) => JSON.parse(text ?? "null").result ?? text
        )
      // Of the frame itself there are an object, its members and an array.
      const own = 5
      for (const [value, cost] of [
        ["{}", 1],
        ["[]", 1],
        ["1.5", 0],
        [`"text"`, 0]
      ] as const) {
        const values = Array<string>(100).fill(value)
        const needed = own + values.length * cost + values.length - 1
        assert.strictEqual(yield* answered(values, needed), "done", value)
        assert.include(yield* answered(values, needed - 1), "parse error", value)
      }
    })
  )
})
