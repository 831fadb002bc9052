import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import * as NodeStore from "@ephor/store/NodeStore"
import { DisputeError, Governance, VotesDb } from "@ephor/disputes"
import {
  candidateHash,
  type CandidateHash,
  type CandidateVotes,
  type CommittedCandidateReceipt,
  fromHex,
  type Hash,
  toHex
} from "@ephor/types"
import { Context, Effect, Layer, Option, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import vectors from "./vectors/06-disputes.json" with { type: "json" }
import scenarios from "./vectors/14-scenarios.json" with { type: "json" }
import * as World from "./support/world.ts"

const receipt = World.receipt("A")
const votes: CandidateVotes = {
  candidateReceipt: receipt,
  valid: [[{ _tag: "BackingSeconded", value: World.hashOf("parent") }, 1, `0x${"11".repeat(64)}`]],
  invalid: [[{ _tag: "Explicit" }, 2, `0x${"22".repeat(64)}`]]
}
const commit = (
  db: VotesDb.Service,
  session: number,
  candidate: CandidateHash,
  voters: ReadonlyArray<readonly [index: number, id: Hash]>,
  recent?: ReadonlyArray<VotesDb.RecentDispute>
) =>
  db.commit({
    record: { session, candidateHash: candidate, votes },
    voters: voters.map(([validatorIndex, validatorId]) => ({ session, validatorIndex, validatorId })),
    recent
  })
const candidate: CommittedCandidateReceipt = {
  descriptor: receipt.descriptor,
  commitments: World.commitments
}
const keys = (store: Store.Service, prefix = "") =>
  Stream.runCollect(store.iterate(new TextEncoder().encode(prefix))).pipe(
    Effect.map((entries) => entries.length)
  )
const services = Effect.map(
  Effect.context<VotesDb.VotesDb | Store.Store>(),
  (context) => [Context.get(context, VotesDb.VotesDb), Context.get(context, Store.Store)] as const
)

describe("keys", () => {
  it("are those of the vectors", () => {
    const [prefix] = vectors.db_keys
    assert.strictEqual(toHex(VotesDb.sessionKey(prefix!.session!)), prefix!.key)
    const key = VotesDb.candidateVotesKey(258, vectors.candidate_hash as CandidateHash)
    assert.strictEqual(toHex(key), `${prefix!.key}${vectors.candidate_hash.slice(2)}`)
    assert.strictEqual(key.length, 51)
  })
})

const temporary = Layer.unwrap(
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "votes-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true }))
    ),
    (path) => NodeStore.layer({ path })
  )
)
const stores = { memory: Store.layerMemory, lmdb: temporary }

