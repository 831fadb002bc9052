import { assert, describe, it } from "@effect/vitest"
import { type Cause, Context, Deferred, Effect, Fiber, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { DisputeSelection, Provisioner } from "@ephor/backing"
import { Store } from "@ephor/store"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { type BackedCandidate, type ProvisionableData, withCoreIndex } from "@ephor/types"
import * as World from "./support/world.ts"

const { candidate } = await World.candidateOf(1n)
const { relayParent } = World
const backed: BackedCandidate = {
  candidate: { descriptor: candidate.descriptor, commitments: World.commitmentsOf(1n) },
  validityVotes: [],
  validatorIndices: withCoreIndex("110", 0)
}
const bitfield = (validatorIndex: number, payload: string): ProvisionableData => ({
  _tag: "Bitfield",
  relayParent,
  bitfield: { payload, validatorIndex, signature: `0x${"00".repeat(64)}` }
})

const newStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), Context.get(Store.Store))

const setup = Effect.fnUntraced(function* (
  options: Partial<Provisioner.Options> = {},
  store?: Store.Service
) {
  const disk = Layer.succeed(Store.Store, store ?? (yield* newStore))
  return yield* SubsystemTest.make({
    subsystem: Overseer.Provisioner,
    layer: Provisioner.layer(options),
    captures: [Overseer.CandidateBacking, Overseer.DisputeCoordinator]
  }).pipe(Effect.provide(Layer.mergeAll(World.runtime(), World.keystoreOf("//Alice"), disk)))
})
type Harness = Effect.Success<ReturnType<typeof setup>>

const provide = (provisioner: Harness, data: ProvisionableData) =>
  provisioner.send({ _tag: "ProvisionableData", relayParent, data })

const request = (provisioner: Harness, at = relayParent) =>
  Effect.forkChild(
    provisioner.ask((reply: Deferred.Deferred<Overseer.ProvisionerInherentData>) => ({
      _tag: "RequestInherentData",
      relayParent: at,
      reply
    }))
  )

const answerBacking = Effect.fnUntraced(function* (provisioner: Harness) {
  const message = yield* provisioner.next(Overseer.CandidateBacking)
  assert(message._tag === "GetBackedCandidates")
  yield* Deferred.succeed(message.reply, [backed])
})

const answerDisputes = Effect.fnUntraced(function* (provisioner: Harness) {
  const recent = yield* provisioner.next(Overseer.DisputeCoordinator)
  assert(recent._tag === "RecentDisputes")
  const dispute = { session: 1, candidateHash: World.hashOf(1) }
  yield* Deferred.succeed(recent.reply, [{ ...dispute, status: { _tag: "Confirmed" } }])
  const query = yield* provisioner.next(Overseer.DisputeCoordinator)
  assert(query._tag === "QueryCandidateVotes")
  assert.deepStrictEqual(
    query.candidates.map(({ candidateHash }) => candidateHash),
    [World.hashOf(1)]
  )
  const votes = {
    candidateReceipt: candidate,
    valid: [],
    invalid: [[{ _tag: "Explicit" }, 2, "0x01"]]
  } as const
  yield* Deferred.succeed(query.reply, [{ ...dispute, votes }])
})

