import { assert, describe, it } from "@effect/vitest"
import { type Cause, Context, Deferred, Effect, Layer, Queue } from "effect"
import { CandidateBacking, CandidateChecks } from "@ephor/backing"
import { Store } from "@ephor/store"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { type BackedCandidate, candidateHash, type CandidateReceipt, withCoreIndex } from "@ephor/types"
import * as World from "./support/world.ts"

const a = await World.candidateOf(1n)
const b = await World.candidateOf(2n)

const harness = Effect.fnUntraced(function* (
  options: {
    readonly world?: World.World
    readonly key?: string
    readonly store?: Store.Service
    readonly limits?: Partial<CandidateBacking.Limits>
  } = {}
) {
  const own = Context.get(yield* Layer.build(Layer.fresh(Store.layerMemory)), Store.Store)
  const backing = yield* SubsystemTest.make({
    subsystem: Overseer.CandidateBacking,
    layer: CandidateBacking.layer(options.limits),
    captures: [
      Overseer.AvailabilityStore,
      Overseer.CandidateSelection,
      Overseer.CandidateValidation,
      Overseer.CollatorProtocol,
      Overseer.MisbehaviorArbitration,
      Overseer.PoVDistribution,
      Overseer.Provisioner,
      Overseer.StatementDistribution
    ]
  }).pipe(
    Effect.provide(
      Layer.mergeAll(
        World.runtime(options.world),
        World.keystoreOf(options.key ?? "//Alice"),
        Layer.succeed(Store.Store, options.store ?? own)
      )
    )
  )
  yield* backing.activate(World.leaf)
  return backing
})
type Harness = Effect.Success<ReturnType<typeof harness>>

const second = (candidate: typeof a): Overseer.Second => ({
  _tag: "Second",
  relayParent: World.relayParent,
  candidate: candidate.candidate,
  pov: candidate.pov
})

const state = (statement: Overseer.BackingStatement["statement"]): Overseer.BackingStatement => ({
  _tag: "Statement",
  relayParent: World.relayParent,
  statement
})

/** Answers the next request to validate; gives whom the proof is to be fetched from, if it is. */
const judge = Effect.fnUntraced(function* (backing: Harness, add: bigint | undefined) {
  const { candidate, povOrigin, reply } = yield* backing.next(Overseer.CandidateValidation)
  const proof = [a, b].find(
    ({ candidate: { commitmentsHash } }) => commitmentsHash === candidate.commitmentsHash
  )
  yield* Deferred.succeed(
    reply,
    add === undefined
      ? { _tag: "Invalid", reason: { _tag: "Timeout" } }
      : {
          _tag: "Valid",
          commitments: World.commitmentsOf(add),
          persistedValidationData: World.validationData,
          ...(povOrigin._tag === "Network" ? { pov: proof!.pov } : {})
        }
  )
  return povOrigin._tag === "Network" ? povOrigin.backers : undefined
})

/** Nobody gives the proof that the next request needs; from whom it was to be fetched. */
const withhold = Effect.fnUntraced(function* (backing: Harness) {
  const { povOrigin, reply } = yield* backing.next(Overseer.CandidateValidation)
  yield* Deferred.succeed(reply, { _tag: "Failed", why: "", missing: "PoV" })
  return povOrigin._tag === "Network" ? povOrigin.backers : undefined
})

const store = Effect.fnUntraced(function* (backing: Harness, isStored = true) {
  const message = yield* backing.next(Overseer.AvailabilityStore)
  assert(message._tag === "StoreAvailableData")
  yield* Deferred.succeed(message.reply, isStored)
})

const shared = Effect.fnUntraced(function* (backing: Harness) {
  const messages = yield* backing.captured(Overseer.StatementDistribution)
  return messages.map((message) => message.statement)
})

const backedBy = (backing: Harness) =>
  backing.ask((reply: Deferred.Deferred<ReadonlyArray<BackedCandidate>>) => ({
    _tag: "GetBackedCandidates",
    relayParent: World.relayParent,
    reply
  }))

