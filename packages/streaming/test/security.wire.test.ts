import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Metric, Queue, Redacted, type Scope, Stream } from "effect"
import * as Tls from "node:tls"
import { BlockSource, Metrics, type ObserverError, Publisher } from "../src/index.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import * as NodeTls from "../src/NodeTls.ts"
import { commit } from "../src/testing/ObserverApiTest.ts"
import { makeIdentity } from "./support/certificates.ts"

type ServerOptions = Partial<NodeGrpcServer.ServerOptions>
type ClientOptions = Partial<NodeGrpcClient.ClientOptions>

const serverOf = (options: ServerOptions) =>
  NodeGrpcServer.layer(options).pipe(
    Layer.provide(Publisher.layer()),
    Layer.provide(
      BlockSource.layerMemory({ committeeSize: 4 }, (memory) =>
        memory.commit([1, 2, 3].map((index) => commit(index)))
      )
    )
  )

const withServer = <A, E>(
  options: ServerOptions,
  body: (server: NodeGrpcServer.GrpcServer["Service"]) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.gen(function* () {
    return yield* body(yield* NodeGrpcServer.GrpcServer)
  }).pipe(Effect.scoped, Effect.provide(serverOf(options)))

const startCommits = { command: { _tag: "Start", value: { lastCommitIndex: 0 } } } as const

/** The index of the first commit that a client gets. */
const first = (url: string, options: ClientOptions = {}) =>
  Effect.scoped(
    Effect.gen(function* () {
      const api = yield* NodeGrpcClient.connect({ url, ...options })
      const commands = Stream.concat(Stream.make(startCommits), Stream.never)
      const responses = yield* Stream.runCollect(Stream.take(api.streamCommits(commands), 1))
      return responses[0]!.commits[0]!.commitIndex
    })
  )

const count = (cause: Metrics.Refusal) =>
  Effect.map(Metric.value(Metrics.refusedByServer(cause)), (state) => Number(state.count))

const publisher = makeIdentity()
const alice = makeIdentity("alice", "p256")
const mallory = makeIdentity("mallory")
const { cert, key } = publisher

describe("TLS", () => {
  it.live("a publisher is trusted by its authority", () =>
    withServer({ tls: { key, cert } }, ({ url }) =>
      Effect.gen(function* () {
        assert.match(url, /^https:/)
        assert.strictEqual(yield* first(url, { ca: cert }), 1)
        assert.strictEqual(yield* first(url, { ca: Buffer.from(cert), serverName: "publisher.test" }), 1)
      })
    )
  )

  it.live("a renewed certificate is seen by those who come later; one that cannot be used, by nobody", () =>
    Effect.gen(function* () {
      const renewed = makeIdentity("renewed")
      const pairs = yield* Queue.unbounded<Pick<NodeTls.ServerTls, "key" | "cert">>()
      yield* withServer({ tls: { key, cert, renewals: Stream.fromQueue(pairs) } }, ({ url }) =>
        Effect.gen(function* () {
          const sees = ({ hash }: typeof renewed) =>
            Effect.map(Effect.result(first(url, { serverKeys: [hash] })), ({ _tag }) => _tag === "Success")
          const open = yield* NodeGrpcClient.connect({ url, serverKeys: [publisher.hash] })
          // Key and certificate of two identities, as while files are being replaced.
          yield* Queue.offer(pairs, { key, cert: renewed.cert })
          assert.deepStrictEqual([yield* sees(publisher), yield* sees(renewed)], [true, false])
          yield* Queue.offer(pairs, { key: renewed.key, cert: renewed.cert })
          while (!(yield* sees(renewed))) yield* Effect.sleep(10)
          assert.isFalse(yield* sees(publisher))
          // Who is connected stays so.
          const commands = Stream.concat(Stream.make(startCommits), Stream.never)
          const [one] = yield* Stream.runCollect(Stream.take(open.streamCommits(commands), 1))
          assert.strictEqual(one!.commits[0]!.commitIndex, 1)
        })
      )
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.live("a publisher is trusted by its key alone", () =>
    withServer({ tls: { key, cert } }, ({ url }) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* NodeTls.keyHash(cert), publisher.hash)
        const spki = publisher.publicKey.export({ type: "spki", format: "pem" }) as string
        assert.strictEqual(yield* NodeTls.keyHash(spki), publisher.hash)
        assert.strictEqual(yield* first(url, { serverKeys: [mallory.hash, publisher.hash] }), 1)
      })
    )
  )

  const distrusted: ReadonlyArray<readonly [string, ClientOptions, string]> = [
    ["an unknown authority", {}, "give its authority as ca (ephor-node: --ca)"],
    ["another authority", { ca: alice.cert }, "give its authority as ca"],
    ["another name", { ca: cert, serverName: "somebody.test" }, "is not trusted"],
    ["another key", { serverKeys: [alice.hash] }, `the key ${publisher.hash} is not among serverKeys`],
    ["another key of a known authority", { ca: cert, serverKeys: [alice.hash] }, "is not among serverKeys"]
  ]
  for (const [title, options, why] of distrusted) {
    it.live(`a publisher with ${title} is Untrusted, and gets nothing of ours`, () =>
      withServer({ tls: { key, cert } }, ({ url }) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(first(url, { token: Redacted.make("secret"), ...options }))
          assert.strictEqual(error.reason._tag, "Untrusted")
          assert.include(error.message, why)
        })
      )
    )
  }

  it.live("one who does not speak TLS, or not HTTP/2 over it, gets nowhere", () =>
    withServer({ tls: { key, cert }, handshakeMs: 2000 }, ({ port, url }) =>
      Effect.gen(function* () {
        const plain = yield* Effect.flip(first(`http://127.0.0.1:${port}`, { connectTimeoutMs: 4000 }))
        assert.strictEqual(plain.reason._tag, "Unavailable")
        yield* Effect.callback<void>((resume) => {
          const socket = Tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false })
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.void))
        })
        assert.strictEqual(yield* first(url, { ca: cert }), 1)
      })
    )
  )
})

