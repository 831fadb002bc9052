/** The messages of the votes database, and the seed's own rules, through a coordinator. */
import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import {
  type CandidateDescriptorV1,
  candidateHash,
  type CommittedCandidateReceipt,
  type DisputeGossipMessage,
  toPlain
} from "@ephor/types"
import { Effect, Option, Queue, Stream } from "effect"
import type { VoteRegister } from "@ephor/disputes"
import scenarios from "./vectors/14-scenarios.json" with { type: "json" }
import { start } from "./support/coordinator.ts"
import * as World from "./support/world.ts"

const committed = (name: string): CommittedCandidateReceipt => ({
  descriptor: World.receipt(name).descriptor,
  commitments: World.commitments
})
/** A message in which these validators back the candidate: the first one seconded it. */
const gossip = (name: string, backers: ReadonlyArray<number>, session = 10): DisputeGossipMessage => {
  const candidate = committed(name)
  const plain = toPlain(candidate)
  return {
    candidate,
    blockNumber: 2,
    sessionIndex: session,
    backingValidators: Array.from({ length: 4 }, (_, at) => (backers.includes(at) ? "1" : "0")).join(""),
    validityVotes: backers.map((backer, at) => {
      const kind = at === 0 ? ("BackingSeconded" as const) : ("BackingValid" as const)
      const statement = { _tag: "Valid", value: { _tag: kind, value: ChainScript.hash("a") } } as const
      const { signature: value } = World.vote(plain, session, statement, backer)
      return at === 0 ? { _tag: "Implicit", value } : { _tag: "Explicit", value }
    })
  }
}
const A = toPlain(committed("A"))
const a = candidateHash(A)
const ready = Effect.fnUntraced(function* (options: Parameters<typeof start>[0] = {}) {
  const rig = yield* start({ own: [], ...options })
  rig.script.include("a", A, "CandidateIncluded")
  yield* rig.leaf("a", "g", 1)
  const messages = yield* Queue.unbounded<VoteRegister.DisputeMessage>()
  yield* Effect.forkScoped(
    Stream.runForEach(rig.register.messages, (message) => Queue.offer(messages, message)),
    { startImmediately: true }
  )
  return { ...rig, told: Effect.andThen(rig.settled, Queue.clear(messages)) }
})
const { invalid, valid, vote } = World
const against = (...voters: ReadonlyArray<number>) => voters.map((voter) => vote(A, 10, invalid, voter))

describe("RegisterVote", () => {
  it.effect("stores the votes before it says so, and answers what a validator voted about", () =>
    Effect.gen(function* () {
      const rig = yield* ready()
      assert.strictEqual(yield* rig.register.registerVote(gossip("A", [0, 2])), "Stored")
      assert.deepStrictEqual(
        Option.getOrThrow(yield* rig.db.votes(10, a)).valid.map(([kind, index]) => [kind._tag, index]),
        [
          ["BackingSeconded", 0],
          ["BackingValid", 2]
        ]
      )
      assert.deepStrictEqual(yield* rig.register.queryByValidatorAndSessionIndex([10, 2]), [a])
      assert.deepStrictEqual(yield* rig.register.queryByValidatorId(World.validators[0]!), [a])
      assert.deepStrictEqual(yield* rig.register.queryByValidatorId(World.validators[1]!), [])
    })
  )
  it.effect("refuses a descriptor that names another session than the dispute", () =>
    Effect.gen(function* () {
      const rig = yield* ready()
      const {
        collator: _,
        signature: __,
        _tag: ___,
        ...rest
      } = committed("A").descriptor as CandidateDescriptorV1
      const named = (sessionIndex: number): DisputeGossipMessage => ({
        ...gossip("A", [0]),
        candidate: {
          descriptor: { _tag: "V2", ...rest, version: 0, coreIndex: 0, sessionIndex },
          commitments: World.commitments
        }
      })
      const refused = (message: DisputeGossipMessage) =>
        Effect.map(Effect.flip(rig.register.registerVote(message)), ({ reason }) => reason._tag)
      assert.strictEqual(yield* refused(named(7)), "Malformed")
      // That of the dispute is read further: the signature is not about this candidate.
      assert.strictEqual(yield* refused(named(10)), "InvalidSignature")
    })
  )
  it.effect("refuses what says nothing, what does not fit, and what is not signed", () =>
    Effect.gen(function* () {
      const rig = yield* ready()
      const good = gossip("A", [0, 2])
      const [one, two] = good.validityVotes
      const refusals: ReadonlyArray<readonly [DisputeGossipMessage, string]> = [
        [{ ...good, backingValidators: "0000", validityVotes: [] }, "at least one backing validator"],
        [{ ...good, backingValidators: "10100001" }, "validator 7 is set"],
        [{ ...good, validityVotes: [one!] }, "2 validators are set, but there are 1 votes"],
        [{ ...good, validityVotes: [two!, one!] }, "the vote of validator 0"],
        [{ ...good, sessionIndex: 11 }, "session 11 are not known"],
        [{ ...good, sessionIndex: 9 }, "the vote of validator 0"],
        [gossip("A", [0], 4), "session 4 is too old"]
      ]
      for (const [message, why] of refusals) {
        const error = yield* Effect.flip(rig.register.registerVote(message))
        assert.include(error.message, why)
      }
      assert.isTrue(Option.isNone(yield* rig.db.votes(10, a)))
    })
  )
  it.effect("refuses a block that is not above the relay parent", () =>
    Effect.gen(function* () {
      const rig = yield* ready()
      yield* World.grow("a").pipe(Effect.provideService(Chain.Chain, rig.chain))
      const error = yield* Effect.flip(rig.register.registerVote({ ...gossip("A", [0]), blockNumber: 1 }))
      assert.include(error.message, "block 1 is not above")
    })
  )
  it.effect("judges all who voted when its votes decide the dispute", () =>
    Effect.gen(function* () {
      const rig = yield* ready()
      yield* rig.import(A, 10, against(3))
      assert.deepStrictEqual(yield* rig.hearings, [])
      yield* rig.register.registerVote(gossip("A", [0, 1, 2]))
      const [hearing] = yield* rig.hearings
      assert.deepStrictEqual([hearing!.isValid, hearing!.valid, hearing!.invalid], [true, [0, 1, 2], [3]])
    })
  )
  it.effect(scenarios.votes_db_seed4[1]!.name, () =>
    Effect.gen(function* () {
      const rig = yield* ready()
      yield* rig.import(A, 10, [vote(A, 10, World.seconded, 0), ...against(1, 2, 3)])
      assert.strictEqual((yield* rig.hearings).length, 1)
      const before = yield* rig.db.votes(10, a)
      assert.strictEqual(yield* rig.register.registerVote(gossip("A", [2])), "Late")
      const [late] = yield* rig.hearings
      // Only that validator is heard, and nobody is said to have abstained: it is judged, and nobody else.
      assert.deepStrictEqual(
        [late!.isValid, late!.valid, late!.invalid, late!.isClosed],
        [false, [2], [], false]
      )
      assert.deepStrictEqual(yield* rig.db.votes(10, a), before)
    })
  )
})