describe("CandidateBacking", () => {
  it.effect("seconds what it executed, once per relay parent", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(second(a))
      yield* judge(backing, 1n)
      yield* store(backing)
      const [statement, ...more] = yield* shared(backing)
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual(statement?.payload, {
        _tag: "Seconded",
        value: { descriptor: a.candidate.descriptor, commitments: World.commitmentsOf(1n) }
      })
      const told = yield* backing.next(Overseer.CollatorProtocol)
      assert.strictEqual(told._tag === "Seconded" && told.statement, statement)
      const canSecond = (candidate: typeof a) =>
        backing.ask((reply: Deferred.Deferred<boolean>) => ({
          _tag: "CanSecond",
          relayParent: World.relayParent,
          candidateHash: candidateHash(candidate.candidate),
          reply
        }))
      assert.isFalse(yield* canSecond(b))
      yield* backing.send(second(b))
      assert.deepStrictEqual(yield* backing.captured(Overseer.CandidateValidation), [])
    })
  )

  it.effect("of two candidates that are executed at a time seconds the first to finish", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(second(a))
      yield* backing.send(second(b))
      for (const add of [1n, 2n]) yield* judge(backing, add)
      for (const _ of [1, 2]) yield* store(backing)
      assert.strictEqual((yield* shared(backing)).length, 1)
    })
  )

  it.effect("never seconds what it called valid while it was executing", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
      yield* judge(backing, 1n)
      yield* store(backing)
      assert.deepStrictEqual(
        (yield* shared(backing)).map(({ payload }) => payload._tag),
        ["Valid"]
      )
      yield* backing.send(second(a))
      assert.deepStrictEqual(yield* backing.captured(Overseer.CandidateValidation), [])
    })
  )

  it.effect(
    "agrees to what a peer seconded when its collator brings the proof, and seconds nothing beside it",
    () =>
      Effect.gen(function* () {
        const backing = yield* harness()
        yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
        yield* withhold(backing)
        yield* backing.idle
        yield* backing.send(second(a))
        assert.isUndefined(yield* judge(backing, 1n), "the proof is here")
        yield* store(backing)
        assert.deepStrictEqual(
          (yield* shared(backing)).map(({ payload }) => payload._tag),
          ["Valid"]
        )
        yield* backing.send(second(b))
        assert.deepStrictEqual(yield* backing.captured(Overseer.CandidateValidation), [])
      })
  )

  it.effect("seconds another candidate than a peer whose proof nobody gives", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
      yield* withhold(backing)
      yield* backing.send(second(b))
      yield* judge(backing, 2n)
      yield* store(backing)
      assert.deepStrictEqual(
        (yield* shared(backing)).map(({ payload }) => payload._tag),
        ["Seconded"]
      )
    })
  )

  it.effect("remembers what it signed when a leaf becomes active once more", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(second(a))
      yield* judge(backing, 1n)
      yield* store(backing)
      assert.strictEqual((yield* shared(backing)).length, 1)
      yield* backing.deactivate(World.relayParent)
      yield* backing.activate(World.leaf)
      yield* backing.send(second(b))
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
      assert.deepStrictEqual(yield* backing.captured(Overseer.CandidateValidation), [])
      assert.deepStrictEqual(yield* backing.captured(Overseer.CandidateValidation), [])
    })
  )

  it.effect("says again after a restart what it signed, and nothing that contradicts it", () =>
    Effect.gen(function* () {
      const disk = Context.get(yield* Layer.build(Layer.fresh(Store.layerMemory)), Store.Store)
      const said = yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* harness({ store: disk })
          yield* first.send(second(a))
          yield* judge(first, 1n)
          yield* store(first)
          return yield* shared(first)
        })
      )
      assert.lengthOf(said, 1)
      const limits = { keptBlocks: 1 }
      const again = yield* harness({ store: disk, limits })
      assert.deepStrictEqual(yield* shared(again), said)
      yield* again.send(second(b))
      yield* again.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
      assert.deepStrictEqual(yield* again.captured(Overseer.CandidateValidation), [])
      assert.deepStrictEqual(yield* again.captured(Overseer.CandidateValidation), [])
      // A statement of its peer completes the quorum.
      yield* again.send(state(yield* Effect.promise(() => World.validBy(1, a.candidate))))
      assert.lengthOf(yield* backedBy(again), 1)
      // What nobody can build upon any more is forgotten.
      for (const [finalized, count] of [
        [World.leaf.number + 1, 1],
        [World.leaf.number + 2, 0]
      ] as const) {
        yield* again.signal(Overseer.Signal.blockFinalized(World.hashOf(finalized), finalized))
        yield* again.idle
        const next = yield* harness({ store: disk })
        assert.lengthOf(yield* shared(next), count)
      }
    })
  )

  it.effect("signs nothing that it cannot write down", () =>
    Effect.gen(function* () {
      const disk = Context.get(yield* Layer.build(Layer.fresh(Store.layerMemory)), Store.Store)
      const broken = new Store.StoreError({
        operation: "batch",
        path: "test",
        reason: new Store.StoreClosed()
      })
      const backing = yield* harness({ store: { ...disk, batch: () => Effect.fail(broken) } })
      yield* backing.send(second(a))
      yield* judge(backing, 1n)
      yield* store(backing)
      assert.deepStrictEqual(yield* shared(backing), [])
    })
  )

  it.effect("signs nothing whose data could not be stored", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(second(a))
      yield* judge(backing, 1n)
      yield* store(backing, false)
      assert.deepStrictEqual(yield* shared(backing), [])
    })
  )

  it.effect("agrees to nothing whose descriptor names another relay parent", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      const candidate: CandidateReceipt = {
        ...a.candidate,
        descriptor: { ...a.candidate.descriptor, relayParent: World.hashOf(1) }
      }
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, candidate, 1n))))
      assert.deepStrictEqual(yield* backing.captured(Overseer.CandidateValidation), [])
    })
  )

  it.effect("takes as many watchers as it may, and ends further ones", () =>
    Effect.gen(function* () {
      const backing = yield* harness({ limits: { maxWatchers: 1 } })
      const watchers = [
        yield* Queue.unbounded<BackedCandidate, Cause.Done>(),
        yield* Queue.unbounded<BackedCandidate, Cause.Done>()
      ]
      for (const watcher of watchers)
        yield* backing.send({ _tag: "RegisterBackingWatcher", relayParent: World.relayParent, watcher })
      yield* backing.idle
      const isOpen = (watcher: Queue.Queue<BackedCandidate, Cause.Done>) => watcher.state._tag === "Open"
      assert.deepStrictEqual(watchers.map(isOpen), [true, false])
    })
  )

  it.effect("tells selection of an invalid candidate, and signs nothing", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(second(a))
      yield* judge(backing, undefined)
      assert.deepStrictEqual(yield* backing.next(Overseer.CandidateSelection), {
        _tag: "Invalid",
        relayParent: World.relayParent,
        candidate: a.candidate
      })
      assert.deepStrictEqual(yield* shared(backing), [])
    })
  )

  it.effect("calls a candidate invalid whose erasure root is not that of its data", () =>
    Effect.gen(function* () {
      const descriptor = { ...a.candidate.descriptor, erasureRoot: World.hashOf(1) }
      const candidate: CandidateReceipt = { ...a.candidate, descriptor }
      assert.notStrictEqual(
        CandidateChecks.erasureRoot({ pov: a.pov, validationData: World.validationData }),
        descriptor.erasureRoot
      )
      const backing = yield* harness()
      yield* backing.send(second({ ...a, candidate }))
      yield* judge(backing, 1n)
      assert.strictEqual((yield* backing.next(Overseer.CandidateSelection))._tag, "Invalid")
      assert.deepStrictEqual(yield* shared(backing), [])
    })
  )

  it.effect(
    "reaches quorum with a peer, tells everybody who waits, and fetches from the one who seconded",
    () =>
      Effect.gen(function* () {
        const backing = yield* harness()
        const watcher = yield* Queue.unbounded<BackedCandidate, Cause.Done>()
        yield* backing.send({ _tag: "RegisterBackingWatcher", relayParent: World.relayParent, watcher })
        yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
        assert.deepStrictEqual(yield* backedBy(backing), [])
        assert.deepStrictEqual(yield* judge(backing, 1n), [1])
        yield* store(backing)
        const candidate = yield* Queue.take(watcher)
        assert.strictEqual(candidate.validatorIndices, withCoreIndex("110", 0))
        assert.deepStrictEqual(
          candidate.validityVotes.map(({ _tag }) => _tag),
          ["Explicit", "Implicit"]
        )
        assert.deepStrictEqual(yield* backedBy(backing), [candidate])
        const provided = yield* backing.next(Overseer.Provisioner)
        assert.strictEqual(provided._tag, "ProvisionableData")
        yield* backing.deactivate(World.relayParent)
        assert.isTrue(
          yield* Queue.take(watcher).pipe(
            Effect.as(false),
            Effect.orElseSucceed(() => true)
          )
        )
      })
  )

  it.effect("a para may have several cores: what the group of either backs is backable, under its core", () =>
    Effect.gen(function* () {
      const backing = yield* harness({
        key: "//Eve",
        world: { cores: [World.scheduled, World.scheduled], minimumBackingVotes: 1 }
      })
      for (const [validator, candidate, add] of [
        [0, a, 1n],
        [2, b, 2n]
      ] as const) {
        yield* backing.send(
          state(yield* Effect.promise(() => World.secondedBy(validator, candidate.candidate, add)))
        )
      }
      assert.deepStrictEqual(
        (yield* backedBy(backing)).map(({ validatorIndices }) => validatorIndices),
        [withCoreIndex("100", 0), withCoreIndex("1", 1)]
      )
      // Whoever seconds what belongs to the group of the other core is an outsider.
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, b.candidate, 2n))))
      assert.strictEqual((yield* backedBy(backing)).length, 2)
    })
  )

  it.effect("disagrees with a peer by a report and silence", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
      yield* judge(backing, undefined)
      assert.strictEqual(
        (yield* backing.next(Overseer.MisbehaviorArbitration))._tag,
        "CandidateValidityDisagreement"
      )
      yield* backing.send(state(yield* Effect.promise(() => World.validBy(3, a.candidate))))
      assert.deepStrictEqual(yield* backing.captured(Overseer.CandidateValidation), [])
      assert.deepStrictEqual(yield* shared(backing), [])
    })
  )

  it.effect("tries a later backer when the first one does not give the data", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
      assert.deepStrictEqual(yield* withhold(backing), [1])
      yield* backing.idle
      yield* backing.send(state(yield* Effect.promise(() => World.validBy(3, a.candidate))))
      assert.deepStrictEqual(yield* judge(backing, 1n), [3])
    })
  )

  it.effect("takes the proof from whoever has it when its backer does not give it", () =>
    Effect.gen(function* () {
      const backing = yield* harness()
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
      assert.deepStrictEqual(yield* withhold(backing), [1])
      const wish = yield* backing.next(Overseer.PoVDistribution)
      assert.strictEqual(wish._tag === "FetchPoV" && wish.descriptor.povHash, a.candidate.descriptor.povHash)
      if (wish._tag === "FetchPoV") yield* Deferred.succeed(wish.reply, a.pov)
      yield* judge(backing, 1n)
      const stored = yield* backing.next(Overseer.AvailabilityStore)
      if (stored._tag === "StoreAvailableData") yield* Deferred.succeed(stored.reply, true)
      const shared = yield* backing.next(Overseer.StatementDistribution)
      assert.strictEqual(shared._tag === "Share" && shared.statement.payload._tag, "Valid")
      const given = yield* backing.next(Overseer.PoVDistribution)
      assert.strictEqual(given._tag, "DistributePoV", "others may wait for it, too")
    })
  )

  it.effect("reports a validator that contradicts itself, once", () =>
    Effect.gen(function* () {
      const backing = yield* harness({ key: "//Charlie" })
      const statements = [
        yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n)),
        yield* Effect.promise(() => World.validBy(1, a.candidate))
      ]
      for (const statement of [...statements, ...statements]) yield* backing.send(state(statement))
      const reports = yield* backing.captured(Overseer.MisbehaviorArbitration)
      assert.deepStrictEqual(
        reports.map(({ _tag }) => _tag),
        ["SelfContradiction"]
      )
    })
  )

  it.effect("reports a validator that seconds two candidates, and backs only the first", () =>
    Effect.gen(function* () {
      const backing = yield* harness({ key: "//Charlie", world: { minimumBackingVotes: 1 } })
      for (const [one, add] of [
        [a, 1n],
        [b, 2n]
      ] as const)
        yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(1, one.candidate, add))))
      const reports = yield* backing.captured(Overseer.MisbehaviorArbitration)
      assert.deepStrictEqual(
        reports.map(({ _tag }) => _tag),
        ["DoubleVote"]
      )
      assert.lengthOf(yield* backing.captured(Overseer.Provisioner), 1)
    })
  )

  it.effect("takes no statement with a bad signature, of an outsider, or of a disabled validator", () =>
    Effect.gen(function* () {
      const backing = yield* harness({ key: "//Charlie", world: { disabled: [3], minimumBackingVotes: 1 } })
      const statement = yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))
      yield* backing.send(state({ ...statement, validatorIndex: 0 }))
      yield* backing.send(state({ ...statement, validatorIndex: 99 }))
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(2, a.candidate, 1n))))
      yield* backing.send(state(yield* Effect.promise(() => World.secondedBy(3, a.candidate, 1n))))
      assert.deepStrictEqual(yield* backedBy(backing), [])
      yield* backing.send(state(statement))
      assert.deepStrictEqual(
        (yield* backedBy(backing)).map(({ candidate }) => candidate.descriptor),
        [a.candidate.descriptor]
      )
    })
  )

  it.effect("ignores what is not its business", () =>
    Effect.gen(function* () {
      const outsider = yield* harness({ key: "//Charlie" })
      yield* outsider.send(second(a))
      assert.deepStrictEqual(yield* outsider.captured(Overseer.CandidateValidation), [])
      const reserved = yield* harness({
        world: { cores: [{ _tag: "Scheduled", value: { paraId: World.paraId, collator: World.hashOf(9) } }] }
      })
      yield* reserved.send(second(a))
      assert.deepStrictEqual(yield* reserved.captured(Overseer.CandidateValidation), [])
      const disabled = yield* harness({ world: { disabled: [0] } })
      yield* disabled.send(second(a))
      yield* disabled.send(state(yield* Effect.promise(() => World.secondedBy(1, a.candidate, 1n))))
      assert.deepStrictEqual(yield* disabled.captured(Overseer.CandidateValidation), [])
      assert.deepStrictEqual(yield* disabled.captured(Overseer.CandidateValidation), [])
    })
  )
})
