import { assert, describe, it } from "@effect/vitest"
import { Clock, Stream, Context, Deferred, Effect, Fiber, Layer, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import {
  AvailabilityDistribution,
  AvailabilityRecovery,
  AvailabilityStore,
  BitfieldDistribution,
  BitfieldSigning
} from "@ephor/backing"
import { Chain, RuntimeApi } from "@ephor/chain"
import { Store } from "@ephor/store"
import { Protocol, Refusal, Reputation, View } from "@ephor/network"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import {
  AvailableData,
  bitfieldPayload,
  BitfieldDistributionMessage,
  CandidateHash,
  candidateHash,
  type CandidateReceipt,
  type CoreState,
  Scale
} from "@ephor/types"
import * as Hub from "./support/network.ts"
import * as World from "./support/world.ts"

const { candidate, pov } = await World.candidateOf(1n)
const hash = candidateHash(candidate)
const data: AvailableData = { pov, validationData: World.validationData }
const other: AvailableData = { ...data, pov: { blockData: Uint8Array.of(1) } }
const { relayParent } = World
const encodeAnswer = Scale.encode(Schema.NullOr(AvailableData))

const occupied: CoreState = {
  _tag: "Occupied",
  value: {
    nextUpOnAvailable: null,
    occupiedSince: 7,
    timeOutAt: 20,
    nextUpOnTimeOut: null,
    availability: "0000",
    groupResponsible: 0,
    candidateHash: hash,
    candidateDescriptor: candidate.descriptor
  }
}

const put = (data: AvailableData) => (reply: Deferred.Deferred<boolean>) =>
  ({ _tag: "StoreAvailableData", candidateHash: hash, data, reply }) as const
const query = (reply: Deferred.Deferred<Option.Option<AvailableData>>) =>
  ({ _tag: "QueryAvailableData", candidateHash: hash, reply }) as const

describe("AvailabilityStore", () => {
  const setup = Effect.gen(function* () {
    const hub = yield* Hub.makeHub
    const network = yield* Hub.join(hub, "us", 0)
    const store = yield* SubsystemTest.make({
      subsystem: Overseer.AvailabilityStore,
      layer: AvailabilityStore.layer({ keepMs: 1000 })
    }).pipe(Effect.provide(Hub.layer(network)))
    return { ...store, peer: yield* Hub.join(hub, "peer", 1) }
  })

  it.effect("keeps data for its time, and gives it to peers", () =>
    Effect.gen(function* () {
      const us = yield* setup
      const ask = us.peer.request(Protocol.availableData, "us", Scale.encode(CandidateHash)(hash))
      assert.deepStrictEqual(yield* ask, encodeAnswer(null))
      assert.isTrue(yield* us.ask(put(data)))
      yield* TestClock.adjust("1 second")
      yield* us.signal(Overseer.Signal.blockFinalized(relayParent, 7))
      assert.deepStrictEqual(yield* us.ask(query), Option.some(data))
      assert.deepStrictEqual(yield* ask, encodeAnswer(data))
      yield* TestClock.adjust("1 millis")
      yield* us.signal(Overseer.Signal.blockFinalized(relayParent, 8))
      assert.deepStrictEqual(yield* us.ask(query), Option.none())
      assert.deepStrictEqual(yield* ask, encodeAnswer(null))
      assert.strictEqual(
        (yield* Effect.flip(us.peer.request(Protocol.pov, "us", Uint8Array.of(1)))).reason._tag,
        "Refused"
      )
    }).pipe(Effect.provide(Layer.fresh(Store.layerMemory)))
  )

  it.effect("keeps it whatever the clock is set to, and for the rest of its time after a restart", () =>
    Effect.gen(function* () {
      const test = yield* Clock.Clock
      let setByMs = 0
      const wall = () => test.currentTimeMillisUnsafe() + setByMs
      const clock = { ...test, currentTimeMillisUnsafe: wall, currentTimeMillis: Effect.sync(wall) }
      const finalized = Overseer.Signal.blockFinalized(relayParent, 7)
      yield* Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const us = yield* setup
            assert.isTrue(yield* us.ask(put(data)))
            for (const step of [25 * 3_600_000, -3_600_000]) {
              setByMs = step
              yield* us.signal(finalized)
              assert.deepStrictEqual(yield* us.ask(query), Option.some(data))
            }
          })
        )
        setByMs = 25 * 3_600_000
        yield* TestClock.adjust("1 day")
        const us = yield* setup
        yield* us.signal(finalized)
        assert.deepStrictEqual(yield* us.ask(query), Option.some(data))
        yield* TestClock.adjust("1001 millis")
        yield* us.signal(finalized)
        assert.deepStrictEqual(yield* us.ask(query), Option.none())
      }).pipe(Effect.provideService(Clock.Clock, clock))
    }).pipe(Effect.provide(Layer.fresh(Store.layerMemory)))
  )

  it.effect("says so when the disk does not take it", () =>
    Effect.gen(function* () {
      const us = yield* setup
      assert.isFalse(yield* us.ask(put(data)))
      assert.deepStrictEqual(yield* us.ask(query), Option.none())
    }).pipe(
      Effect.provide(
        Layer.mock(Store.Store, {
          iterate: () => Stream.empty,
          get: () =>
            Effect.fail(
              new Store.StoreError({ operation: "get", path: "test", reason: new Store.StoreClosed() })
            )
        })
      )
    )
  )
})