describe("keys of observers", () => {
  const tls = { key, cert, clientKeys: [alice.hash] }
  it.live("one on the list is let in, whoever signed its certificate", () =>
    withServer({ tls }, ({ url }) =>
      Effect.gen(function* () {
        const own = { key: alice.key, cert: alice.cert }
        assert.strictEqual(yield* first(url, { ca: cert, ...own }), 1)
      })
    )
  )

  for (const [title, own, why] of [
    ["another key", { key: mallory.key, cert: mallory.cert }, mallory.hash],
    ["no key", {}, "no key was shown"]
  ] as const) {
    it.live(`one with ${title} is refused, told why, and counted`, () =>
      withServer({ tls }, ({ url }) =>
        Effect.gen(function* () {
          const before = yield* count("key")
          const error = yield* Effect.flip(first(url, { ca: cert, ...own }))
          assert.strictEqual(error.reason._tag, "Refused")
          assert.include(error.message, why)
          assert.strictEqual(yield* count("key"), before + 1)
        })
      )
    )
  }

  it.live("calls with one key are bounded over all its connections", () =>
    withServer({ tls, maxCallsPerIdentity: 1 }, ({ url }) =>
      Effect.gen(function* () {
        const own = { ca: cert, key: alice.key, cert: alice.cert }
        const api = yield* NodeGrpcClient.connect({ url, ...own })
        const pull = yield* Stream.toPull(
          api.streamCommits(Stream.concat(Stream.make(startCommits), Stream.never))
        )
        yield* pull
        const error = yield* Effect.flip(first(url, own))
        assert.strictEqual(error.reason._tag, "ResourceExhausted")
      })
    )
  )
})

