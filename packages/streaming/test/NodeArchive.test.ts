import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import { type CommittedSubDag, noCommitDigest } from "@ephor/types"
import { Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  BlockSource,
  BlockVerifier,
  Messages,
  type ObserverApi,
  Publisher,
  Relay,
  Subscriber
} from "../src/index.ts"
import * as NodeArchive from "../src/NodeArchive.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import { type Dag, dagOf } from "./dag.ts"
import { quick } from "./support/quick.ts"
import { quietly } from "./support/quietly.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ephor-archive-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
const peer = (name: string, api: ObserverApi.Service): Subscriber.Peer => ({
  name,
  connect: Effect.succeed(api)
})
const serve = (source: BlockSource.Service) =>
  Effect.provideService(Publisher.makeApi({ heartbeatMs: 50 }), BlockSource.BlockSource, source)
const newStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), (context) =>
  Context.get(context, Store.Store)
)
const verifier = (dag: Dag) => NodeBlockVerifier.layerMysticeti({ committee: dag.committee })

/** An origin with all commits of a DAG. */
const origin = Effect.fnUntraced(function* (dag: Dag) {
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4, gcDepth: 60 })
  for (const round of dag.rounds) {
    yield* memory.accept(round.blocks)
    yield* memory.commit([round.commit])
  }
  return yield* serve(memory.source)
})
const open = (directory: string, dag: Dag, options: Partial<NodeArchive.Options> = {}) =>
  NodeArchive.make({ directory, committee: dag.committee, segmentCommits: 16, ...options })

/** A relay that keeps 30 commits, and an archive for the others. */
const relay = Effect.fnUntraced(function* (
  dag: Dag,
  directory: string,
  { from = 0, peers, store }: { peers: ReadonlyArray<Subscriber.Peer>; store?: Store.Service; from?: number }
) {
  const archive = yield* open(directory, dag)
  const made = yield* Effect.provide(
    Relay.make({
      identity: "one",
      peers,
      archive,
      maxHistoryCommits: 30,
      maxCommits: 5,
      subscriber: { ...quick, from: { index: from } }
    }),
    [verifier(dag), Layer.succeed(Store.Store, store ?? (yield* newStore))]
  )
  return { ...made, archive, api: yield* serve(made.source) }
})
/** Waits for a commit of a relay. */
const reach = (made: Relay.Service, index: number) =>
  Stream.runHead(Stream.filter(made.commitsAfter(index - 1), ({ commitIndex }) => commitIndex === index))
const observe = (dag: Dag, peers: ReadonlyArray<Subscriber.Peer>) =>
  Effect.provide(Subscriber.make(peers, quick), verifier(dag))

const plain = ({ blocks, ...rest }: CommittedSubDag) => ({
  ...rest,
  blocks: blocks.map((bytes) => Buffer.from(bytes).toString("hex"))
})
const segments = (directory: string) => readdirSync(directory).toSorted()
const isContained = (text: string, pattern: RegExp) => assert.match(text, pattern)

/** An archive with the commits of a DAG, in segments of so many, without a relay. */
const archived = Effect.fnUntraced(function* (dag: Dag, directory: string, commits: number, each = 16) {
  const archive = yield* open(directory, dag)
  for (let at = 0; at < commits; at += each) {
    const part = dag.rounds.slice(at, Math.min(commits, at + each))
    yield* archive.append({
      after: { index: at, digest: dag.rounds[at - 1]?.digest ?? noCommitDigest },
      commits: part.map(({ commit }) => Messages.encodeCommit(commit)),
      lastDigest: part.at(-1)!.digest
    })
  }
  return archive
})
const verify = (directory: string, dag?: Dag) =>
  Effect.provide(
    NodeArchive.verify(directory),
    dag === undefined ? BlockVerifier.layerTrusting() : verifier(dag)
  )

