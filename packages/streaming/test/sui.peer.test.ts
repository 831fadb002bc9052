/** Sui's wire, against peers that were written from the fact sheet alone: no node of Sui's was at hand. */
import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import { Context, Effect, Layer, Ref, References, Stream } from "effect"
import { BlockSource, Publisher, Subscriber, type SubscriberConfig } from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { type Dag, dagOf, makeDag } from "./dag.ts"
import { quick } from "./support/world.ts"
import { readCommit, writeRef } from "./sui/bcs.ts"
import { Checks, clientOf, read } from "./sui/observer.ts"
import { type Lies, SuiNode } from "./sui/node.ts"

const quorum = 3
const authoritiesOf = ({ committee }: Dag) =>
  committee.authorities.map(({ publicKey, stake }) => ({ stake, publicKey: publicKey.slice(2) }))

/** Our publisher over a DAG, serving Sui's wire. */
const serve = Effect.fnUntraced(function* (
  dag: Dag,
  options: {
    readonly sui?: Partial<Publisher.SuiOptions>
    readonly publisher?: Partial<Publisher.PublisherOptions>
    readonly source?: Partial<BlockSource.MemoryOptions>
    readonly server?: Partial<NodeGrpcServer.ServerOptions>
  } = {}
) {
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4, ...options.source })
  for (const { blocks, commit } of dag.rounds) {
    yield* memory.accept(blocks)
    yield* memory.commit([commit])
  }
  const sui = { committee: dag.committee, ...options.sui }
  const server = NodeGrpcServer.layer(options.server).pipe(
    Layer.provide(Publisher.layer({ heartbeatMs: 50, ...options.publisher, sui })),
    Layer.provide(Layer.succeed(BlockSource.BlockSource, memory.source))
  )
  const { port } = Context.get(yield* Layer.build(server), NodeGrpcServer.GrpcServer)
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => clientOf(`127.0.0.1:${port}`)),
    (one) => Effect.sync(() => one.close())
  )
  return { client, memory }
})

const digestsOf = (dag: Dag, from: number, to: number) =>
  dag.rounds.slice(from - 1, to).map(({ digest }) => digest.slice(2))
const quiet = Effect.provideService(References.MinimumLogLevel, "None")
const unary = (client: any, name: string, request: unknown) =>
  Effect.promise(
    () =>
      new Promise<any>((resolve) =>
        client[name](request, (error: grpc.ServiceError | null, answer: unknown) => resolve(error ?? answer))
      )
  )

