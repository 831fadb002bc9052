import { DevAuthors } from "@ephor/devchain"
import * as Committee from "@ephor/chain/Committee"
import { assert, describe, it } from "@effect/vitest"
import { Bcs, openDagBlock, SignedDagBlock } from "@ephor/types"
import { Effect, Layer, Logger, Result, type Scope, Stream } from "effect"
import * as Http2 from "node:http2"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import {
  FrameCache,
  Grpc,
  Messages,
  ObserverApi,
  type ObserverError,
  Publisher,
  Subscriber,
  type SubscriberConfig
} from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { type Dag, dagOf } from "./dag.ts"
import { until } from "./support/frames.ts"
import { heldBytes, producing, quick } from "./support/world.ts"

type Api = ObserverApi.Service
type Blocks = Messages.BlockStreamResponse
type Commits = Messages.CommitStreamResponse

/** A server of ours over an api, for as long as the scope lives. */
const serve = (api: Api) =>
  Effect.map(
    Layer.build(NodeGrpcServer.layer().pipe(Layer.provide(Layer.succeed(ObserverApi.ObserverApi, api)))),
    (context) => Effect.runSync(Effect.provide(NodeGrpcServer.GrpcServer, context)).url
  )

/** A server that does with every stream what a test says. */
const serveRaw = (answer: (stream: Http2.ServerHttp2Stream) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const sessions = new Set<Http2.ServerHttp2Session>()
      const server = Http2.createServer()
      server.on("session", (one) => {
        sessions.add(one)
        one.on("error", () => {})
      })
      server.on("stream", (stream) => {
        stream.on("error", () => {})
        answer(stream)
      })
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
            close: () => {
              for (const one of sessions) one.destroy()
              server.close()
            }
          })
        )
      )
    }),
    ({ close }) => Effect.sync(close)
  )

interface Trial {
  /** The publisher that attacks; it is asked first, an honest one is next. */
  readonly evil: (honest: Api, dag: Dag) => Effect.Effect<string, ObserverError, Scope.Scope>
  readonly client?: Partial<NodeGrpcClient.ClientOptions>
  readonly config?: SubscriberConfig.Options
  /** What the session with it ends with; nothing if what it sends is merely of no use. */
  readonly why?: RegExp
}

/** What an attack may leave behind, or hold while it goes on. */
const mostBytes = 32 * 1024 * 1024

const undergo = ({ client, config, evil, why }: Trial) => {
  const ends: Array<{ readonly peer: string; readonly why: string }> = []
  const logger = Logger.make(({ message }) => {
    const [text, data] = message as ReadonlyArray<unknown>
    if (text === "session with publisher ended") ends.push(data as (typeof ends)[number])
  })
  return Effect.gen(function* () {
    const dag = dagOf(90)
    const source = yield* producing(dag, 8)
    const honest = yield* Effect.provide(Publisher.makeApi({ heartbeatMs: 100 }), source)
    const before = yield* heldBytes
    const urls = { evil: yield* evil(honest, dag), honest: yield* serve(honest) }
    const subscriber = yield* Effect.provide(
      Subscriber.make(
        (["evil", "honest"] as const).map((name) => ({
          name,
          connect: NodeGrpcClient.connect({ url: urls[name], ...client })
        })),
        { ...quick, ...config }
      ),
      NodeBlockVerifier.layerMysticeti({ committee: dag.committee })
    )
    const blocks: Array<string> = []
    yield* Stream.runForEach(subscriber.blocks, ({ ref }) => Effect.sync(() => blocks.push(ref.digest))).pipe(
      Effect.forkScoped
    )
    const commits = yield* Stream.runCollect(Stream.take(subscriber.commits, 120)).pipe(
      Effect.timeout("30 seconds")
    )
    // Every commit once, in order, and as the committee has made it.
    assert.deepStrictEqual(
      commits.map(({ digest, index }) => `${index} ${digest}`),
      commits.map((_, i) => `${i + 1} ${dag.rounds[i]!.digest}`)
    )
    const known = new Set(dag.rounds.flatMap((round) => round.blocks.map(({ ref }) => ref.digest)))
    assert.isTrue(
      blocks.every((digest) => known.has(digest as never)),
      "a block that nobody has made"
    )
    assert.strictEqual(new Set(blocks).size, blocks.length, "a block was delivered twice")
    if (why !== undefined) {
      assert.strictEqual(ends[0]?.peer, "evil")
      assert.match(ends[0]?.why ?? "", why)
    }
    assert.isBelow((yield* heldBytes) - before, mostBytes)
  }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
}

/** A block with something else in it, and the signature that it had. */
const alter = (bytes: Uint8Array, change: object): Uint8Array => {
  const { block, signature } = Result.getOrThrow(openDagBlock(bytes))
  return Bcs.encode(SignedDagBlock)({
    block: { ...block, value: { ...block.value, ...change } } as typeof block,
    signature
  })
}

const withBlocks = (honest: Api, change: (response: Blocks) => Blocks) =>
  serve({ ...honest, streamBlocks: (commands) => Stream.map(honest.streamBlocks(commands), change) })
const withCommits = (honest: Api, change: (response: Commits) => Commits) =>
  serve({ ...honest, streamCommits: (commands) => Stream.map(honest.streamCommits(commands), change) })
const eachBlock = (change: (bytes: Uint8Array) => Uint8Array) => (response: Blocks) => ({
  ...response,
  blocks: response.blocks.map(change)
})
const eachCommit =
  (change: (commit: Commits["commits"][number]) => Commits["commits"][number]) => (response: Commits) => ({
    ...response,
    commits: response.commits.map(change)
  })

const flip = (bytes: Uint8Array, at: number) =>
  Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte))

