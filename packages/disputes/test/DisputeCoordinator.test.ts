import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import { Store } from "@ephor/store"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import type * as Overseer from "@ephor/overseer"
import { type BlockId, candidateHash, type CandidateReceipt, disputeStatementPayload } from "@ephor/types"
import { Context, Deferred, Effect, Fiber, Layer, Option, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { start } from "./support/coordinator.ts"
import * as World from "./support/world.ts"

const A = World.receipt("A")
const B = World.receipt("B")
const a = candidateHash(A)
const { invalid, seconded, valid, vote } = World

const onChain = (
  script: World.Script,
  block: string,
  candidate: CandidateReceipt,
  what: "CandidateIncluded" | "CandidateBacked" = "CandidateIncluded"
) => script.include(block, candidate, what)

/** A coordinator that has seen A included in block `a`. */
const withIncluded = Effect.fnUntraced(function* (options: Parameters<typeof start>[0] = {}) {
  const rig = yield* start(options)
  onChain(rig.script, "a", A)
  yield* rig.leaf("a", "g", 1)
  return rig
})
const dispute = [vote(A, 10, seconded, 1), vote(A, 10, invalid, 2)]

describe("import", () => {
  it.effect("a vote of each side opens a dispute, and asks for an opinion once", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      assert.strictEqual(yield* rig.import(A, 10, [vote(A, 10, seconded, 1)]), "ValidImport")
      assert.deepStrictEqual(yield* rig.asked, [])
      assert.strictEqual(yield* rig.import(A, 10, [vote(A, 10, invalid, 2)]), "ValidImport")
      assert.deepStrictEqual(yield* rig.asked, [
        {
          _tag: "Participate",
          candidateHash: a,
          candidate: A,
          session: 10,
          nValidators: 4,
          priority: "Priority"
        }
      ])
      // Two voters are more than one byzantine validator.
      assert.deepStrictEqual(yield* rig.recent, [
        { session: 10, candidateHash: a, status: { _tag: "Confirmed" } }
      ])
      assert.strictEqual(yield* rig.import(A, 10, [vote(A, 10, invalid, 2)]), "ValidImport")
      assert.deepStrictEqual(yield* rig.asked, [])
      assert.strictEqual((yield* rig.hub.active).length, 1)
    })
  )
  it.effect("a validator that has voted is not asked for an opinion", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      yield* rig.import(A, 10, [vote(A, 10, seconded, 0), vote(A, 10, invalid, 2)])
      assert.deepStrictEqual(yield* rig.asked, [])
    })
  )
  it.effect("a supermajority against concludes, with the including blocks", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      yield* TestClock.setTime(5_000_000)
      yield* rig.import(A, 10, [...dispute, vote(A, 10, invalid, 3)])
      assert.strictEqual(yield* Queue.size(rig.concluded), 0)
      yield* rig.import(A, 10, [vote(A, 10, invalid, 0)])
      const conclusion = yield* Queue.take(rig.concluded)
      assert.deepStrictEqual(
        [conclusion.valid, conclusion.including.map(({ hash }) => hash)],
        [false, [ChainScript.hash("a")]]
      )
      assert.deepStrictEqual((yield* rig.recent)[0]!.status, { _tag: "ConcludedAgainst", value: 5000 })
    })
  )
  it.effect("blocks that only the runtime remembers are named by the conclusion, each once", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      const [seen, old] = [World.leafOf("a", "g", 1), World.leafOf("z", "y", 3)]
      rig.script.remembered.set(a, [old, seen])
      yield* rig.import(A, 10, [...dispute, vote(A, 10, invalid, 3), vote(A, 10, invalid, 0)])
      assert.deepStrictEqual(
        (yield* Queue.take(rig.concluded)).including.map(({ hash }) => hash),
        [seen.hash, old.hash]
      )
    })
  )
  it.effect("more than f against take the including blocks back, and those found later", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded({ own: [] })
      yield* rig.import(A, 10, dispute)
      assert.strictEqual(yield* Queue.size(rig.reverted), 0)
      yield* rig.import(A, 10, [vote(A, 10, invalid, 3)])
      const { candidateHash, including } = yield* Queue.take(rig.reverted)
      assert.deepStrictEqual([candidateHash, including.map(({ hash }) => hash)], [a, [ChainScript.hash("a")]])
      assert.strictEqual(yield* Queue.size(rig.concluded), 0)
      onChain(rig.script, "b", A)
      yield* rig.leaf("b", "a", 2)
      const later = yield* Queue.take(rig.reverted)
      assert.deepStrictEqual(
        later.including.map(({ hash }) => hash),
        [ChainScript.hash("b")]
      )
      yield* rig.import(A, 10, [vote(A, 10, invalid, 0)])
      assert.strictEqual(yield* Queue.size(rig.reverted), 0)
      assert.strictEqual(yield* Queue.size(rig.concluded), 1)
    })
  )
  it.effect("by the seed's rules only a supermajority takes blocks back", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded({ own: [], coordinator: { era: "seed" } })
      yield* rig.import(A, 10, [...dispute, vote(A, 10, invalid, 3)])
      assert.strictEqual(yield* Queue.size(rig.reverted), 0)
      yield* rig.import(A, 10, [vote(A, 10, invalid, 0)])
      assert.strictEqual(yield* Queue.size(rig.reverted), 0)
      assert.strictEqual(yield* Queue.size(rig.concluded), 1)
    })
  )
  it.effect("a supermajority for concludes, once; after three minutes the dispute is no longer active", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      yield* rig.import(A, 10, [...dispute, vote(A, 10, valid, 0), vote(A, 10, valid, 3)])
      yield* rig.import(A, 10, [vote(A, 10, invalid, 1)])
      assert.deepStrictEqual(
        (yield* Queue.takeAll(rig.concluded)).map(({ valid }) => valid),
        [true]
      )
      assert.strictEqual((yield* rig.active).length, 1)
      yield* TestClock.adjust("181 seconds")
      assert.deepStrictEqual(yield* rig.active, [])
      assert.strictEqual((yield* rig.recent).length, 1)
    })
  )
  it.effect(
    "everybody is heard from the conclusion on; who has not voted when the dispute is over has abstained",
    () =>
      Effect.gen(function* () {
        const rig = yield* withIncluded({ own: [] })
        yield* rig.import(A, 10, dispute)
        assert.deepStrictEqual(yield* rig.hearings, [])
        yield* rig.import(A, 10, [vote(A, 10, invalid, 0), vote(A, 10, invalid, 3)])
        const hearing = {
          _tag: "Hearing",
          relayParent: ChainScript.hash("a"),
          session: 10,
          candidateHash: a,
          isValid: false,
          validatorCount: 4,
          valid: [1],
          invalid: [0, 2, 3],
          isClosed: true
        } as const
        assert.deepStrictEqual(yield* rig.hearings, [hearing])

        onChain(rig.script, "b", B)
        yield* rig.leaf("b", "a", 2)
        const three = [vote(B, 10, seconded, 1), vote(B, 10, valid, 0), vote(B, 10, valid, 3)]
        yield* rig.import(B, 10, [...three, vote(B, 10, invalid, 1)])
        const open = {
          ...hearing,
          relayParent: ChainScript.hash("b"),
          candidateHash: candidateHash(B),
          isValid: true,
          valid: [0, 1, 3],
          invalid: [1],
          isClosed: false
        }
        assert.deepStrictEqual(yield* rig.hearings, [open])
        yield* TestClock.adjust("181 seconds")
        for (const [block, parent, number] of [
          ["c", "b", 3],
          ["d", "c", 4]
        ] as const) {
          yield* rig.leaf(block, parent, number)
        }
        const closed = { ...open, relayParent: ChainScript.hash("c"), isClosed: true }
        assert.deepStrictEqual(yield* rig.hearings, [closed], "once")
      })
  )
  it.effect("a later supermajority against overrides one for", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      yield* rig.import(A, 10, [
        vote(A, 10, seconded, 1),
        vote(A, 10, valid, 0),
        vote(A, 10, valid, 3),
        vote(A, 10, invalid, 2)
      ])
      yield* rig.import(A, 10, [vote(A, 10, invalid, 0), vote(A, 10, invalid, 1)])
      assert.deepStrictEqual(
        (yield* Queue.takeAll(rig.concluded)).map(({ valid }) => valid),
        [true, false]
      )
    })
  )
  it.effect("the seed's message needs a record that backing opened", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      const one = (v: Overseer.SignedDisputeStatement) =>
        rig.send({
          _tag: "ImportStatement",
          candidateHash: a,
          session: 10,
          statement: v.statement,
          validatorIndex: v.validatorIndex,
          signature: v.signature
        })
      yield* one(vote(A, 10, invalid, 2))
      yield* rig.settled
      assert.isTrue(Option.isNone(yield* rig.db.votes(10, a)))
      yield* rig.import(A, 10, [vote(A, 10, seconded, 1)])
      yield* one(vote(A, 10, invalid, 2))
      assert.strictEqual((yield* rig.asked).length, 1)
    })
  )
  it.effect("votes of strangers to the session are skipped", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      const stranger = { ...vote(A, 10, invalid, 2), validatorId: World.hashOf("nobody") }
      const beyond = { ...vote(A, 10, invalid, 2), validatorIndex: 4 }
      assert.strictEqual(
        yield* rig.import(A, 10, [vote(A, 10, seconded, 1), stranger, beyond]),
        "ValidImport"
      )
      assert.strictEqual(Option.getOrThrow(yield* rig.db.votes(10, a)).invalid.length, 0)
    })
  )
})