describe("NodeArchive", () => {
  it.live(
    "an observer begins at commit 1 of a relay that keeps 30, before and after a restart, and verifies all",
    () =>
      Effect.gen(function* () {
        const dag = dagOf(150)
        const directory = yield* temporary
        const api = yield* origin(dag)
        const store = yield* newStore
        const scope = yield* Scope.make()
        const first = yield* Scope.provide(
          relay(dag, directory, { peers: [peer("origin", api)], store }),
          scope
        )
        yield* reach(first, 149)
        assert.isAtLeast(segments(directory).length, 7)
        const expected = dag.rounds.map(({ digest }) => digest)
        const all = Effect.fnUntraced(function* (made: typeof first) {
          assert.strictEqual((yield* made.source.tip).earliestCommitIndex, 1)
          const subscriber = yield* observe(dag, [peer("one", made.api)])
          const commits = yield* Stream.runCollect(Stream.take(subscriber.commits, 149))
          assert.deepStrictEqual(
            commits.map(({ digest }) => digest),
            expected.slice(0, 149)
          )
          const served = yield* Stream.runCollect(Stream.take(made.commitsAfter(0), 149))
          assert.deepStrictEqual(
            served.map(plain),
            dag.rounds.slice(0, 149).map(({ commit }) => plain(commit))
          )
        })
        yield* all(first)
        yield* Scope.close(scope, Exit.void)
        yield* all(yield* relay(dag, directory, { peers: [peer("origin", api)], store }))
        const report = yield* verify(directory, dag)
        assert.strictEqual(report.first, 1)
        assert.strictEqual(report.last.digest, expected[report.last.index - 1])
        // Votes for the newest ones are in later commits.
        assert.isAtLeast(report.certified!, report.last.index - 3)
        assert.strictEqual(report.signatures, report.blocks)
        assert.notProperty(yield* verify(directory), "certified")
      }).pipe(Effect.scoped, quietly)
  )

  it.live("a relay that begins in the middle learns from votes what its archive begins after", () =>
    Effect.gen(function* () {
      const dag = dagOf(90)
      const directory = yield* temporary
      const made = yield* relay(dag, directory, { peers: [peer("origin", yield* origin(dag))], from: 20 })
      yield* reach(made, 89)
      assert.strictEqual(made.archive.range()?.first, 21)
      assert.strictEqual((yield* verify(directory, dag)).first, 21)
    }).pipe(Effect.scoped, quietly)
  )

  it.live("without the data directory a relay goes on after its archive", () =>
    Effect.gen(function* () {
      const dag = dagOf(120)
      const directory = yield* temporary
      yield* archived(dag, directory, 64)
      const made = yield* relay(dag, directory, { peers: [peer("origin", yield* origin(dag))] })
      yield* reach(made, 119)
      const [seam] = yield* made.source.commitsAfter(64, 1)
      assert.deepStrictEqual(plain(seam!), plain(dag.rounds[64]!.commit))
      assert.strictEqual((yield* made.source.tip).earliestCommitIndex, 1)
      assert.isAtLeast((yield* verify(directory, dag)).last.index, 80)
    }).pipe(Effect.scoped, quietly)
  )

  it.live(
    "killed between the segment and the history, a relay goes on, and what was being written is removed",
    () =>
      Effect.gen(function* () {
        const dag = dagOf(120)
        const directory = yield* temporary
        const api = yield* origin(dag)
        const store = yield* newStore
        // Whatever would follow a segment is lost, as with a kill.
        const dying: Store.Service = {
          ...store,
          batch: (writes) => (segments(directory).length > 0 ? Effect.never : store.batch(writes))
        }
        const scope = yield* Scope.make()
        yield* Scope.provide(relay(dag, directory, { peers: [peer("origin", api)], store: dying }), scope)
        while (segments(directory).length === 0) yield* Effect.sleep("5 millis")
        yield* Scope.close(scope, Exit.void)
        const [whole] = segments(directory)
        const draft = join(directory, `${"0000000017-0000000032.commits"}.3f2a.draft`)
        writeFileSync(draft, "half")
        const made = yield* relay(dag, directory, { peers: [peer("origin", api)], store })
        assert.notInclude(segments(directory), "0000000017-0000000032.commits.3f2a.draft")
        yield* reach(made, 119)
        const served = yield* Stream.runCollect(Stream.take(made.commitsAfter(0), 119))
        assert.deepStrictEqual(
          served.map(plain),
          dag.rounds.slice(0, 119).map(({ commit }) => plain(commit))
        )
        assert.include(segments(directory), whole)
        yield* verify(directory, dag)
      }).pipe(Effect.scoped, quietly)
  )

  it.live("no byte of a segment can change, and none be missing, without being noticed", () =>
    Effect.gen(function* () {
      const dag = dagOf(3)
      const directory = yield* temporary
      yield* archived(dag, directory, 3)
      const [name] = segments(directory)
      const whole = readFileSync(join(directory, name!))
      const other = join(yield* temporary, "copy")
      mkdirSync(other)
      const isRefused = Effect.fnUntraced(function* (bytes: Uint8Array, what: string) {
        writeFileSync(join(other, name!), bytes)
        const found = yield* Effect.result(verify(other))
        assert.strictEqual(found._tag, "Failure", what)
        if (found._tag === "Failure") assert.include(found.failure.message, name!)
      })
      for (let at = 0; at < whole.length; at += at < 100 || at > whole.length - 200 ? 1 : 37) {
        const spoilt = Buffer.from(whole)
        spoilt[at]! ^= 1
        // The committee's name is covered by the checksum of the index.
        yield* isRefused(spoilt, `byte ${at}`)
      }
      for (const length of [0, 50, 88, 200, whole.length - 1]) {
        yield* isRefused(whole.subarray(0, length), `${length} bytes`)
      }
      yield* isRefused(Buffer.concat([whole, Buffer.alloc(1)]), "one byte more")
    }).pipe(Effect.scoped, quietly)
  )

  it.live("nothing of a damaged segment is handed over, and observers get it elsewhere", () =>
    Effect.gen(function* () {
      const dag = dagOf(200)
      const directory = yield* temporary
      yield* archived(dag, directory, 128)
      const path = join(directory, segments(directory)[1]!)
      const bytes = readFileSync(path)
      bytes[bytes.length >> 1]! ^= 1
      rmSync(path)
      writeFileSync(path, bytes)
      const api = yield* origin(dag)
      const made = yield* relay(dag, directory, { peers: [peer("origin", api)] })
      const error = yield* Effect.flip(Stream.runCollect(Stream.take(made.commitsAfter(0), 128)))
      isContained(
        error.message,
        /segment .*0000000017-0000000032\.commits is damaged: the checksum of commit \d+ is wrong; put a copy/
      )
      assert.lengthOf(yield* made.source.commitsAfter(0, 16), 16)
      assert.strictEqual((yield* Effect.flip(made.source.commitsAfter(16, 16))).reason._tag, "Source")
      isContained((yield* Effect.flip(verify(directory, dag))).message, /is damaged/)
      const subscriber = yield* observe(dag, [peer("one", made.api), peer("origin", api)])
      const commits = yield* Stream.runCollect(Stream.take(subscriber.commits, 190))
      assert.deepStrictEqual(
        commits.map(({ digest }) => digest),
        dag.rounds.slice(0, 190).map(({ digest }) => digest)
      )
    }).pipe(Effect.scoped, quietly)
  )

  it.live("holes, doubles, and archives of others are refused with a sentence", () =>
    Effect.gen(function* () {
      const dag = dagOf(120)
      const directory = yield* temporary
      yield* archived(dag, directory, 64)
      const [first, second, third] = segments(directory)
      const copyOf = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
        const copy = yield* temporary
        for (const name of names) copyFileSync(join(directory, name), join(copy, name))
        return copy
      })
      const hole = yield* copyOf([first!, third!])
      const missing = /has a hole: the commits 17 to 32 are missing; put their segments back/
      isContained((yield* Effect.flip(open(hole, dag))).message, missing)
      isContained((yield* Effect.flip(verify(hole))).message, missing)
      const twice = yield* copyOf([first!, second!])
      copyFileSync(join(twice, first!), join(twice, "0000000009-0000000016.commits"))
      isContained((yield* Effect.flip(open(twice, dag))).message, /has commit 9 twice/)

      const others = dagOf(3, { seed: "others" })
      isContained((yield* Effect.flip(open(directory, others))).message, /belongs to the committee 0x/)
      isContained((yield* Effect.flip(verify(directory, others))).message, /belongs to the committee 0x/)
      isContained((yield* Effect.flip(verify(yield* temporary))).message, /has no segments/)

      // The same committee, another chain: seen by what both have, by votes, and by where one ends and the other begins.
      const fork = dagOf(120, { payload: 9 })
      const store = yield* newStore
      const scope = yield* Scope.make()
      const peers = [peer("fork", yield* origin(fork))]
      const whole = yield* temporary
      yield* reach(yield* Scope.provide(relay(fork, whole, { peers, store }), scope), 119)
      yield* Scope.close(scope, Exit.void)
      const refused = (names: ReadonlyArray<string>) =>
        Effect.flatMap(copyOf(names), (copy) => Effect.flip(relay(fork, copy, { peers, store })))
      isContained(
        (yield* refused([first!])).message,
        /the commits 17 to \d+ are in neither archive nor history/
      )
      const kept = (yield* (yield* relay(fork, whole, { peers, store })).source.tip).highestCommitIndex - 30
      const seam = yield* temporary
      yield* archived(dag, seam, kept)
      isContained(
        (yield* Effect.flip(relay(fork, seam, { peers, store }))).message,
        /its commit \d+ is 0x.*voted for 0x/
      )
      const overlap = yield* temporary
      yield* archived(dag, overlap, 100)
      isContained(
        (yield* Effect.flip(relay(fork, overlap, { peers, store }))).message,
        /it has another commit 100/
      )
      const late = yield* archived(dag, yield* temporary, 16)
      const next = {
        after: { index: 16, digest: fork.rounds[15]!.digest },
        lastDigest: fork.rounds[16]!.digest
      }
      const commits = [Messages.encodeCommit(fork.rounds[16]!.commit)]
      isContained((yield* Effect.flip(late.append({ ...next, commits }))).message, /ends with commit 16/)
    }).pipe(Effect.scoped, quietly)
  )

  it.live("an archive with a wrong signature passes its checksums, and not the committee", () =>
    Effect.gen(function* () {
      const dag = dagOf(20)
      const directory = yield* temporary
      const archive = yield* open(directory, dag)
      const forged = dag.rounds.map(({ commit }) => commit)
      // The whole chain is rebuilt around another time: it links, and nobody has voted for it.
      const commits = forged.map((commit) =>
        Messages.encodeCommit({ ...commit, timestampMs: commit.timestampMs + 1 })
      )
      yield* archive.append({
        after: { index: 0, digest: noCommitDigest },
        commits,
        lastDigest: dag.rounds.at(-1)!.digest
      })
      isContained((yield* Effect.flip(verify(directory))).message, /its last commit has digest/)
      isContained((yield* Effect.flip(verify(directory, dag))).message, /the committee voted for/)
    }).pipe(Effect.scoped, quietly)
  )
})