/** Headers of a response, then whatever `send` does. */
const answering = (
  send: (stream: Http2.ServerHttp2Stream) => void,
  headers: Http2.OutgoingHttpHeaders = {}
) =>
  Effect.map(
    serveRaw((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc", ...headers })
      send(stream)
    }),
    ({ url }) => url
  )

const trials: ReadonlyArray<readonly [title: string, trial: Trial]> = [
  [
    "F6: blocks with a wrong signature",
    {
      evil: (honest) =>
        withBlocks(
          honest,
          eachBlock((one) => flip(one, one.length - 1))
        ),
      why: /signature is wrong/
    }
  ],
  [
    "F6: blocks that were changed after they were signed",
    {
      evil: (honest) =>
        withBlocks(
          honest,
          eachBlock((one) => alter(one, { timestampMs: 5 }))
        ),
      why: /signature is wrong/
    }
  ],
  [
    "F6: blocks of an author who is not in the committee",
    {
      evil: (honest) =>
        withBlocks(
          honest,
          eachBlock((one) => alter(one, { author: 77 }))
        ),
      why: /unknown author 77/
    }
  ],
  [
    "F10: blocks of another epoch",
    {
      evil: (honest) =>
        withBlocks(
          honest,
          eachBlock((one) => alter(one, { epoch: 9 }))
        ),
      why: /epoch 9/
    }
  ],
  [
    "F6: commits with a block of another epoch",
    {
      evil: (honest) =>
        withCommits(
          honest,
          eachCommit((one) => ({ ...one, blocks: one.blocks.map((bytes) => alter(bytes, { epoch: 9 })) }))
        ),
      why: /epoch 9/
    }
  ],
  [
    "F6: commits with the digest of another leader",
    {
      evil: (honest) =>
        withCommits(
          honest,
          eachCommit((one) => ({ ...one, leader: { ...one.leader, digest: `0x${"5a".repeat(32)}` } }))
        ),
      why: /leader/
    }
  ],
  [
    "F6: commits with a leader who is not in the committee",
    {
      evil: (honest) =>
        withCommits(
          honest,
          eachCommit((one) => ({ ...one, leader: { ...one.leader, author: 77 } }))
        ),
      why: /leader/
    }
  ],
  [
    "F7: commits that are sent again",
    {
      evil: (honest) =>
        withCommits(honest, (response) => ({
          ...response,
          commits: response.commits.flatMap((one) => (one.commitIndex === 30 ? [one, one] : [one]))
        }))
    }
  ],
  [
    "F7: a chain that begins again from its first commit",
    {
      evil: (honest, dag) =>
        withCommits(
          honest,
          eachCommit((one) => (one.commitIndex > 40 ? dag.rounds[one.commitIndex - 41]!.commit : one))
        )
    }
  ],
  [
    "a fork by strangers",
    {
      evil: (honest) => {
        const other = dagOf(200, { seed: "strangers" })
        return withCommits(
          honest,
          eachCommit((one) => other.rounds[one.commitIndex - 1]!.commit)
        )
      },
      why: /signature is wrong|votes/
    }
  ],
  [
    "a message of 4 GiB",
    {
      evil: () => answering((stream) => stream.write(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff))),
      why: /message of 4294967295 bytes is above the limit/
    }
  ],
  [
    "F5: an endless trickle",
    {
      config: { progressMs: 600 },
      evil: () =>
        answering((stream) => {
          stream.write(Uint8Array.of(0, 0, 0x40, 0, 0))
          const timer = setInterval(() => void (stream.destroyed || stream.write(Uint8Array.of(0x0a))), 5)
          stream.on("close", () => clearInterval(timer))
        }),
      why: /nothing came for 600 ms, and there are other publishers/
    }
  ],
  [
    "garbage instead of protobuf",
    {
      evil: () => answering((stream) => stream.write(Grpc.frame(new Uint8Array(64).fill(0xff)))),
      why: /protobuf/
    }
  ],
  [
    "garbage instead of blocks",
    {
      evil: (honest) =>
        withBlocks(
          honest,
          eachBlock(() => new Uint8Array(200).fill(0xee))
        ),
      why: /block: /
    }
  ],
  [
    "gzip that nobody asked for",
    {
      evil: () =>
        answering((stream) => stream.write(Uint8Array.of(1, 0, 0, 0, 0)), { "grpc-encoding": "gzip" }),
      why: /not asked for/
    }
  ],
  [
    "a gzip bomb",
    {
      client: { compression: ["gzip"], maxMessageBytes: 1024 * 1024 },
      evil: () => {
        const message = Grpc.frame(gzipSync(new Uint8Array(64 * 1024 * 1024)))
        message[0] = 1
        return answering((stream) => stream.write(message), { "grpc-encoding": "gzip" })
      },
      why: /unpacked message is above the limit/
    }
  ],
  [
    "a flood of PING",
    {
      evil: () =>
        answering((stream) => {
          const flood = () => {
            const { session } = stream
            if (session === undefined || session.destroyed) return
            for (let i = 0; i < 5; i++) session.ping(() => {})
            setTimeout(flood, 1)
          }
          flood()
        }),
      why: /lost|closed|reset|error/i
    }
  ],
  [
    "an answer that is all headers",
    {
      config: { progressMs: 600 },
      evil: () =>
        Effect.map(
          serveRaw((stream) =>
            stream.respond({ ":status": 200, "content-type": "application/grpc", x: "a".repeat(40_000) })
          ),
          ({ url }) => url
        ),
      why: /reset|lost|nothing came/
    }
  ],
  [
    "a status that is none",
    {
      evil: () =>
        answering((stream) => stream.end(FrameCache.blockFrame({ blocks: [], highestCommitIndex: 3 }))),
      why: /without a status/
    }
  ]
]