describe("tokens", () => {
  const tokens = [Redacted.make("first-token"), Redacted.make("second-token")]
  const secured: ReadonlyArray<readonly [string, ServerOptions]> = [
    ["of a list", { tokens }],
    [
      "that a function knows",
      { tokens: (token) => Effect.delay(Effect.succeed(Redacted.value(token) === "second-token"), 20) }
    ]
  ]
  for (const [title, options] of secured) {
    it.live(`one ${title} lets a call in, no other does`, () =>
      withServer(options, ({ url }) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* first(url, { token: tokens[1]! }), 1)
          const before = yield* count("token")
          for (const wrong of [undefined, "third-token", "second-toke", "second-token-"]) {
            const token = wrong === undefined ? undefined : Redacted.make(wrong)
            const error = yield* Effect.flip(first(url, { token }))
            assert.strictEqual(error.reason._tag, "Refused")
          }
          for (const authorization of ["Basic second-token", "Bearer", "second-token"]) {
            const error = yield* Effect.flip(first(url, { metadata: { authorization } }))
            assert.strictEqual(error.reason._tag, "Refused")
          }
          assert.strictEqual(yield* count("token"), before + 7)
        })
      )
    )
  }

  it.live("a function that fails or does not answer lets nobody in", () =>
    Effect.gen(function* () {
      for (const answer of [Effect.never, Effect.die("broken")]) {
        yield* withServer({ tokens: () => answer, tokenCheckMs: 50 }, ({ url }) =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(first(url, { token: Redacted.make("any") }))
            assert.strictEqual(error.reason._tag, "Refused")
          })
        )
      }
    })
  )

  it.live("a token is in no message and in no log", () => {
    const seen: Array<string> = []
    const logger = Logger.make(({ message }) => void seen.push(JSON.stringify(message)))
    return withServer({ tokens }, ({ url }) =>
      Effect.gen(function* () {
        const token = Redacted.make("a-token-to-look-for")
        const error = yield* Effect.flip(first(url, { token }))
        seen.push(String(error), JSON.stringify(error), error.stack ?? "")
        const broken = yield* Effect.flip(first(url, { token: Redacted.make("a token-to-look-for") }))
        assert.strictEqual(broken.reason._tag, "Misconfigured")
        seen.push(String(broken), JSON.stringify(broken))
        assert.isAbove(seen.length, 3)
        assert.notInclude(seen.join("\n"), "token-to-look-for")
      })
    ).pipe(Effect.provide(Logger.layer([logger])))
  })
})

describe("configuration that cannot be meant", () => {
  const token = Redacted.make("token")
  const servers: ReadonlyArray<readonly [string, ServerOptions, string]> = [
    [
      "tokens in the clear",
      { host: "0.0.0.0", tokens: [token] },
      "give tls, listen on 127.0.0.1, or set insecureTokens"
    ],
    ["no tokens", { tokens: [] }, "tokens is empty"],
    ["tokens that are none", { tokens: [Redacted.make("with space")] }, "letters, digits"],
    ["no client keys", { tls: { key, cert, clientKeys: [] } }, "tls.clientKeys is empty"],
    ["client keys that are none", { tls: { key, cert, clientKeys: ["0x12"] } }, "give 0x and 64"],
    ["a key of another certificate", { tls: { key: alice.key, cert } }, "give PEM that belongs together"],
    ["text that is no PEM", { tls: { key: Redacted.make("key"), cert: "cert" } }, "give PEM"]
  ]
  for (const [title, options, why] of servers) {
    it.live(`a server with ${title}`, () =>
      Effect.gen(function* () {
        const error: ObserverError = yield* Effect.flip(Layer.build(serverOf(options)))
        assert.strictEqual(error.reason._tag, "Misconfigured")
        assert.include(error.message, why)
      }).pipe(Effect.scoped)
    )
  }

  const clients: ReadonlyArray<readonly [string, NodeGrpcClient.Options, string]> = [
    ["a token in the clear", { url: "http://publisher.test:1", token }, "may set insecureTokens"],
    ["keys in the clear", { url: "http://127.0.0.1:1", serverKeys: [alice.hash] }, "use https"],
    ["a password in the address", { url: "http://u:p@127.0.0.1:1" }, "give a token instead"],
    ["a key without certificate", { url: "https://127.0.0.1:1", key }, "give both, or neither"],
    ["no server keys", { url: "https://127.0.0.1:1", serverKeys: [] }, "serverKeys is empty"]
  ]
  for (const [title, options, why] of clients) {
    it.live(`a client with ${title}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(NodeGrpcClient.connect(options))
        assert.strictEqual(error.reason._tag, "Misconfigured")
        assert.include(error.message, why)
      }).pipe(Effect.scoped)
    )
  }

  it.live("tokens in the clear are possible if one says so", () =>
    withServer({ host: "0.0.0.0", tokens: [token], insecureTokens: true }, ({ port }) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* first(`http://127.0.0.1:${port}`, { token }), 1)
      })
    )
  )

  it.effect("a private key has no name", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(NodeTls.keyHash(Redacted.value(key)))
      assert.include(error.message, "give a certificate or a public key")
    })
  )
})
