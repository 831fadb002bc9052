import { createServer } from "node:http"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import { L1 } from "../src/index.ts"
import * as NodeL1 from "../src/NodeL1.ts"
import { makeL1 } from "./world.ts"

/** An execution client in miniature: answers `eth_getBlockBy…` from a list of blocks, and can be broken. */
const makeServer = Effect.fnUntraced(function* () {
  const l1 = makeL1()
  l1.mine(4)
  const answers: { custom?: (id: number) => unknown } = {}
  const answer = (body: string) => {
    const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: [string] }
    const [key] = params
    const number = key === "latest" ? l1.blocks.length - 1 : key === "finalized" ? 2 : Number(key)
    const block =
      method === "eth_getBlockByHash" ? l1.blocks.find(({ hash }) => hash === key) : l1.blocks[number]
    const hex = (n: number) => `0x${n.toString(16)}`
    const result = block && {
      ...block,
      number: hex(block.number),
      timestamp: hex(block.timestamp),
      extraData: "0x"
    }
    const { custom } = answers
    return JSON.stringify(custom === undefined ? { jsonrpc: "2.0", id, result: result ?? null } : custom(id))
  }
  const server = createServer((request, response) => {
    let body = ""
    request.on("data", (chunk) => (body += chunk))
    request.on("end", () => {
      response.setHeader("content-type", "application/json")
      response.end(answer(body))
    })
  })
  const sockets = new NodeWS.WebSocketServer({ server })
  sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(answer(String(data)))))
  const url = yield* Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed(`http://127.0.0.1:${(server.address() as { port: number }).port}`))
      )
    }),
    () => Effect.sync(() => server.closeAllConnections())
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
  const hangUp = Effect.sync(() => sockets.clients.forEach((socket) => socket.terminate()))
  return { l1, url, answers, hangUp }
})

const build = (url: string) =>
  Effect.map(Layer.build(NodeL1.layer({ url })), (context) => Context.get(context, L1.L1))

describe("NodeL1 over HTTP", () => {
  it.live("reads headers over HTTP", () =>
    Effect.gen(function* () {
      const { l1, url } = yield* makeServer()
      const service = yield* build(url)
      while (Option.isNone(yield* service.finalized)) yield* Effect.sleep(5)
      assert.deepStrictEqual(yield* service.latest, Option.some(l1.blocks[4]!))
      assert.deepStrictEqual(yield* service.finalized, Option.some(l1.blocks[2]!))
      assert.deepStrictEqual(yield* service.blockByNumber(2), Option.some(l1.blocks[2]!))
      assert.isTrue(Option.isNone(yield* service.blockByNumber(3)))
      assert.deepStrictEqual(yield* service.blockByHash(l1.blocks[4]!.hash), Option.some(l1.blocks[4]!))
      assert.isTrue(Option.isNone(yield* service.blockByHash(`0x${"9".repeat(64)}`)))
    })
  )

  const rows: ReadonlyArray<readonly [string, unknown, string]> = [
    ["an error", { error: { code: -32005, message: "rate limited" } }, "rate limited (-32005)"],
    ["no JSON-RPC at all", { hello: 1 }, "L1 eth_getBlockByHash"],
    [
      "a height above 2^53",
      {
        result: {
          hash: `0x${"1".repeat(64)}`,
          parentHash: `0x${"1".repeat(64)}`,
          number: "0xffffffffffffffff",
          timestamp: "0x1"
        }
      },
      "eth_getBlockByHash"
    ]
  ]
  rows.forEach(([name, body, text], i) =>
    it.live(`bad answer ${i + 1}: ${name}`, () =>
      Effect.gen(function* () {
        const { answers, url } = yield* makeServer()
        const service = yield* build(url)
        answers.custom = (id) => ({ jsonrpc: "2.0", id, ...(body as object) })
        const error = yield* Effect.flip(service.blockByHash(`0x${"1".repeat(64)}`))
        assert.include(error.message, text)
        assert.include(error.message, url)
      })
    )
  )

  it.live("a block that is not known is none, whatever the client calls it", () =>
    Effect.gen(function* () {
      const { answers, url } = yield* makeServer()
      const service = yield* build(url)
      answers.custom = (id) => ({
        jsonrpc: "2.0",
        id,
        error: { code: -39001, message: "Unknown block" }
      })
      assert.isTrue(Option.isNone(yield* service.blockByHash(`0x${"1".repeat(64)}`)))
    })
  )

  it.live("nobody listens", () =>
    Effect.gen(function* () {
      const service = yield* build("http://127.0.0.1:1")
      assert.strictEqual((yield* Effect.flip(service.blockByHash(`0x${"1".repeat(64)}`)))._tag, "L1Error")
    })
  )
})

describe("NodeL1", () => {
  for (const protocol of ["http", "ws"]) {
    it.live(`reads headers over ${protocol}, and again after the connection broke`, () =>
      Effect.gen(function* () {
        const { hangUp, l1, url } = yield* makeServer()
        const context = yield* Layer.build(
          NodeL1.layer({ url: url.replace(/^http/, protocol), pollIntervalMs: 20 })
        )
        const service = Context.get(context, L1.L1)
        while (Option.isNone(yield* service.finalized)) yield* Effect.sleep(5)
        const all = yield* Effect.forEach([0, 1, 2], service.blockByNumber, { concurrency: 3 })
        assert.deepStrictEqual(
          all,
          l1.blocks.slice(0, 3).map((block) => Option.some(block))
        )
        yield* hangUp
        l1.mine(1)
        while (Option.getOrUndefined(yield* service.latest)?.number !== 5) yield* Effect.sleep(5)
        assert.deepStrictEqual(yield* service.blockByHash(l1.blocks[5]!.hash), Option.some(l1.blocks[5]!))
      })
    )
  }
  it.live("says who can not be asked", () =>
    Effect.gen(function* () {
      const { answers, url } = yield* makeServer()
      const context = yield* Layer.build(NodeL1.layer({ url: url.replace(/^http/, "ws"), timeoutMs: 200 }))
      const service = Context.get(context, L1.L1)
      answers.custom = () => "nonsense"
      const error = yield* Effect.flip(service.blockByHash(`0x${"9".repeat(64)}`))
      assert.match(error.message, /^L1 (eth_getBlockByHash|blockByHash)/)
    })
  )
})
