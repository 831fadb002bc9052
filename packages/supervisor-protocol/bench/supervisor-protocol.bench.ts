/**
 * What a call costs over a bare WebSocket echo in the same process, both ends included. Prints one JSON row per
 * measurement. Run with `node --conditions=ephor-source bench/supervisor-protocol.bench.ts`.
 *
 * `sequential` rows are the median round trip of one call after the other; the echo sends the same frames. `work` rows
 * keep 64 calls in flight and count processor time, of both ends together: they do not depend on who else is busy.
 */
import { createServer } from "node:http"
import { NodeWS } from "@effect/platform-node"
import { Effect, Layer, Redacted, References } from "effect"
import * as ManagedNode from "../src/ManagedNode.ts"
import { ManagedNodeServer } from "../src/ManagedNodeServer.ts"
import * as NodeManagedNodeClient from "../src/NodeManagedNodeClient.ts"
import * as NodeManagedNodeServer from "../src/NodeManagedNodeServer.ts"
import { chainId, l2Block, layerChain } from "../src/testing/ManagedNodeTest.ts"

const rounds = 7
const calls = 4000
const inFlight = 64

const jwtSecret = Redacted.make(new Uint8Array(32).fill(7))
const layer = Layer.unwrap(
  Effect.map(ManagedNodeServer, ({ url }) => NodeManagedNodeClient.layer({ url, jwtSecret }))
).pipe(
  Layer.provide(NodeManagedNodeServer.layer({ host: "127.0.0.1", port: 0, jwtSecret })),
  Layer.provide(ManagedNode.layerChain({ chainId })),
  Layer.provide(layerChain)
)

const ref = l2Block(0)
const question = JSON.stringify({
  jsonrpc: "2.0",
  id: 1000,
  method: "interop_l2BlockRefByNumber",
  params: [0]
})
const answer = JSON.stringify({ jsonrpc: "2.0", id: 1000, result: ref })

/** A server that answers every frame with the same text, and a client that waits for it. */
const bareEcho = Effect.acquireRelease(
  Effect.callback<{ readonly socket: NodeWS.WebSocket; readonly close: () => void }>((resume) => {
    const http = createServer()
    const server = new NodeWS.WebSocketServer({ server: http, perMessageDeflate: false })
    server.on("connection", (peer) => peer.on("message", () => peer.send(answer)))
    http.listen(0, "127.0.0.1", () => {
      const address = http.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const socket = new NodeWS.WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
      const close = () => {
        socket.terminate()
        http.close()
        http.closeAllConnections()
      }
      socket.once("open", () => resume(Effect.succeed({ socket, close })))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const echoCall = (socket: NodeWS.WebSocket) =>
  Effect.callback<void>((resume) => {
    socket.once("message", () => resume(Effect.void))
    socket.send(question)
  })
const echoPipelined = (socket: NodeWS.WebSocket) =>
  Effect.callback<void>((resume) => {
    let sent = 0
    let received = 0
    const send = () => {
      if (sent++ < calls) socket.send(question)
    }
    const onMessage = () => {
      if (++received < calls) return send()
      socket.off("message", onMessage)
      resume(Effect.void)
    }
    socket.on("message", onMessage)
    for (let started = 0; started < inFlight; started++) send()
  })

type Meter = () => number
const wallUs: Meter = () => Number(process.hrtime.bigint() / 1000n)
const workUs: Meter = () => {
  const { system, user } = process.cpuUsage()
  return system + user
}
const perCall = <A, E>(meter: Meter, effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const start = meter()
    yield* effect
    return (meter() - start) / calls
  })
const median = (values: ReadonlyArray<number>) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const round = (value: number) => Number(value.toPrecision(3))

const compare = Effect.fnUntraced(function* <E>(
  what: string,
  meter: Meter,
  ours: Effect.Effect<unknown, E>,
  bare: Effect.Effect<unknown, E>
) {
  yield* ours
  yield* bare
  const pairs: Array<readonly [number, number]> = []
  for (let count = 0; count < rounds; count++)
    pairs.push([yield* perCall(meter, ours), yield* perCall(meter, bare)])
  const row = {
    what,
    ours: round(median(pairs.map(([one]) => one))),
    peer: round(median(pairs.map(([, other]) => other))),
    unit: "us/call"
  }
  const overhead = round(median(pairs.map(([one, other]) => one - other)))
  const rows = [row, { what: `${what}, overhead`, ours: overhead, unit: "us/call" }]
  yield* Effect.sync(() => rows.forEach((one) => console.log(JSON.stringify(one))))
})

const program = Effect.gen(function* () {
  const node = yield* ManagedNode.ManagedNode
  const { socket } = yield* bareEcho
  const indices = Array.from({ length: calls }, (_, index) => index)
  const each = <A, E>(call: Effect.Effect<A, E>, concurrency: number) =>
    Effect.forEach(indices, () => call, { discard: true, concurrency })
  yield* compare(
    "sequential: l2BlockRefByNumber",
    wallUs,
    each(node.l2BlockRefByNumber(0), 1),
    each(echoCall(socket), 1)
  )
  yield* compare(
    "work: l2BlockRefByNumber",
    workUs,
    each(node.l2BlockRefByNumber(0), inFlight),
    echoPipelined(socket)
  )
  yield* compare("work: chainID", workUs, each(node.chainId, inFlight), echoPipelined(socket))
})

// Standard output is for the rows.
await Effect.runPromise(
  Effect.scoped(program).pipe(
    Effect.provide(layer),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
)