describe("AvailabilityRecovery", () => {
  const setup = Effect.fnUntraced(function* (answers: Record<number, AvailableData | null | "refuse">) {
    const hub = yield* Hub.makeHub
    const network = yield* Hub.join(hub, "us", 0)
    const asked: Array<number> = []
    for (const index of [1, 2, 3]) {
      const peer = yield* Hub.join(hub, `peer ${index}`, index)
      const answer = answers[index] ?? null
      yield* peer.serve(Protocol.availableData, () => {
        asked.push(index)
        return answer === "refuse"
          ? Effect.fail(new Refusal({ why: "test" }))
          : Effect.succeed(encodeAnswer(answer))
      })
    }
    const recovery = yield* SubsystemTest.make({
      subsystem: Overseer.AvailabilityRecovery,
      layer: AvailabilityRecovery.layer(),
      captures: [Overseer.AvailabilityStore]
    }).pipe(Effect.provide(Layer.mergeAll(Hub.layer(network), World.runtime())))
    const recover = Effect.fnUntraced(function* (
      of: CandidateReceipt,
      backers: ReadonlyArray<number>,
      held: AvailableData | null = null
    ) {
      const fiber = yield* Effect.forkChild(
        recovery.ask((reply: Deferred.Deferred<Overseer.RecoveryOutcome>) => ({
          _tag: "RecoverAvailableData",
          candidate: of,
          session: World.session,
          backers,
          reply
        }))
      )
      const local = yield* recovery.next(Overseer.AvailabilityStore)
      assert(local._tag === "QueryAvailableData")
      yield* Deferred.succeed(local.reply, Option.fromNullishOr(held))
      return yield* Fiber.join(fiber)
    })
    return { recover, asked, reputation: (index: number) => network.reputation(`peer ${index}`) }
  })

  it.effect("asks backers first, then everybody, and takes only what fits", () =>
    Effect.gen(function* () {
      const { asked, recover, reputation } = yield* setup({ 1: other, 2: data, 3: "refuse" })
      assert.deepStrictEqual(yield* recover(candidate, [3]), { _tag: "Recovered", data })
      assert.deepStrictEqual(asked, [3, 1, 2])
      assert.strictEqual(yield* reputation(1), Reputation.changes.major)
      assert.strictEqual(yield* reputation(2), 0)
    })
  )

  it.effect("asks nobody for what is here", () =>
    Effect.gen(function* () {
      const { asked, recover } = yield* setup({})
      assert.deepStrictEqual(yield* recover(candidate, [1], data), { _tag: "Recovered", data })
      assert.deepStrictEqual(asked, [])
    })
  )

  it.effect("asks others when what is here is not the candidate's", () =>
    Effect.gen(function* () {
      const { asked, recover } = yield* setup({ 1: data })
      assert.deepStrictEqual(yield* recover(candidate, [1], other), { _tag: "Recovered", data })
      assert.deepStrictEqual(asked, [1])
    })
  )

  it.effect("tells nobody has it from it cannot exist", () =>
    Effect.gen(function* () {
      const { recover } = yield* setup({ 1: null, 2: data, 3: "refuse" })
      const impossible = {
        ...candidate,
        descriptor: { ...candidate.descriptor, erasureRoot: World.hashOf(1) }
      }
      assert.deepStrictEqual(yield* recover(impossible, []), { _tag: "InvalidData" })
      const unknown = { ...candidate, descriptor: { ...candidate.descriptor, povHash: World.hashOf(1) } }
      assert.deepStrictEqual(yield* recover(unknown, []), { _tag: "Unavailable" })
    })
  )
})