describe("refusals", () => {
  it.effect("before the first leaf, of ancient and of unknown sessions", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      assert.strictEqual(yield* rig.import(A, 10, dispute), "InvalidImport")
      yield* rig.leaf("a", "g", 1)
      for (const [session, result] of [
        [4, "InvalidImport"],
        [5, "ValidImport"],
        [10, "ValidImport"],
        [11, "InvalidImport"]
      ] as const)
        assert.strictEqual(
          yield* rig.import(A, session, [vote(A, session, seconded, 1)]),
          result,
          `session ${session}`
        )
    })
  )
  it.effect(
    "spam: whoever raised too many unknown candidates is not listened to, and nobody takes part",
    () =>
      Effect.gen(function* () {
        // Among four validators, two voters confirm a dispute: only a single one, on both sides, leaves it unconfirmed.
        const rig = yield* start({ coordinator: { spamSlots: 1 } })
        yield* rig.leaf("a", "g", 1)
        const both = (candidate: CandidateReceipt) => [
          vote(candidate, 10, valid, 2),
          vote(candidate, 10, invalid, 2)
        ]
        assert.strictEqual(yield* rig.import(A, 10, both(A)), "ValidImport")
        assert.deepStrictEqual(yield* rig.asked, [])
        assert.strictEqual(yield* rig.import(B, 10, both(B)), "InvalidImport")
        assert.isTrue(Option.isNone(yield* rig.db.votes(10, candidateHash(B))))
        // Another vote of the same validator makes it no better.
        const approval = vote(A, 10, { _tag: "Valid", value: { _tag: "ApprovalChecking" } }, 2)
        assert.strictEqual(yield* rig.import(A, 10, [approval]), "ValidImport")
        assert.deepStrictEqual(yield* rig.asked, [])
        // Seen on chain, it is no spam any more: the slot is free again and an opinion is asked for.
        onChain(rig.script, "b", A, "CandidateBacked")
        yield* rig.leaf("b", "a", 2)
        assert.deepStrictEqual(
          (yield* rig.asked).map(({ candidateHash, priority }) => [candidateHash, priority]),
          [[a, "BestEffort"]]
        )
        assert.strictEqual(yield* rig.import(B, 10, both(B)), "ValidImport")
      })
  )
  it.effect("inclusion that is seen later makes it urgent", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      yield* rig.leaf("a", "g", 1)
      yield* rig.import(A, 10, dispute)
      assert.deepStrictEqual(
        (yield* rig.asked).map(({ priority }) => priority),
        ["BestEffort"]
      )
      onChain(rig.script, "b", A)
      yield* rig.leaf("b", "a", 2)
      assert.deepStrictEqual(
        (yield* rig.asked).map(({ priority }) => priority),
        ["Priority"]
      )
    })
  )
  it.effect("disabled validators open no dispute by themselves", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      rig.script.disabled = [2]
      yield* rig.import(A, 10, [vote(A, 10, valid, 2), vote(A, 10, invalid, 2)])
      assert.deepStrictEqual([yield* rig.recent, yield* rig.asked], [[], []])
    })
  )
  it.effect("who lost a dispute opens none by itself, and what only it raised is dropped", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      onChain(rig.script, "b", B)
      yield* rig.leaf("b", "a", 2)
      yield* rig.import(B, 10, [vote(B, 10, valid, 2), vote(B, 10, invalid, 2)])
      assert.strictEqual((yield* rig.recent).length, 1)
      yield* rig.import(A, 10, [...dispute, vote(A, 10, valid, 0), vote(A, 10, valid, 3)])
      assert.deepStrictEqual(
        (yield* rig.recent).map((entry) => entry.candidateHash),
        [a]
      )
      const C = World.receipt("C")
      yield* rig.import(C, 10, [vote(C, 10, valid, 2), vote(C, 10, invalid, 2)])
      assert.strictEqual((yield* rig.recent).length, 1)
    })
  )
  it.effect("a runtime that fails costs the vote, not the subsystem", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      rig.script.failing = true
      assert.strictEqual(yield* rig.import(A, 10, dispute), "InvalidImport")
      yield* rig.judge(A, 10, false)
      yield* rig.leaf("b", "a", 2)
      rig.script.failing = false
      assert.strictEqual(yield* rig.import(A, 10, dispute), "ValidImport")
    })
  )
})