describe("Provisioner", () => {
  it.effect("puts together bitfields, candidates and disputes", () =>
    Effect.gen(function* () {
      const provisioner = yield* setup()
      yield* provisioner.activate(World.leaf)
      yield* provide(provisioner, bitfield(1, "00"))
      yield* provide(provisioner, bitfield(0, "00"))
      yield* provide(provisioner, bitfield(2, "01")) // nothing occupies that core
      const fiber = yield* request(provisioner)
      yield* Effect.all([answerBacking(provisioner), answerDisputes(provisioner)], { concurrency: 2 })
      const data = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        data.bitfields.map(({ validatorIndex }) => validatorIndex),
        [0, 1]
      )
      assert.deepStrictEqual(data.backedCandidates, [backed])
      assert.deepStrictEqual(
        data.disputes.map(({ statements }) => statements.length),
        [1]
      )
    })
  )

  it.effect("answers with what there is when others do not answer", () =>
    Effect.gen(function* () {
      const provisioner = yield* setup()
      yield* provisioner.activate(World.leaf)
      yield* provide(provisioner, bitfield(1, "00"))
      const fiber = yield* request(provisioner)
      yield* provisioner.idle
      yield* TestClock.adjust("200 millis")
      const data = yield* Fiber.join(fiber)
      assert.deepStrictEqual([data.bitfields.length, data.backedCandidates, data.disputes], [1, [], []])
    })
  )

  it.effect("answers for a block that it does not work on with disputes alone", () =>
    Effect.gen(function* () {
      const provisioner = yield* setup()
      const fiber = yield* request(provisioner, World.hashOf(1))
      yield* answerDisputes(provisioner)
      const data = yield* Fiber.join(fiber)
      assert.deepStrictEqual([data.bitfields, data.backedCandidates, data.disputes.length], [[], [], 1])
    })
  )

  it.effect("holds its answer back until the leaf is old enough", () =>
    Effect.gen(function* () {
      const provisioner = yield* setup({ preProposeMs: 2000 })
      yield* provisioner.activate(World.leaf)
      yield* provisioner.idle
      yield* TestClock.adjust("500 millis")
      const fiber = yield* request(provisioner)
      yield* provisioner.idle
      yield* TestClock.adjust("1499 millis")
      assert.deepStrictEqual(yield* provisioner.captured(Overseer.CandidateBacking), [])
      yield* TestClock.adjust("1 millis")
      yield* Effect.all([answerBacking(provisioner), answerDisputes(provisioner)], { concurrency: 2 })
      assert.deepStrictEqual((yield* Fiber.join(fiber)).backedCandidates, [backed])
    })
  )

  it.effect("keeps authors updated until the leaf is left", () =>
    Effect.gen(function* () {
      const provisioner = yield* setup()
      yield* provisioner.activate(World.leaf)
      const sender = yield* Queue.unbounded<ProvisionableData, Cause.Done>()
      yield* provide(provisioner, bitfield(0, "00"))
      yield* provisioner.send({ _tag: "RequestBlockAuthorshipData", relayParent, sender })
      yield* provide(provisioner, { _tag: "BackedCandidate", candidate: backed })
      assert.deepStrictEqual(yield* Queue.take(sender), bitfield(0, "00"))
      assert.deepStrictEqual(yield* Queue.take(sender), { _tag: "BackedCandidate", candidate: backed })
      yield* provisioner.deactivate(relayParent)
      assert.isTrue(
        yield* Queue.take(sender).pipe(
          Effect.as(false),
          Effect.orElseSucceed(() => true)
        )
      )
      const late = yield* Queue.unbounded<ProvisionableData, Cause.Done>()
      yield* provisioner.send({ _tag: "RequestBlockAuthorshipData", relayParent, sender: late })
      assert.isTrue(
        yield* Queue.take(late).pipe(
          Effect.as(false),
          Effect.orElseSucceed(() => true)
        )
      )
    })
  )

  const slash = (byte: number, validatorIndex = 0): ProvisionableData => ({
    _tag: "Verdicts",
    relayParent,
    session: 1,
    candidateHash: World.hashOf(byte),
    verdicts: [{ validatorIndex, judgement: { _tag: "Slash" } }],
    votes: []
  })
  /** All that an author is told at the leaf until it is left. */
  const told = Effect.fnUntraced(function* (provisioner: Harness, leaf = World.leaf) {
    const sender = yield* Queue.unbounded<ProvisionableData, Cause.Done>()
    yield* provisioner.send({ _tag: "RequestBlockAuthorshipData", relayParent: leaf.hash, sender })
    yield* provisioner.idle
    yield* provisioner.deactivate(leaf.hash)
    return yield* Stream.runCollect(Stream.fromQueue(sender))
  })

  it.effect("keeps as much data of a leaf as it may, and tells as many authors", () =>
    Effect.gen(function* () {
      const provisioner = yield* setup({ maxData: 2, maxAuthors: 1 })
      yield* provisioner.activate(World.leaf)
      for (const index of [0, 1, 2]) yield* provide(provisioner, bitfield(index, "00"))
      const [first, second] = [
        yield* Queue.unbounded<ProvisionableData, Cause.Done>(),
        yield* Queue.unbounded<ProvisionableData, Cause.Done>()
      ]
      for (const sender of [first, second])
        yield* provisioner.send({ _tag: "RequestBlockAuthorshipData", relayParent, sender })
      yield* provisioner.idle
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.fromQueue(second)), [])
      yield* provisioner.deactivate(relayParent)
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.fromQueue(first)), [
        bitfield(0, "00"),
        bitfield(1, "00")
      ])
    })
  )

  it.effect("asks for the votes of disputes until a block would be full, and for no more", () =>
    Effect.gen(function* () {
      const disputes = { ...DisputeSelection.defaults, batch: 1, maxVotes: 1 }
      const provisioner = yield* setup({ disputes })
      const fiber = yield* request(provisioner, World.hashOf(1))
      const recent = yield* provisioner.next(Overseer.DisputeCoordinator)
      assert(recent._tag === "RecentDisputes")
      const entries = [1, 2, 3].map((byte) => ({ session: 1, candidateHash: World.hashOf(byte) }))
      yield* Deferred.succeed(
        recent.reply,
        entries.map((entry) => ({ ...entry, status: { _tag: "Confirmed" } as const }))
      )
      for (const _ of [1, 2]) {
        const query = yield* provisioner.next(Overseer.DisputeCoordinator)
        assert(query._tag === "QueryCandidateVotes")
        const votes = {
          candidateReceipt: candidate,
          valid: [],
          invalid: [[{ _tag: "Explicit" }, 2, "0x01"]]
        } as const
        yield* Deferred.succeed(
          query.reply,
          query.candidates.map((entry) => ({ ...entry, votes }))
        )
        yield* provisioner.idle
      }
      assert.deepStrictEqual(yield* provisioner.captured(Overseer.DisputeCoordinator), [])
      assert.lengthOf((yield* Fiber.join(fiber)).disputes, 1)
    })
  )

  it.effect("offers after a restart the verdicts that still wait, each once", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const options = { verdicts: { longevityBlocks: 2, capacity: 8 } }
      yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* setup(options, store)
          yield* first.activate(World.leaf)
          yield* provide(first, slash(1))
          yield* first.idle
          yield* first.activate({ ...World.leaf, hash: World.hashOf(8), number: 8 })
          yield* first.idle
          yield* provide(first, slash(2))
          yield* provide(first, slash(2))
          yield* first.idle
        })
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const next = yield* setup(options, store)
          const leaf = { ...World.leaf, hash: World.hashOf(9), number: 9 }
          yield* next.activate(leaf)
          yield* provide(next, slash(2))
          assert.deepStrictEqual(yield* told(next, leaf), [slash(1), slash(2)])
          const later = { ...World.leaf, hash: World.hashOf(10), number: 10 }
          yield* next.activate(later)
          yield* next.signal(Overseer.Signal.blockFinalized(World.hashOf(9), 9))
          assert.deepStrictEqual(yield* told(next, later), [slash(2)])
        })
      )
      // What is too old is not even on disk.
      const last = yield* setup({ verdicts: { longevityBlocks: 100, capacity: 8 } }, store)
      yield* last.activate(World.leaf)
      assert.deepStrictEqual(yield* told(last), [slash(2)])
    })
  )

  it.effect("offers rewards and slashes at one leaf after the other, until they are old or too many", () =>
    Effect.gen(function* () {
      const provisioner = yield* setup({ verdicts: { longevityBlocks: 2, capacity: 2 } })
      const verdicts = (byte: number): ProvisionableData => ({
        _tag: "Verdicts",
        relayParent,
        session: 1,
        candidateHash: World.hashOf(byte),
        verdicts: [{ validatorIndex: 0, judgement: { _tag: "Slash" } }],
        votes: []
      })
      /** What an author finds at a new leaf of this height. */
      const offered = Effect.fnUntraced(function* (number: number) {
        const hash = World.hashOf(0x40 + number)
        yield* provisioner.idle
        yield* provisioner.activate({ ...World.leaf, hash, number })
        const sender = yield* Queue.unbounded<ProvisionableData, Cause.Done>()
        yield* provisioner.send({ _tag: "RequestBlockAuthorshipData", relayParent: hash, sender })
        yield* provisioner.idle
        yield* provisioner.deactivate(hash)
        return yield* Stream.runCollect(Stream.fromQueue(sender))
      })
      yield* provisioner.activate(World.leaf)
      yield* provisioner.deactivate(relayParent)
      // The leaf at which all were heard is gone by now.
      yield* provide(provisioner, verdicts(1))
      yield* provide(provisioner, bitfield(0, "00"))
      assert.deepStrictEqual(yield* offered(8), [verdicts(1)])
      yield* provide(provisioner, verdicts(2))
      assert.deepStrictEqual(yield* offered(9), [verdicts(1), verdicts(2)])
      yield* provide(provisioner, verdicts(3))
      assert.deepStrictEqual(yield* offered(10), [verdicts(2), verdicts(3)])
      assert.deepStrictEqual(yield* offered(11), [verdicts(3)])
      assert.deepStrictEqual(yield* offered(12), [])
    })
  )
})