describe("AvailabilityDistribution", () => {
  it.effect("fetches what a block backed until it is here, from those who voted", () =>
    Effect.gen(function* () {
      const distribution = yield* SubsystemTest.make({
        subsystem: AvailabilityDistribution.AvailabilityDistribution,
        layer: AvailabilityDistribution.layer(),
        captures: [Overseer.AvailabilityRecovery, Overseer.AvailabilityStore]
      }).pipe(
        Effect.provide([
          Layer.fresh(Chain.layerMemory()),
          Layer.mock(RuntimeApi.RuntimeApi, {
            sessionIndexForChild: () => Effect.succeed(World.session),
            availabilityCores: () => Effect.succeed([{ _tag: "Free" }, occupied]),
            onChainVotes: () =>
              Effect.succeed({
                session: World.session,
                backingValidatorsPerCandidate: [[candidate, [[1, { _tag: "Implicit", value: "0x00" }]]]],
                disputes: []
              } as never)
          })
        ])
      )
      yield* distribution.activate(World.leaf)
      const present = yield* distribution.next(Overseer.AvailabilityStore)
      assert(present._tag === "QueryDataAvailability")
      yield* Deferred.succeed(present.reply, false)
      const first = yield* distribution.next(Overseer.AvailabilityRecovery)
      assert.deepStrictEqual(first.backers, [1])
      yield* Deferred.succeed(first.reply, { _tag: "Unavailable" })
      yield* distribution.idle
      yield* TestClock.adjust("500 millis")
      const second = yield* distribution.next(Overseer.AvailabilityRecovery)
      yield* Deferred.succeed(second.reply, { _tag: "Recovered", data })
      const stored = yield* distribution.next(Overseer.AvailabilityStore)
      assert(stored._tag === "StoreAvailableData")
      assert.deepStrictEqual([stored.candidateHash, stored.data], [hash, data])
    })
  )
})

describe("AvailabilityDistribution after a restart", () => {
  it.effect("learns from earlier blocks who backed what occupies a core", () =>
    Effect.gen(function* () {
      const chain = Context.get(
        yield* Layer.build(Layer.fresh(Chain.layerMemory({ genesis: ChainScript.genesis }))),
        Chain.Chain
      )
      // It was backed in block b; a is older than that, and b is final by now.
      yield* ChainScript.run(chain, "g-a-b-c-d; finalize c")
      const read: Array<string> = []
      const core = { ...occupied, value: { ...occupied.value, occupiedSince: 2 } }
      const distribution = yield* SubsystemTest.make({
        subsystem: AvailabilityDistribution.AvailabilityDistribution,
        layer: AvailabilityDistribution.layer(),
        captures: [Overseer.AvailabilityRecovery, Overseer.AvailabilityStore]
      }).pipe(
        Effect.provide([
          Layer.succeed(Chain.Chain, chain),
          Layer.mock(RuntimeApi.RuntimeApi, {
            sessionIndexForChild: () => Effect.succeed(World.session),
            availabilityCores: () => Effect.succeed([core]),
            onChainVotes: (at) =>
              Effect.sync(() => {
                const name = ChainScript.name(at)
                read.push(name)
                return {
                  session: World.session,
                  backingValidatorsPerCandidate:
                    name === "b" ? [[candidate, [[3, { _tag: "Implicit", value: "0x00" }]]]] : [],
                  disputes: []
                } as never
              })
          })
        ])
      )
      yield* distribution.activate(ChainScript.ref("d", "c", 4))
      const present = yield* distribution.next(Overseer.AvailabilityStore)
      assert(present._tag === "QueryDataAvailability")
      yield* Deferred.succeed(present.reply, false)
      assert.deepStrictEqual((yield* distribution.next(Overseer.AvailabilityRecovery)).backers, [3])
      assert.deepStrictEqual(new Set(read), new Set(["b", "c", "d"]))
    })
  )
})

describe("BitfieldSigning", () => {
  const setup = SubsystemTest.make({
    subsystem: Overseer.BitfieldSigning,
    layer: BitfieldSigning.layer(),
    captures: [Overseer.AvailabilityStore, Overseer.BitfieldDistribution]
  })
  const world = Layer.mergeAll(
    World.runtime({ cores: [{ _tag: "Free" }, occupied] }),
    World.keystoreOf("//Bob")
  )

  for (const arrives of [true, false]) {
    it.effect(
      arrives ? "signs as soon as the data is here" : "signs without the data when its patience ends",
      () =>
        Effect.gen(function* () {
          const signing = yield* Effect.provide(setup, world)
          yield* signing.activate(World.leaf)
          const answer = Effect.fnUntraced(function* (here: boolean) {
            const message = yield* signing.next(Overseer.AvailabilityStore)
            assert(message._tag === "QueryDataAvailability")
            yield* Deferred.succeed(message.reply, here)
            yield* signing.idle
          })
          yield* answer(false)
          assert.deepStrictEqual(yield* signing.captured(Overseer.BitfieldDistribution), [])
          yield* TestClock.adjust(arrives ? "50 millis" : "1500 millis")
          yield* answer(arrives)
          const [distributed, ...more] = yield* signing.captured(Overseer.BitfieldDistribution)
          assert.deepStrictEqual(more, [])
          const { payload, signature, validatorIndex } = distributed!.bitfield
          assert.deepStrictEqual([payload, validatorIndex], [arrives ? "01" : "00", 1])
          const context = { sessionIndex: World.session, parentHash: relayParent }
          assert.isTrue(
            yield* World.everybody.verify(World.validators[1]!, bitfieldPayload(payload, context), signature)
          )
        })
    )
  }
})