for (const [name, layer] of Object.entries(stores)) {
  const run = <A, E>(body: Effect.Effect<A, E, VotesDb.VotesDb | Store.Store>) =>
    body.pipe(Effect.provide(VotesDb.layer.pipe(Layer.provideMerge(layer)), { local: true }))

  describe(`VotesDb over ${name}`, () => {
    it.effect("gives back what was written, and writes the fixed keys", () =>
      Effect.gen(function* () {
        const [db, store] = yield* services
        const a = candidateHash(receipt)
        const recent = [
          { session: 11, candidateHash: a, status: { _tag: "ConcludedAgainst", value: 5 } },
          { session: 10, candidateHash: a, status: { _tag: "Active" } }
        ] as const
        assert.isTrue(Option.isNone(yield* db.votes(10, a)))
        yield* commit(db, 10, a, [[1, World.hashOf("V")]], recent)
        assert.deepStrictEqual(yield* db.votes(10, a), Option.some(votes))
        assert.deepStrictEqual(yield* db.recentDisputes, [recent[1], recent[0]])
        yield* db.replaceRecent([recent[0]])
        assert.deepStrictEqual(yield* db.recentDisputes, [recent[0]])
        yield* db.prune(10)
        for (const { key } of vectors.db_keys.slice(1))
          assert.isTrue(Option.isSome(yield* store.get(fromHex(key))))
      }).pipe(run)
    )
    it.effect(scenarios.votes_db_seed4[0]!.name, () =>
      Effect.gen(function* () {
        const [db] = yield* services
        const row = scenarios.votes_db_seed4[0]!
        const identity = World.hashOf(row.identity!)
        for (const [candidate, session, indices] of row.stored as unknown as ReadonlyArray<
          [string, number, ReadonlyArray<number>]
        >) {
          const voters = indices.map((index) => {
            const is = row.indices!.some(([at, position]) => at === session && position === index)
            return [index, is ? identity : World.hashOf("somebody else")] as const
          })
          yield* commit(db, session, World.hashOf(candidate), voters)
        }
        assert.deepStrictEqual(yield* db.queryByValidatorId(identity), row.hashes!.map(World.hashOf))
        assert.deepStrictEqual(yield* db.queryByValidatorAndSessionIndex(11, 2), [World.hashOf("D")])
        assert.deepStrictEqual(yield* db.queryByValidatorAndSessionIndex(9, 2), [])
      }).pipe(run)
    )
    it.effect("cleaning leaves nothing of old sessions, and goes on where it ended", () =>
      Effect.gen(function* () {
        const [db, store] = yield* services
        const id = World.hashOf("V")
        for (const session of [1, 300, 301, 500])
          yield* commit(
            db,
            session,
            World.hashOf(`c${session}`),
            [
              [0, id],
              [1, World.hashOf("W")]
            ],
            [{ session, candidateHash: World.hashOf(`c${session}`), status: { _tag: "Active" } }]
          )
        const left = Effect.forEach([1, 300, 301, 500], (session) =>
          Effect.map(db.votes(session, World.hashOf(`c${session}`)), Option.isSome)
        )
        yield* db.prune(500)
        // 300 sessions at a time, from the first one that has votes: 1 to 300.
        assert.deepStrictEqual(yield* left, [false, false, true, true])
        assert.deepStrictEqual(yield* db.queryByValidatorId(id), [World.hashOf("c301"), World.hashOf("c500")])
        yield* db.prune(500)
        assert.deepStrictEqual(yield* left, [false, false, false, true])
        assert.strictEqual(yield* keys(store, "sessions-by-identity"), 2)
        assert.strictEqual(yield* keys(store, "votes-by-validator"), 2)
        yield* db.prune(501)
        // The earliest session, the watermark and the empty list of disputes.
        assert.strictEqual(yield* keys(store), 3)
        assert.deepStrictEqual(yield* db.recentDisputes, [])
        assert.deepStrictEqual(yield* db.queryByValidatorId(id), [])
      }).pipe(run)
    )
    it.effect("keeps disputed candidates with their proofs for as long as the votes, and no longer", () =>
      Effect.gen(function* () {
        const [db, store] = yield* services
        const [V, c] = [World.hashOf("V"), World.hashOf("c")]
        const proof = (session: number, candidateHash: Hash, pov: boolean): VotesDb.ProofRecord => ({
          session,
          candidateHash,
          candidate,
          pov: pov ? World.data.pov : null
        })
        assert.isFalse(yield* db.keepProof(proof(10, c, true)), "nobody has voted about it")
        for (const session of [10, 11, 12]) yield* commit(db, session, c, [[0, V]])
        assert.isTrue(yield* db.keepProof(proof(10, c, false)))
        assert.deepStrictEqual(yield* db.proof(10, c), Option.some(proof(10, c, false)))
        assert.isTrue(yield* db.keepProof(proof(10, c, true)))
        // What is there stays.
        assert.isTrue(yield* db.keepProof(proof(10, c, false)))
        for (const session of [11, 12]) assert.isTrue(yield* db.keepProof(proof(session, c, true)))
        assert.deepStrictEqual(
          yield* db.proofsOf(V, 9),
          [10, 11, 12].map((session) => proof(session, c, true))
        )
        assert.strictEqual((yield* db.proofsOf(V, 2)).length, 2)
        assert.deepStrictEqual(yield* db.proofsOf(World.hashOf("W"), 9), [])
        yield* db.prune(12)
        assert.deepStrictEqual(yield* db.proofsOf(V, 9), [proof(12, c, true)])
        assert.isFalse(yield* db.keepProof(proof(11, c, true)), "its session is gone")
        yield* db.prune(13)
        assert.strictEqual(yield* keys(store, "disputed-candidates"), 0)
      }).pipe(run)
    )
    it.effect(
      "votes of an old chain leave with their window: sessions before the first votes cost nothing",
      () =>
        Effect.gen(function* () {
          const [db, store] = yield* services
          yield* commit(db, 12_000, World.hashOf("far"), [[0, World.hashOf("V")]])
          yield* db.prune(12_001)
          assert.deepStrictEqual(yield* db.votes(12_000, World.hashOf("far")), Option.none())
          assert.strictEqual(yield* keys(store, "votes-by-validator"), 0)
          // Nor do those of years in which the node was away.
          yield* commit(db, 90_000, World.hashOf("farther"), [[0, World.hashOf("V")]])
          yield* db.prune(90_001)
          assert.deepStrictEqual(yield* db.queryByValidatorId(World.hashOf("V")), [])
        }).pipe(run)
    )
    it.effect("reads and writes the records of polkadot-sdk", () =>
      Effect.gen(function* () {
        const [db, store] = yield* services
        const bytesOf = (name: string) =>
          fromHex(vectors.vectors.find((vector) => vector.name === name)!.scale)
        const candidate = vectors.candidate_hash as CandidateHash
        const key = VotesDb.candidateVotesKey(10, candidate)
        const recentKey = new TextEncoder().encode("recent-disputes")
        yield* store.batch([
          Store.put(key, bytesOf("db candidate votes")),
          Store.put(recentKey, bytesOf("db recent disputes"))
        ])
        const record = Option.getOrThrow(yield* db.votes(10, candidate))
        assert.strictEqual(candidateHash(record.candidateReceipt), candidate)
        const recent = yield* db.recentDisputes
        yield* store.batch([Store.remove(key), Store.remove(recentKey)])
        yield* db.commit({
          record: { session: 10, candidateHash: candidate, votes: record },
          voters: [],
          recent
        })
        assert.deepStrictEqual(yield* store.get(key), Option.some(bytesOf("db candidate votes")))
        assert.deepStrictEqual(yield* store.get(recentKey), Option.some(bytesOf("db recent disputes")))
      }).pipe(run)
    )
    const a = candidateHash(receipt)
    const bad = Uint8Array.of(1, 2, 255)
    const ascii = (text: string) => new TextEncoder().encode(text)
    const V = World.hashOf("V")
    const rowKey = (table: string, ...parts: ReadonlyArray<Uint8Array>) =>
      Buffer.concat([ascii(`${table}\0`), ...parts])
    const u32 = (value: number) => Uint8Array.of(0, 0, 0, value)
    type Damage = readonly [
      what: string,
      key: Uint8Array,
      read: (db: VotesDb.Service, store: Store.Service) => Effect.Effect<unknown, unknown>,
      named: string
    ]
    const damages: ReadonlyArray<Damage> = [
      ["a record of votes", VotesDb.candidateVotesKey(10, a), (db) => db.votes(10, a), `candidate ${a}`],
      ["a listed record", VotesDb.candidateVotesKey(10, a), (db) => Stream.runDrain(db.records), a],
      ["a key of votes", VotesDb.sessionKey(10), (db) => Stream.runDrain(db.records), "51 bytes"],
      ["a key that is cleaned", VotesDb.sessionKey(10), (db) => db.clean(20), "51 bytes"],
      ["the list of disputes", ascii("recent-disputes"), (db) => db.recentDisputes, "recent-disputes"],
      ["the list when it is pruned", ascii("recent-disputes"), (db) => db.prune(20), "recent-disputes"],
      ["the earliest session", ascii("earliest-session"), (db) => db.prune(20), "earliest-session"],
      ["the watermark", ascii("cleaned-votes-watermark"), (db) => db.prune(20), "cleaned-votes-watermark"],
      [
        "a row by validator",
        rowKey("votes-by-validator", u32(10), u32(2), fromHex(a)!),
        (db) => db.queryByValidatorAndSessionIndex(10, 2),
        "table votes-by-validator"
      ],
      [
        "a row by validator that is cleaned",
        rowKey("votes-by-validator", u32(10), u32(2), fromHex(a)!),
        (db) => db.clean(20),
        "table votes-by-validator"
      ],
      [
        "a row by identity",
        rowKey("sessions-by-identity", fromHex(V)!, u32(10), u32(2)),
        (db) => db.queryByValidatorId(V),
        "table sessions-by-identity"
      ],
      [
        "a conclusion",
        rowKey("conclusions", u32(10), fromHex(a)!),
        (db) => db.conclusion(10, a),
        "table conclusions"
      ],
      [
        "governance mode",
        rowKey("governance-mode", ascii("frozen\0")),
        (_, store) => Governance.read(store),
        "table governance-mode"
      ]
    ]
    for (const [what, key, read, named] of damages) {
      it.effect(`damaged, ${what} is an error that names it, and stays where it is`, () =>
        Effect.gen(function* () {
          const [db, store] = yield* services
          yield* store.batch([Store.put(key, bad)])
          const error = yield* Effect.flip(read(db, store))
          assert(error instanceof Store.StoreError || error instanceof DisputeError)
          assert.include(error.message, named)
          assert.include(error.message, "corrupt")
          assert.isFalse(error.retryable)
          assert.deepStrictEqual(Option.map(yield* store.get(key), toHex), Option.some(toHex(bad)))
        }).pipe(run)
      )
    }
    it.effect("a list of disputes that comes while old sessions are forgotten is not lost", () =>
      Effect.gen(function* () {
        const [, store] = yield* services
        const old = { session: 7, candidateHash: a, status: { _tag: "Active" } } as const
        const young = { ...old, session: 9 }
        let reads = 0
        let meanwhile = Effect.void as Effect.Effect<unknown>
        const interrupted: Store.Service = {
          ...store,
          get: (key) => Effect.tap(store.get(key), () => (reads++ === 0 ? meanwhile : Effect.void))
        }
        yield* Effect.gen(function* () {
          const db = yield* VotesDb.VotesDb
          yield* db.replaceRecent([old])
          meanwhile = Effect.orDie(db.replaceRecent([old, young]))
          reads = 0
          yield* db.forget(8)
          assert.deepStrictEqual(yield* db.recentDisputes, [young])
        }).pipe(
          Effect.provide(VotesDb.layer.pipe(Layer.provide(Layer.succeed(Store.Store, interrupted))), {
            local: true
          })
        )
      }).pipe(run)
    )
    it.effect("what was taken is read at once, in one batch with its neighbours, and lost together", () =>
      Effect.gen(function* () {
        const [, store] = yield* services
        let batches = 0
        let broken: Store.StoreError | undefined
        const counting = World.watched(store, () => {
          batches++
          return broken
        })
        yield* Effect.gen(function* () {
          const db = yield* VotesDb.VotesDb
          const take = (name: string) =>
            db.stage({
              record: { session: 10, candidateHash: World.hashOf(name), votes },
              voters: [{ session: 10, validatorIndex: 1, validatorId: V }]
            })
          const waits = yield* Effect.forEach(["a", "b", "c"], take)
          assert.isTrue(Option.isSome(yield* db.votes(10, World.hashOf("c"))))
          assert.strictEqual(yield* keys(store, "candidate-votes"), 0)
          yield* Effect.all(waits)
          assert.deepStrictEqual([batches, yield* keys(store, "candidate-votes")], [1, 3])
          broken = new Store.StoreError({
            operation: "batch",
            path: "/data",
            reason: new Store.StoreIo({ cause: new Error("disk full") })
          })
          const lost = yield* take("d")
          assert.include((yield* Effect.flip(lost)).message, "disk full")
          assert.isTrue(Option.isNone(yield* db.votes(10, World.hashOf("d"))))
          // What comes later may rest on what was lost.
          broken = undefined
          assert.include((yield* Effect.flip(yield* take("e"))).message, "disk full")
          assert.strictEqual(yield* keys(store, "candidate-votes"), 3)
        }).pipe(
          Effect.provide(VotesDb.layer.pipe(Layer.provide(Layer.succeed(Store.Store, counting))), {
            local: true
          })
        )
      }).pipe(run)
    )
  })
}

describe("the room for proofs", () => {
  it.effect("is bounded for each session", () =>
    Effect.gen(function* () {
      const [db] = yield* services
      const long = { blockData: new Uint8Array(600) }
      const keep = (session: number, name: string) =>
        db.keepProof({ session, candidateHash: World.hashOf(name), candidate, pov: long })
      for (const [session, name] of [
        [10, "a"],
        [10, "b"],
        [11, "c"]
      ] as const)
        yield* commit(db, session, World.hashOf(name), [[0, World.hashOf("V")]])
      assert.isTrue(yield* keep(10, "a"))
      assert.isFalse(yield* keep(10, "b"))
      assert.isTrue(yield* keep(11, "c"))
      assert.strictEqual((yield* db.proofsOf(World.hashOf("V"), 9)).length, 2)
    }).pipe(
      Effect.provide(
        VotesDb.layerWith({ proofBytesPerSession: 1500 }).pipe(Layer.provideMerge(Store.layerMemory))
      )
    )
  )
})