describe("own votes", () => {
  it.effect("a judgement is signed with every key, stored, and sent with the first opposite vote", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded({ own: ["//Alice", "//Dave"] })
      yield* rig.import(A, 10, dispute)
      yield* rig.judge(A, 10, false)
      const sent = yield* rig.sent
      assert.deepStrictEqual(
        sent.map(({ request }) => [request.invalidVote.validatorIndex, request.validVote.validatorIndex]),
        [
          [0, 1],
          [3, 1]
        ]
      )
      const payload = disputeStatementPayload(invalid, a, 10)!
      for (const { request } of sent) {
        const { signature, validatorIndex } = request.invalidVote
        assert.isTrue(yield* World.everybody.verify(World.validators[validatorIndex]!, payload, signature))
      }
      assert.deepStrictEqual(
        Option.getOrThrow(yield* rig.db.votes(10, a)).invalid.map(([, index]) => index),
        [0, 2, 3]
      )
      assert.strictEqual((yield* Queue.take(rig.concluded)).valid, false)
      // The same judgement again changes nothing.
      yield* rig.judge(A, 10, false)
      assert.deepStrictEqual(yield* rig.sent, [])
    })
  )
  it.effect("without an opposite vote nobody is told", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      yield* rig.judge(A, 10, false)
      assert.deepStrictEqual(yield* rig.sent, [])
      assert.deepStrictEqual(
        Option.getOrThrow(yield* rig.db.votes(10, a)).invalid.map(([, index]) => index),
        [0]
      )
    })
  )
  it.effect("what is refused is not sent", () =>
    Effect.gen(function* () {
      // What is older takes up one cleaning: the votes of this session are still there, but too old.
      const script = new World.Script()
      script.session = 1000
      const rig = yield* withIncluded({ script, db: { pruneSessionsPerWrite: 5 } })
      yield* rig.import(A, 1000, [vote(A, 1000, seconded, 1), vote(A, 1000, invalid, 2)])
      const [record] = yield* Stream.runCollect(rig.db.records)
      yield* rig.db.commit({
        record: { ...record!, session: 995 },
        voters: []
      })
      script.session = 1010
      yield* rig.leaf("b", "a", 2)
      assert.isTrue(Option.isSome(yield* rig.db.votes(1000, a)))
      yield* rig.judge(A, 1000, false)
      assert.deepStrictEqual(yield* rig.sent, [])
    })
  )
  it.effect("an earlier approval of ours votes, is told, and spares us the check", () =>
    Effect.gen(function* () {
      const approval = vote(A, 10, { _tag: "Valid", value: { _tag: "ApprovalChecking" } }, 0)
      const rig = yield* withIncluded({
        approvals: [{ validatorIndex: 0, candidates: [a], signature: approval.signature }]
      })
      yield* rig.import(A, 10, dispute)
      assert.deepStrictEqual(yield* rig.asked, [])
      assert.deepStrictEqual(
        (yield* rig.sent).map(({ request }) => [
          request.validVote.kind._tag,
          request.invalidVote.validatorIndex
        ]),
        [["ApprovalChecking", 2]]
      )
    })
  )
  it.effect("approval voting that does not answer is not waited for longer than five seconds", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded({ approvals: undefined })
      yield* rig.import(A, 10, dispute)
      assert.deepStrictEqual(yield* rig.asked, [])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* rig.asked).length, 1)
    })
  )
})