describe("BitfieldDistribution", () => {
  const bitfieldOf = Effect.fnUntraced(function* (validatorIndex: number, payload: string) {
    const context = { sessionIndex: World.session, parentHash: relayParent }
    const key = World.validators[validatorIndex]!
    return {
      payload,
      validatorIndex,
      signature: yield* World.everybody.sign(key, bitfieldPayload(payload, context))
    }
  })

  it.effect("tells peers at the leaf and the provisioner, takes one per validator, and checks it", () =>
    Effect.gen(function* () {
      const hub = yield* Hub.makeHub
      const network = yield* Hub.join(hub, "us", 0)
      const peer = yield* Hub.join(hub, "peer", 1)
      const distribution = yield* SubsystemTest.make({
        subsystem: Overseer.BitfieldDistribution,
        layer: BitfieldDistribution.layer(),
        captures: [Overseer.Provisioner]
      }).pipe(
        Effect.provide(Layer.mergeAll(World.runtime(), World.keystoreOf("//Alice"), Hub.layer(network)))
      )
      yield* distribution.idle
      const { heard } = yield* Hub.listen(peer, Protocol.bitfield)
      yield* distribution.activate(World.leaf)
      const own = yield* bitfieldOf(0, "10")
      yield* distribution.send({ _tag: "Distribute", relayParent, bitfield: own })
      yield* distribution.idle
      assert.deepStrictEqual(heard, [])
      yield* peer.setView(View.make([relayParent], 0))
      yield* distribution.idle
      const encode = Scale.encode(BitfieldDistributionMessage)
      assert.deepStrictEqual(heard, [encode({ _tag: "Bitfield", value: [relayParent, own] })])
      const theirs = yield* bitfieldOf(1, "01")
      for (const bitfield of [{ ...theirs, payload: "11" }, { ...theirs, payload: "011" }, theirs, theirs]) {
        yield* peer.notify(
          Protocol.bitfield,
          ["us"],
          encode({ _tag: "Bitfield", value: [relayParent, bitfield] })
        )
        yield* distribution.idle
      }
      const { badSignature, duplicate, validFirst } = Reputation.changes
      assert.strictEqual(yield* network.reputation("peer"), 2 * badSignature + validFirst + duplicate)
      assert.deepStrictEqual(
        (yield* distribution.captured(Overseer.Provisioner)).map((message) =>
          message._tag === "ProvisionableData" && message.data._tag === "Bitfield"
            ? message.data.bitfield
            : message._tag
        ),
        [own, theirs]
      )
    })
  )

  it.effect("a bitfield that somebody else has sent before its signer costs the signer nothing", () =>
    Effect.gen(function* () {
      const hub = yield* Hub.makeHub
      const network = yield* Hub.join(hub, "us", 0)
      const copier = yield* Hub.join(hub, "copier", 2)
      const signer = yield* Hub.join(hub, "signer", 1)
      const distribution = yield* SubsystemTest.make({
        subsystem: Overseer.BitfieldDistribution,
        layer: BitfieldDistribution.layer(),
        captures: [Overseer.Provisioner]
      }).pipe(
        Effect.provide(Layer.mergeAll(World.runtime(), World.keystoreOf("//Alice"), Hub.layer(network)))
      )
      yield* distribution.activate(World.leaf)
      yield* distribution.idle
      const theirs = yield* bitfieldOf(1, "01")
      const message = Scale.encode(BitfieldDistributionMessage)({
        _tag: "Bitfield",
        value: [relayParent, theirs]
      })
      for (const peer of [copier, signer]) {
        yield* peer.setView(View.make([relayParent], 0))
        yield* peer.notify(Protocol.bitfield, ["us"], message)
        yield* distribution.idle
      }
      assert.isAtLeast(yield* network.reputation("signer"), 0)
      assert.lengthOf(yield* distribution.captured(Overseer.Provisioner), 1)
      yield* signer.notify(Protocol.bitfield, ["us"], message)
      yield* distribution.idle
      assert.strictEqual(yield* network.reputation("signer"), Reputation.changes.duplicate)
    })
  )
})