describe("a peer that knows Sui's wire only, at our publisher", () => {
  it.live("gets certified commits in windows, from any commit on, and the end at the certified tip", () =>
    Effect.gen(function* () {
      const dag = dagOf(47)
      const { client } = yield* serve(dag, { sui: { windowCommits: 20 } })
      for (const start of [1, 2, 30]) {
        const checks = new Checks(authoritiesOf(dag), start)
        const { error, messages } = yield* Effect.promise(() => read(client["StreamCommits"]({ start })))
        assert.isUndefined(error)
        for (const message of messages) checks.commits(message as any)
        // The votes for the last one are in blocks that are not there yet.
        assert.deepStrictEqual(
          checks.certified.map(({ digest }) => digest),
          digestsOf(dag, start, 46)
        )
        const ends = messages.filter((one: any) => one.certifier_blocks.length > 0).length
        assert.strictEqual(ends, Math.ceil((46 - start + 1) / 20))
      }
      const { messages } = yield* Effect.promise(() => read(client["StreamCommits"]({ start: 47 })))
      assert.deepStrictEqual(messages, [])
    }).pipe(Effect.scoped, quiet)
  )

  it.live("finds votes that come late, and bounds windows and messages by bytes", () =>
    Effect.gen(function* () {
      const dag = dagOf(60, { finalityRounds: 12, payload: 2000 })
      const { client } = yield* serve(dag, {
        sui: { windowBytes: 60_000 },
        publisher: { softBytes: 20_000 }
      })
      const checks = new Checks(authoritiesOf(dag), 1)
      const { messages } = yield* Effect.promise(() => read(client["StreamCommits"]({ start: 1 })))
      for (const message of messages as ReadonlyArray<any>) {
        checks.commits(message)
        const bytes = [...message.commits, ...message.blocks, ...message.certifier_blocks].reduce(
          (sum: number, one: Buffer) => sum + one.length,
          0
        )
        assert.isBelow(bytes, message.commits.length === 1 ? 40_000 : 20_000)
      }
      assert.deepStrictEqual(
        checks.certified.map(({ digest }) => digest),
        digestsOf(dag, 1, 48)
      )
      assert.isAbove(messages.filter((one: any) => one.certifier_blocks.length > 0).length, 5)
    }).pipe(Effect.scoped, quiet)
  )

  it.live(
    "gets blocks above its rounds and then live ones, without heartbeats, and signatures of randomness",
    () =>
      Effect.gen(function* () {
        const dag = dagOf(10)
        const { client, memory } = yield* serve(dag)
        const rounds = [9, 8, 10, 10]
        const call = client["StreamBlocks"]({ highest_round_per_authority: rounds })
        const blocksOf = (all: ReadonlyArray<any>) =>
          all.flatMap(({ blocks }) => blocks as ReadonlyArray<Buffer>)
        const reading = read<any>(
          call,
          (all) => blocksOf(all).length === 7 && all.some(({ auxiliary_data }) => auxiliary_data !== null)
        )
        // Long enough for heartbeats, were there any on this wire.
        yield* Effect.sleep(200)
        yield* memory.accept(dag.next().blocks)
        yield* memory.auxiliary([Uint8Array.of(1, 2, 3)])
        const { messages } = yield* Effect.promise(() => reading)
        const checks = new Checks(authoritiesOf(dag), 1)
        const names = blocksOf(messages).map((bytes) => checks.block(bytes).ref)
        assert.deepStrictEqual(
          names.map(({ author, round }) => [round, author]),
          [
            [9, 1],
            [10, 0],
            [10, 1],
            [11, 0],
            [11, 1],
            [11, 2],
            [11, 3]
          ]
        )
        assert.isTrue(
          messages.every(({ auxiliary_data, blocks }) => blocks.length > 0 || auxiliary_data !== null)
        )
        const told = messages.flatMap(({ auxiliary_data }) => auxiliary_data?.randomness_signatures ?? [])
        assert.deepStrictEqual(
          told.map((one: Buffer) => [...one]),
          [[1, 2, 3]]
        )
      }).pipe(Effect.scoped, quiet)
  )

  it.live("fetches blocks with their ancestors, and commits", () =>
    Effect.gen(function* () {
      const dag = dagOf(12)
      const { client } = yield* serve(dag, { publisher: { softBytes: 1500 } })
      const checks = new Checks(authoritiesOf(dag), 3)
      const newest = dag.rounds[11]!.blocks[2]!
      const fetch = (request: object) =>
        Effect.map(
          Effect.promise(() => read<any>(client["FetchBlocks"](request))),
          ({ messages }) => ({
            chunks: messages.length,
            rounds: messages.flatMap(({ blocks }) =>
              blocks.map((bytes: Buffer) => checks.block(bytes).ref.round)
            )
          })
        )
      const block_refs = [writeRef({ ...newest.ref, digest: newest.ref.digest.slice(2) })]
      assert.deepStrictEqual((yield* fetch({ block_refs })).rounds, [12])
      const { chunks, rounds } = yield* fetch({
        block_refs,
        fetch_after_rounds: [9, 9, 9, 10],
        fetch_missing_ancestors: true
      })
      assert.deepStrictEqual(rounds, [12, 11, 11, 11, 11, 10, 10, 10])
      assert.isAbove(chunks, 1)
      const some = yield* unary(client, "FetchCommits", { start: 3, end: 7 })
      checks.commits({ commits: some.commits, certifier_blocks: some.certifier_blocks })
      assert.deepStrictEqual(
        checks.certified.map(({ digest }) => digest),
        digestsOf(dag, 3, 7)
      )
      assert.deepStrictEqual((yield* unary(client, "FetchCommits", { start: 12, end: 40 })).commits, [])
    }).pipe(Effect.scoped, quiet)
  )

  it.live("is refused what makes no sense, what is gone, and what is too much", () =>
    Effect.gen(function* () {
      const dag = dagOf(20)
      const { client } = yield* serve(dag, {
        source: { maxCommits: 5 },
        sui: { maxFetchBlocks: 2 },
        publisher: { maxStreams: 1 }
      })
      const code = (name: string, request: object) =>
        Effect.map(
          Effect.promise(() => read(client[name](request))),
          ({ error }) => error?.code
        )
      const { status } = grpc
      const ref = writeRef({ round: 1, author: 0, digest: "00".repeat(32) })
      const stream = "StreamBlocks"
      assert.strictEqual(yield* code(stream, { highest_round_per_authority: [] }), status.INVALID_ARGUMENT)
      assert.strictEqual(
        yield* code(stream, { highest_round_per_authority: [1, 2, 3] }),
        status.INVALID_ARGUMENT
      )
      assert.strictEqual(yield* code("StreamCommits", { start: 0 }), status.INVALID_ARGUMENT)
      assert.strictEqual(yield* code("StreamCommits", { start: 3 }), status.OUT_OF_RANGE)
      assert.strictEqual(yield* code("FetchBlocks", { block_refs: [ref, ref, ref] }), status.INVALID_ARGUMENT)
      assert.strictEqual(yield* code("FetchBlocks", { block_refs: [ref.subarray(1)] }), status.INTERNAL)
      assert.strictEqual(
        yield* code("FetchBlocks", { block_refs: [ref], fetch_after_rounds: [1] }),
        status.INVALID_ARGUMENT
      )
      assert.strictEqual(
        (yield* unary(client, "FetchCommits", { start: 18, end: 17 })).code,
        status.INVALID_ARGUMENT
      )
      const open = client[stream]({ highest_round_per_authority: [0, 0, 0, 0] })
      open.on("error", () => {})
      yield* Effect.promise(() => new Promise((resolve) => open.once("data", resolve)))
      assert.strictEqual(yield* code("StreamCommits", { start: 18 }), status.RESOURCE_EXHAUSTED)
      open.cancel()
    }).pipe(Effect.scoped, quiet)
  )
})