describe("chain", () => {
  const backing = (candidate: CandidateReceipt) => {
    const v = vote(candidate, 10, seconded, 1)
    return {
      session: 10,
      backingValidatorsPerCandidate: [[candidate, [[1, { _tag: "Implicit", value: v.signature }]]]] as const,
      disputes: []
    }
  }
  it.effect("votes in blocks are imported, eight blocks for a leaf, the newest first", () =>
    Effect.gen(function* () {
      const chain = Context.get(yield* Layer.build(World.chain), Chain.Chain)
      const rig = yield* start({ chain })
      const blocks = Array.from({ length: 20 }, (_, index) => `n${index + 1}`)
      const candidates = blocks.map((block) => World.receipt(block))
      blocks.forEach((block, index) =>
        rig.script.votes.set(ChainScript.hash(block), backing(candidates[index]!))
      )
      yield* World.grow(blocks.join("-")).pipe(Effect.provideService(Chain.Chain, chain))
      const known = Effect.map(
        Effect.forEach(candidates, (candidate) => rig.db.votes(10, candidateHash(candidate))),
        (found) => found.flatMap((votes, index) => (Option.isSome(votes) ? [index + 1] : []))
      )
      yield* rig.leaf("n20", "n19", 20)
      assert.deepStrictEqual(yield* known, [13, 14, 15, 16, 17, 18, 19, 20])
      yield* rig.leaf("n20", "n19", 20)
      yield* rig.leaf("n20", "n19", 20)
      assert.strictEqual((yield* known).length, 20)
    })
  )
  it.effect("dispute votes in a block find the candidate that an older block backed", () =>
    Effect.gen(function* () {
      const chain = Context.get(yield* Layer.build(World.chain), Chain.Chain)
      const rig = yield* start({ chain })
      const blocks = Array.from({ length: 20 }, (_, index) => `n${index + 1}`)
      yield* World.grow(blocks.join("-")).pipe(Effect.provideService(Chain.Chain, chain))
      onChain(rig.script, "n1", A, "CandidateBacked")
      rig.script.votes.set(ChainScript.hash("n1"), backing(A))
      rig.script.votes.set(ChainScript.hash("n20"), {
        session: 10,
        backingValidatorsPerCandidate: [],
        disputes: [
          {
            session: 10,
            candidateHash: a,
            statements: dispute.map(({ signature, statement, validatorIndex }) => [
              statement,
              validatorIndex,
              signature
            ])
          }
        ]
      })
      yield* rig.leaf("n20", "n19", 20)
      assert.deepStrictEqual(
        (yield* rig.asked).map(({ candidateHash }) => candidateHash),
        [a]
      )
    })
  )
  it.effect("a block that cannot be read now is read with a later leaf", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      rig.script.votes.set(ChainScript.hash("a"), backing(A))
      rig.script.failing = true
      yield* rig.leaf("a", "g", 1)
      rig.script.failing = false
      yield* rig.leaf("b", "a", 2)
      assert.isTrue(Option.isSome(yield* rig.db.votes(10, a)))
    })
  )
  it.effect("a block that includes a candidate after its verdict is told too", () =>
    Effect.gen(function* () {
      const rig = yield* start()
      yield* rig.leaf("a", "g", 1)
      yield* rig.import(A, 10, [...dispute, vote(A, 10, invalid, 3), vote(A, 10, invalid, 0)])
      assert.deepStrictEqual((yield* Queue.take(rig.concluded)).including, [])
      onChain(rig.script, "b", A)
      yield* rig.leaf("b", "a", 2)
      const late = yield* Queue.take(rig.late)
      assert.deepStrictEqual(
        [late.valid, late.including.map(({ hash }) => hash)],
        [false, [ChainScript.hash("b")]]
      )
      assert.strictEqual(yield* Queue.size(rig.concluded), 0)
    })
  )
  it.effect("a new session forgets what left the window", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      yield* rig.import(A, 10, dispute)
      rig.script.session = 15
      yield* rig.leaf("b", "a", 2)
      assert.strictEqual((yield* rig.recent).length, 1)
      rig.script.session = 16
      yield* rig.leaf("c", "b", 3)
      assert.deepStrictEqual(yield* rig.recent, [])
      assert.isTrue(Option.isNone(yield* rig.db.votes(10, a)))
      assert.deepStrictEqual(yield* rig.db.recentDisputes, [])
    })
  )
  it.effect("finality stops below what may be invalid", () =>
    Effect.gen(function* () {
      const rig = yield* withIncluded()
      const base = { number: 0, hash: ChainScript.hash("g") }
      const determine = rig.ask<BlockId>((reply) => ({
        _tag: "DetermineUndisputedChain",
        base,
        descriptions: [
          { blockHash: ChainScript.hash("a"), session: 10, candidates: [candidateHash(B)] },
          { blockHash: ChainScript.hash("b"), session: 10, candidates: [a] }
        ],
        reply
      }))
      assert.strictEqual((yield* determine).number, 2)
      yield* rig.import(A, 10, dispute)
      assert.deepStrictEqual(yield* determine, { number: 1, hash: ChainScript.hash("a") })
    })
  )
})

