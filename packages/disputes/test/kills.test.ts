/**
 * A coordinator is killed in the middle of its writes, again and again: the store takes no more at its n-th batch, before
 * or after that one is on disk, and a new coordinator goes on over what is there.
 */
import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import type { ImportStatementsResult, SignedDisputeStatement } from "@ephor/overseer"
import { candidateHash, type CandidateHash, type DisputeStatus, type SessionIndex } from "@ephor/types"
import { Context, Deferred, Effect, Exit, Layer, Option, Scope, Stream } from "effect"
import { CandidateVotes, SessionWindow } from "@ephor/disputes"
import { start } from "./support/coordinator.ts"
import { randomOf } from "./support/random.ts"
import * as World from "./support/world.ts"

const seeds = 110
const killsPerSeed = 2
const candidates = ["A", "B", "C", "D", "E"].map(World.receipt)
const signature = `0x${"11".repeat(64)}` as const

/** A store that answers nobody from its n-th batch on. */
const mortal = (store: Store.Service, batches: number, isWritten: boolean) => {
  const died = Deferred.makeUnsafe<"dead">()
  let left = batches
  const unlessDead = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend(() => (left <= 0 ? Effect.never : effect))
  const service: Store.Service = {
    get: (key) => unlessDead(store.get(key)),
    iterate: (prefix, options) => Stream.unwrap(unlessDead(Effect.succeed(store.iterate(prefix, options)))),
    batch: (writes) =>
      unlessDead(
        Effect.suspend((): Effect.Effect<void, Store.StoreError> => {
          if (--left > 0) return store.batch(writes)
          return (isWritten ? store.batch(writes) : Effect.void).pipe(
            Effect.andThen(Deferred.succeed(died, "dead")),
            Effect.andThen(Effect.never)
          )
        })
      )
  }
  return { service, died }
}

type Rig = Effect.Success<ReturnType<typeof start>>

/** One validator's disputes over a store that outlives it. */
class History {
  readonly random: () => number
  readonly script = new World.Script()
  /** Votes that somebody was told are stored. */
  readonly acknowledged = new Set<string>()
  block = 0

  constructor(seed: number) {
    this.random = randomOf(seed)
  }

  pick(count: number): number {
    return Math.floor(this.random() * count)
  }

  get oldest(): SessionIndex {
    return SessionWindow.oldestSession(this.script.session)
  }

  leaf(rig: Rig) {
    return Effect.suspend(() => {
      this.block++
      if (this.random() < 0.5)
        this.script.include(`k${this.block}`, candidates[this.pick(5)]!, "CandidateIncluded")
      return rig.leaf(`k${this.block}`, `k${this.block - 1}`, this.block)
    })
  }

  /** Something happens: a storm of votes, a leaf with or without a new session, a judgement of our own. */
  step(rig: Rig) {
    return Effect.suspend((): Effect.Effect<unknown> => {
      const dice = this.random()
      if (dice < 0.6) {
        const storm = Array.from({ length: 1 + this.pick(4) }, () => this.#import(rig))
        return Effect.all(storm, { concurrency: "unbounded", discard: true })
      }
      if (dice < 0.75) return this.#judge(rig)
      if (this.random() < 0.6) this.script.session += 1 + this.pick(2)
      return this.leaf(rig)
    })
  }

  #import(rig: Rig) {
    const candidate = candidates[this.pick(5)]!
    const session = this.script.session - this.pick(3)
    const statements = Array.from({ length: 1 + this.pick(3) }, (): SignedDisputeStatement => {
      const validatorIndex = 1 + this.pick(3)
      const statement = [World.seconded, World.valid, World.invalid, World.invalid][this.pick(4)]!
      return { statement, validatorIndex, validatorId: World.validators[validatorIndex]!, signature }
    })
    const imported = rig.ask<ImportStatementsResult>((pendingConfirmation) => ({
      _tag: "ImportStatements",
      candidateReceipt: candidate,
      session,
      statements,
      pendingConfirmation
    }))
    return Effect.map(imported, (result) => {
      if (result === "InvalidImport") return
      for (const { statement, validatorIndex } of statements)
        this.acknowledged.add([session, candidateHash(candidate), statement._tag, validatorIndex].join("/"))
    })
  }