/** A node of Sui's wire that goes on making rounds. */
const nodeOf = Effect.fnUntraced(function* (dag: Dag, lies: Lies = {}) {
  const node = new SuiNode(quorum, lies)
  let told = 0
  const tell = () => {
    for (; told < dag.rounds.length; told++) {
      const { blocks, commit } = dag.rounds[told]!
      node.accept(blocks.map(({ bytes }) => bytes))
      node.commit(commit.blocks, commit.leader.digest.slice(2), commit.timestampMs)
    }
  }
  tell()
  const port = yield* Effect.acquireRelease(
    Effect.promise(() => node.listen()),
    () => Effect.sync(() => node.server.forceShutdown())
  )
  const url = `http://127.0.0.1:${port}`
  return {
    node,
    tell,
    peer: { name: url, connect: NodeGrpcClient.connect({ url, wire: "sui", commitPollMs: 50 }) }
  }
})

/** Our observer, and what it has delivered. */
const observing = Effect.fnUntraced(function* (
  dag: Dag,
  peers: ReadonlyArray<Subscriber.Peer>,
  options: SubscriberConfig.Options = {}
) {
  const subscriber = yield* Effect.provide(
    Subscriber.make(peers, { ...quick, ...options }),
    NodeBlockVerifier.layerMysticeti({ committee: dag.committee })
  )
  const delivered = yield* Ref.make<ReadonlyArray<string>>([])
  yield* Stream.runForEach(subscriber.commits, ({ digest, index }) =>
    Ref.update(delivered, (all) => [...all, `${index} ${digest}`])
  ).pipe(Effect.forkScoped)
  const reached = Effect.fnUntraced(function* (count: number) {
    while ((yield* Ref.get(delivered)).length < count) yield* Effect.sleep(10)
    const first = (options.from?.index ?? 0) + 1
    const all = yield* Ref.get(delivered)
    assert.deepStrictEqual(
      all,
      all.map((_, at) => `${first + at} ${dag.rounds[first - 1 + at]!.digest}`)
    )
  }, Effect.timeout("60 seconds"))
  return { subscriber, reached }
})