describe("what the database tells", () => {
  it.effect("a detection names who raised it with its earlier candidates; a resolution how it ends", () =>
    Effect.gen(function* () {
      const rig = yield* ready()
      const B = World.receipt("B")
      yield* rig.import(B, 10, [vote(B, 10, World.seconded, 3)])
      yield* rig.register.registerVote(gossip("A", [0]))
      assert.deepStrictEqual(yield* rig.told, [])
      yield* rig.import(A, 10, against(3))
      assert.deepStrictEqual(yield* rig.told, [
        { _tag: "Detection", identification: [10, 3], candidateHash: a, hashes: [candidateHash(B)] }
      ])
      yield* rig.import(A, 10, against(1, 2))
      assert.deepStrictEqual(yield* rig.told, [
        { _tag: "Resolution", session: 10, candidateHash: a, valid: false }
      ])
    })
  )
})

describe("the rules of the seed", () => {
  const statementOf = (name: string) =>
    name === "Invalid.Explicit"
      ? invalid
      : ({
          _tag: "Valid",
          value: { _tag: name.replace("Valid.", "") as "BackingValid", value: ChainScript.hash("a") }
        } as const)
  const one = (
    rig: Effect.Success<ReturnType<typeof ready>>,
    session: number,
    statement: Parameters<typeof vote>[2],
    voter: number
  ) => {
    const { signature } = vote(A, session, statement, voter)
    return rig
      .send({
        _tag: "ImportStatement",
        candidateHash: a,
        session,
        statement,
        validatorIndex: voter,
        signature
      })
      .pipe(Effect.andThen(rig.settled))
  }
  const seed = ready({ own: ["//Dave"], coordinator: { era: "seed" } })

  for (const row of scenarios.dispute_import_seed3) {
    it.effect(row.name, () =>
      Effect.gen(function* () {
        const rig = yield* seed
        if (row.import_session !== undefined) {
          yield* one(rig, row.import_session, World.seconded, 0)
          const found = yield* rig.db.votes(row.import_session, a)
          return assert.strictEqual(Option.isSome(found), row.stored)
        }
        if (row.import === undefined) {
          // A record that holds one invalid vote and no valid one.
          const [kind, index, signature] = [
            { _tag: "Explicit" } as const,
            1,
            vote(A, 10, invalid, 1).signature
          ]
          yield* rig.db.commit({
            record: {
              session: 10,
              candidateHash: a,
              votes: { candidateReceipt: A, valid: [], invalid: [[kind, index, signature]] }
            },
            voters: []
          })
          yield* one(rig, 10, statementOf("Valid.BackingValid"), 3)
          return assert.strictEqual((yield* rig.recent).length === 1, row.freshly_disputed)
        }
        const fresh: Array<number> = []
        for (const [at, [name, , voter]] of row.import.entries()) {
          const before = (yield* rig.recent).length
          yield* one(rig, 10, statementOf(name as string), voter as number)
          if ((yield* rig.recent).length > before) fresh.push(at)
        }
        if (row.freshly_disputed_at !== undefined) assert.deepStrictEqual(fresh, [row.freshly_disputed_at])
        if (row.participation_requests !== undefined)
          assert.strictEqual(fresh.length, row.participation_requests)
        if (row.valid_count !== undefined)
          assert.strictEqual(Option.getOrThrow(yield* rig.db.votes(10, a)).valid.length, row.valid_count)
      })
    )
  }
  it.effect("differ from those of today, which apply where nothing is said", () =>
    Effect.gen(function* () {
      for (const [era, stored] of [
        ["seed", false],
        ["current", true]
      ] as const) {
        const rig = yield* ready({ coordinator: { era } })
        assert.strictEqual(yield* rig.import(A, 10, [vote(A, 10, valid, 1)]), "ValidImport")
        assert.strictEqual(Option.isSome(yield* rig.db.votes(10, a)), stored)
        const oldest = yield* rig.import(A, 4, [vote(A, 4, World.seconded, 1)])
        assert.strictEqual(oldest, era === "seed" ? "ValidImport" : "InvalidImport")
      }
    })
  )
})