  #judge(rig: Rig) {
    return Effect.gen({ self: this }, function* () {
      const candidate = candidates[this.pick(5)]!
      const { session } = this.script
      yield* rig.send({
        _tag: "IssueLocalStatement",
        session,
        candidateHash: candidateHash(candidate),
        candidate,
        valid: this.random() < 0.5
      })
      // Whoever was told of our vote counts on it.
      for (const { request } of yield* rig.sent) {
        const hash = candidateHash(request.candidateReceipt)
        for (const [side, { validatorIndex }] of [
          ["Valid", request.validVote],
          ["Invalid", request.invalidVote]
        ] as const)
          this.acknowledged.add([request.sessionIndex, hash, side, validatorIndex].join("/"))
      }
    })
  }

  /** What has to hold whenever a coordinator has come back and has seen a leaf. */
  check(rig: Rig, why: string) {
    return Effect.gen({ self: this }, function* () {
      const records = (yield* Stream.runCollect(rig.db.records)).filter(
        ({ session }) => session >= this.oldest
      )
      const found = new Set<string>()
      const asked = new Set(
        (yield* rig.asked).map((request) => `${request.session}/${request.candidateHash}`)
      )
      const told = new Set(
        (yield* rig.sent).map(
          ({ request }) => `${request.sessionIndex}/${candidateHash(request.candidateReceipt)}`
        )
      )
      const recent = new Map<string, DisputeStatus>(
        (yield* rig.recent).map((entry) => [`${entry.session}/${entry.candidateHash}`, entry.status] as const)
      )
      for (const { candidateHash: hash, session, votes } of records) {
        const name = `${session}/${hash}`
        const sides = { Valid: votes.valid.map(([, v]) => v), Invalid: votes.invalid.map(([, v]) => v) }
        for (const side of ["Valid", "Invalid"] as const) {
          assert.deepStrictEqual(sides[side], [...new Set(sides[side])].sort(), `${why}: counted once`)
          for (const validator of sides[side]) found.add(`${name}/${side}/${validator}`)
        }
        yield* this.#checkTables(rig, session, hash, [...sides.Valid, ...sides.Invalid], why)
        const assessment = CandidateVotes.assess(votes, 4, new Set())
        const status = recent.get(name)
        if (assessment.confirmed) assert.notInclude([undefined, "Active"], status?._tag, `${why}: ${name}`)
        assert.strictEqual(
          status?._tag === "ConcludedAgainst",
          assessment.concludedAgainst,
          `${why}: ${name}`
        )
        if (status?._tag === "ConcludedFor") assert.isTrue(assessment.concludedFor, `${why}: ${name}`)
        if (status === undefined || status._tag === "Active") continue
        const isOurs = [...sides.Valid, ...sides.Invalid].includes(0)
        assert.isTrue(isOurs ? told.has(name) : asked.has(name), `${why}: ${name} goes on`)
      }
      for (const vote of this.acknowledged)
        if (Number(vote.split("/")[0]) >= this.oldest)
          assert.isTrue(found.has(vote), `${why}: ${vote} is there`)
      for (const { invalid, valid } of yield* rig.hearings)
        assert.deepStrictEqual([new Set(valid).size, new Set(invalid).size], [valid.length, invalid.length])
    })
  }

  #checkTables(
    rig: Rig,
    session: SessionIndex,
    hash: CandidateHash,
    voters: ReadonlyArray<number>,
    why: string
  ) {
    return Effect.forEach(
      new Set(voters),
      (voter) =>
        Effect.map(rig.db.queryByValidatorAndSessionIndex(session, voter), (hashes) =>
          assert.strictEqual(hashes.filter((other) => other === hash).length, 1, `${why}: listed once`)
        ),
      { discard: true }
    )
  }
}

/** A coordinator, checked once it has seen a leaf; `body` is what it does then. */
const live = <A>(
  history: History,
  store: Store.Service,
  died: Deferred.Deferred<"dead">,
  why: string,
  body: (rig: Rig) => Effect.Effect<A, unknown>
) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const life = Effect.gen(function* () {
      const rig = yield* start({ store, script: history.script })
      yield* history.leaf(rig)
      yield* history.check(rig, why)
      return yield* body(rig)
    }).pipe(Scope.provide(scope))
    const result = yield* Effect.raceFirst(life, Deferred.await(died))
    // Whoever is killed closes nothing: what is left of it waits for its store, for ever.
    if (result !== "dead") yield* Scope.close(scope, Exit.void)
    return result
  })

describe("killed in the middle of its writes, a coordinator comes back with all that it acknowledged", () => {
  let kills = 0
  for (let seed = 1; seed <= seeds; seed++) {
    it.effect(`seed ${seed}`, () =>
      Effect.gen(function* () {
        const memory = Context.get(yield* Layer.build(Layer.fresh(Store.layerMemory)), Store.Store)
        const history = new History(seed)
        for (let kill = 1; kill <= killsPerSeed; kill++) {
          const { died, service } = mortal(memory, 1 + history.pick(14), history.random() < 0.5)
          const why = `seed ${seed}, before kill ${kill}`
          const result = yield* live(history, service, died, why, (rig) => Effect.forever(history.step(rig)))
          assert.strictEqual(result, "dead")
          kills++
        }
        const never = Deferred.makeUnsafe<"dead">()
        yield* live(history, memory, never, `seed ${seed}, at the end`, (rig) =>
          Effect.gen(function* () {
            for (let more = 0; more < 3; more++) yield* history.step(rig)
            history.script.session++
            yield* history.leaf(rig)
            const left = yield* Stream.runCollect(rig.db.records)
            assert.isTrue(
              left.every(({ session }) => session >= history.oldest),
              "what is old is gone"
            )
            assert.isTrue(Option.isNone(yield* rig.db.votes(0, candidateHash(candidates[0]!))))
          })
        )
      })
    )
  }
  it("at least two hundred times", () => assert.isAtLeast(kills, 200))
})