describe("a subscriber whose first publisher attacks", () => {
  it("has a committee whose keys are its own", () => {
    assert.notDeepEqual(
      Committee.committeeOf(DevAuthors.developmentAuthors("strangers", 4)),
      dagOf(1).committee
    )
  })
  for (const [title, trial] of trials) it.live(`leaves ${title}`, () => undergo(trial), 60_000)

  it.live(
    "a fork that the committee itself has signed is never mixed with the other branch",
    () => {
      const ends: Array<string> = []
      const logger = Logger.make(({ message }) => void ends.push(JSON.stringify(message)))
      return Effect.gen(function* () {
        const dag = dagOf(90)
        const other = dagOf(200, { payload: 9 })
        const source = yield* producing(dag, 8)
        const honest = yield* Effect.provide(Publisher.makeApi({ heartbeatMs: 100 }), source)
        const evil = yield* withCommits(
          honest,
          eachCommit((one) => (one.commitIndex > 30 ? other.rounds[one.commitIndex - 1]!.commit : one))
        )
        const subscriber = yield* Effect.provide(
          Subscriber.make(
            [evil, yield* serve(honest)].map((url) => ({
              name: url,
              connect: NodeGrpcClient.connect({ url })
            })),
            quick
          ),
          NodeBlockVerifier.layerMysticeti({ committee: dag.committee })
        )
        const delivered: Array<string> = []
        yield* Stream.runForEach(subscriber.commits, ({ digest, index }) =>
          Effect.sync(() => delivered.push(`${index} ${digest}`))
        ).pipe(Effect.forkScoped)
        yield* until("the liar is left", () => ends.some((one) => one.includes(evil)))
        yield* Effect.sleep(500)
        assert.deepStrictEqual(
          delivered,
          delivered.map((_, i) => `${i + 1} ${dag.rounds[i]!.digest}`)
        )
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
    },
    60_000
  )
})