describe("durability", () => {
  it.effect("a confirmation comes after the write", () =>
    Effect.gen(function* () {
      const memory = Context.get(yield* Layer.build(Store.layerMemory), Store.Store)
      const gate = yield* Deferred.make<void>()
      let writes = 0
      let isSlow = false
      const slow: Store.Service = {
        ...memory,
        batch: (batch) => {
          if (!isSlow) return memory.batch(batch)
          writes++
          return Effect.andThen(Deferred.await(gate), memory.batch(batch))
        }
      }
      const rig = yield* start({ store: slow })
      yield* rig.leaf("a", "g", 1)
      isSlow = true
      const answer = yield* Effect.forkScoped(rig.import(A, 10, dispute), { startImmediately: true })
      for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
      assert.strictEqual(writes, 1)
      assert.isUndefined(answer.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(answer), "ValidImport")
      assert.isTrue(Option.isSome(yield* rig.db.votes(10, a)))
    })
  )
  it.effect("a store that fails ends the subsystem, saying why", () =>
    Effect.gen(function* () {
      const memory = Context.get(yield* Layer.build(Store.layerMemory), Store.Store)
      let broken: Store.StoreError | undefined
      const rig = yield* start({ store: World.watched(memory, () => broken) })
      yield* rig.leaf("a", "g", 1)
      broken = new Store.StoreError({
        operation: "batch",
        path: "/data",
        reason: new Store.StoreIo({ cause: new Error("disk full") })
      })
      yield* rig.send({ _tag: "ImportStatements", candidateReceipt: A, session: 10, statements: dispute })
      const error = yield* Effect.flip(rig.join)
      assert.include(error.message, "disk full")
    })
  )
  it.effect("a restart takes up open disputes: asks for the missing vote, tells of the given one", () =>
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(Store.layerMemory), Store.Store)
      const script = new World.Script()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const rig = yield* withIncluded({ store, script })
          yield* rig.import(A, 10, dispute)
          assert.strictEqual((yield* rig.asked).length, 1)
        })
      )
      script.events.clear()
      const again = yield* start({ store, script })
      // As long as the runtime cannot be asked, nothing is lost.
      script.failing = true
      yield* again.leaf("a", "g", 1)
      script.failing = false
      yield* again.leaf("b", "a", 2)
      assert.strictEqual((yield* again.asked).length, 1)
      assert.strictEqual((yield* again.hub.active).length, 1)
      yield* again.judge(A, 10, true)
      assert.strictEqual((yield* again.sent).length, 1)
      yield* again.conclude
      const third = yield* start({ store, script })
      yield* third.leaf("a", "g", 1)
      assert.deepStrictEqual(yield* third.asked, [])
      assert.deepStrictEqual(
        (yield* third.sent).map(({ request }) => request.validVote.validatorIndex),
        [0]
      )
    })
  )
  it.effect("a restart remembers who lost", () =>
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(Store.layerMemory), Store.Store)
      const script = new World.Script()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const rig = yield* withIncluded({ store, script })
          yield* rig.import(A, 10, [...dispute, vote(A, 10, valid, 0), vote(A, 10, valid, 3)])
        })
      )
      const again = yield* withIncluded({ store, script })
      yield* again.import(B, 10, [vote(B, 10, valid, 2), vote(B, 10, invalid, 2)])
      assert.deepStrictEqual(
        (yield* again.recent).map(({ candidateHash }) => candidateHash),
        [a]
      )
    })
  )
  it.effect("a dispute that is taken up and seen on chain again is asked for once", () =>
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(Store.layerMemory), Store.Store)
      const script = new World.Script()
      yield* Effect.scoped(
        Effect.flatMap(withIncluded({ store, script }), (rig) => rig.import(A, 10, dispute))
      )
      const again = yield* withIncluded({ store, script })
      assert.deepStrictEqual(
        (yield* again.asked).map(({ priority }) => priority),
        ["Priority"]
      )
    })
  )
  it.effect("a restart tells of blocks whose candidate was found invalid, and counts spam slots anew", () =>
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(Store.layerMemory), Store.Store)
      const script = new World.Script()
      const coordinator = { spamSlots: 1 }
      const spam = (candidate: CandidateReceipt) => [
        vote(candidate, 10, valid, 2),
        vote(candidate, 10, invalid, 2)
      ]
      yield* Effect.scoped(
        Effect.gen(function* () {
          const rig = yield* withIncluded({ store, script, coordinator })
          yield* rig.import(B, 10, spam(B))
          yield* rig.import(A, 10, [
            vote(A, 10, seconded, 1),
            vote(A, 10, invalid, 2),
            vote(A, 10, invalid, 3),
            vote(A, 10, invalid, 0)
          ])
          yield* Queue.take(rig.concluded)
        })
      )
      const again = yield* start({ store, script, coordinator })
      yield* again.leaf("a", "g", 1)
      assert.deepStrictEqual(
        (yield* Queue.take(again.late)).including.map(({ hash }) => hash),
        [ChainScript.hash("a")]
      )
      const C = World.receipt("C")
      assert.strictEqual(yield* again.import(C, 10, spam(C)), "InvalidImport")
    })
  )
})