describe("our observer at a peer that knows Sui's wire only", () => {
  it.live("catches up by commits, goes on by blocks, and resumes", () =>
    Effect.gen(function* () {
      const dag = makeDag()
      for (let i = 0; i < 150; i++) dag.next()
      const { node, peer, tell } = yield* nodeOf(dag)
      node.gcRound = 100
      const { reached, subscriber } = yield* observing(dag, [peer])
      yield* reached(149)
      for (let i = 0; i < 30; i++) {
        dag.next()
        tell()
        yield* Effect.sleep(5)
      }
      yield* reached(179)
      assert.includeMembers(node.called, ["StreamBlocks", "StreamCommits"])
      assert.strictEqual((yield* subscriber.stats).rejected, 0)
      const from = { index: 120, digest: dag.rounds[119]!.digest }
      yield* (yield* observing(dag, [peer], { from })).reached(59)
      // Without the digest it is the votes that tell it.
      yield* (yield* observing(dag, [peer], { from: { index: 120 } })).reached(59)
    }).pipe(Effect.scoped, quiet)
  )

  it.live("fetches by name what the block stream has left out", () =>
    Effect.gen(function* () {
      const dag = dagOf(5)
      const { node, peer, tell } = yield* nodeOf(dag)
      const { reached } = yield* observing(dag, [peer], { stallMs: 60_000 })
      yield* reached(4)
      const { blocks, commit } = dag.next()
      // Three of four are told live; the last one exists, and nobody tells it.
      const silent = new Set([blocks[3]!.ref.digest.slice(2)])
      node.hide(silent)
      for (let i = 0; i < 3; i++) {
        tell()
        dag.next()
      }
      tell()
      yield* reached(8)
      assert.include(node.called, "FetchBlocks")
      assert.strictEqual(commit.commitIndex, 6)
    }).pipe(Effect.scoped, quiet)
  )

  for (const [what, lies] of Object.entries<Lies>({
    "another timestamp": {
      commits: (message) => ({
        ...message,
        commits: message.commits.map((bytes: Buffer) => {
          const copy = Buffer.from(bytes)
          if (readCommit(bytes).index > 20) copy[37] = copy[37]! ^ 1
          return copy
        })
      })
    },
    "a block too few": { commits: (message) => ({ ...message, blocks: message.blocks.slice(1) }) },
    "counts that do not fit": {
      commits: (message) => ({ ...message, block_counts: [message.blocks.length + 1] })
    },
    "commits twice": {
      commits: (message) => ({
        ...message,
        commits: [...message.commits, ...message.commits],
        block_counts: [...message.block_counts, ...message.block_counts],
        blocks: [...message.blocks, ...message.blocks]
      })
    },
    "no BCS": {
      commits: (message) => ({ ...message, commits: message.commits.map((one: Buffer) => one.subarray(3)) })
    },
    "forged blocks": {
      block: (bytes) => {
        const copy = Buffer.from(bytes)
        copy[copy.length - 1] = copy.at(-1)! ^ 1
        return copy
      }
    }
  })) {
    it.live(`leaves one that tells ${what}, and loses nothing`, () =>
      Effect.gen(function* () {
        const dag = dagOf(120)
        const liar = yield* nodeOf(dag, lies)
        const honest = yield* nodeOf(dag)
        liar.node.gcRound = honest.node.gcRound = 60
        const { reached, subscriber } = yield* observing(dag, [liar.peer, honest.peer])
        yield* reached(119)
        const { peer, sessions } = yield* subscriber.stats
        assert.isAbove(sessions, 1)
        assert.isString(peer)
      }).pipe(Effect.scoped, quiet)
    )
  }
})
