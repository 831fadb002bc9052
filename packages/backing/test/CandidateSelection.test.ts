import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { CandidateSelection } from "@ephor/backing"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import type { Hash } from "@ephor/types"
import * as World from "./support/world.ts"

const [a, b, c] = await Promise.all([1n, 2n, 3n].map((add) => World.candidateOf(add)))
const { relayParent } = World

const setup = Effect.fnUntraced(function* (
  options: Partial<CandidateSelection.Options> = {},
  world: World.World = {},
  key = "//Alice",
  isActive = true
) {
  const selection = yield* SubsystemTest.make({
    subsystem: Overseer.CandidateSelection,
    // At the height of the leaf it is the turn of another member of the group: tests of turns say how long they are.
    layer: CandidateSelection.layer({ turnMs: 0, ...options }),
    captures: [Overseer.CandidateBacking, Overseer.CollatorProtocol]
  }).pipe(Effect.provide(Layer.mergeAll(World.runtime(world), World.keystoreOf(key))))
  if (isActive) yield* selection.activate(World.leaf)
  yield* selection.idle
  const proposed = Effect.map(selection.captured(Overseer.CandidateBacking), (messages) =>
    messages.map((message) => (message._tag === "Second" ? message.candidate : message._tag))
  )
  return { ...selection, proposed }
})

/**
 * The same candidate from a collator of another name: who signed is in the descriptor, so it needs a V2 one.
 */
const from = (candidate: typeof a, collator: Hash) => ({
  ...candidate!,
  collator,
  candidate: {
    ...candidate!.candidate,
    descriptor: {
      ...candidate!.candidate.descriptor,
      _tag: "V2",
      version: 0,
      coreIndex: 0,
      sessionIndex: World.session
    } as never
  }
})

describe("CandidateSelection", () => {
  it.effect("proposes the first candidate, and one only", () =>
    Effect.gen(function* () {
      const selection = yield* setup()
      for (const candidate of [a, b]) yield* selection.send(candidate!)
      assert.deepStrictEqual(yield* selection.proposed, [a!.candidate])
    })
  )

  it.effect("the members of a group take turns, another one first at each height", () =>
    Effect.gen(function* () {
      // Alice, Bob and Dave are the group; at height 7 its second member begins.
      for (const [key, waitMs] of [
        ["//Bob", 0],
        ["//Dave", 100],
        ["//Alice", 200]
      ] as const) {
        const selection = yield* setup({ turnMs: 100 }, {}, key)
        yield* selection.send(a!)
        if (waitMs > 0) {
          yield* TestClock.adjust(waitMs - 1)
          assert.deepStrictEqual(yield* selection.proposed, [])
          yield* TestClock.adjust(1)
        }
        assert.deepStrictEqual(yield* selection.proposed, [a!.candidate])
      }
    })
  )

  it.effect("keeps candidates that come before their relay parent, as many as it may", () =>
    Effect.gen(function* () {
      const selection = yield* setup({ maxEarly: 2 }, {}, "//Alice", false)
      for (const candidate of [a, b, c]) yield* selection.send(candidate!)
      yield* selection.send({ ...a!, relayParent: World.hashOf(1) })
      assert.deepStrictEqual(yield* selection.proposed, [])
      yield* selection.activate(World.leaf)
      yield* selection.idle
      assert.deepStrictEqual(yield* selection.proposed, [c!.candidate])
    })
  )

  it.effect("proposes nothing whose descriptor names another relay parent", () =>
    Effect.gen(function* () {
      const selection = yield* setup()
      const elsewhere = {
        ...a!,
        candidate: {
          ...a!.candidate,
          descriptor: { ...a!.candidate.descriptor, relayParent: World.hashOf(1) }
        }
      }
      yield* selection.send(elsewhere)
      assert.deepStrictEqual(yield* selection.proposed, [])
    })
  )

  it.effect("proposes nothing for others", () =>
    Effect.gen(function* () {
      for (const selection of [
        yield* setup({}, {}, "//Charlie"),
        yield* setup({}, {}, "//Eve"),
        yield* setup(
          {},
          { cores: [{ _tag: "Scheduled", value: { paraId: World.paraId, collator: World.hashOf(1) } }] }
        ),
        yield* setup({}, { cores: [{ _tag: "Scheduled", value: { paraId: 1, collator: null } }] })
      ]) {
        yield* selection.send(a!)
        assert.deepStrictEqual(yield* selection.proposed, [])
      }
      const selection = yield* setup()
      yield* selection.send({ ...a!, relayParent: World.hashOf(1) })
      yield* selection.send({ ...a!, collator: World.hashOf(1) })
      assert.deepStrictEqual(yield* selection.proposed, [])
    })
  )

  it.effect("gives the place to another collator after an invalid candidate, and forgives in time", () =>
    Effect.gen(function* () {
      const selection = yield* setup()
      const other = from(c, World.hashOf(9))
      for (const candidate of [a!, b!, other]) yield* selection.send(candidate)
      yield* selection.send({ _tag: "Invalid", relayParent, candidate: b!.candidate }) // not what was proposed
      assert.deepStrictEqual(yield* selection.proposed, [a!.candidate])
      yield* selection.send({ _tag: "Invalid", relayParent, candidate: a!.candidate })
      assert.deepStrictEqual(yield* selection.proposed, [other.candidate])
      yield* selection.send({ _tag: "Invalid", relayParent, candidate: other.candidate })
      yield* selection.send(b!)
      assert.deepStrictEqual(yield* selection.proposed, [])
      yield* TestClock.adjust("6 seconds")
      yield* selection.send(b!)
      assert.deepStrictEqual(yield* selection.proposed, [b!.candidate])
    })
  )

  it.effect("forgives in time though the clock is set back", () =>
    Effect.gen(function* () {
      const test = yield* Clock.Clock
      let setByMs = 0
      const wall = () => test.currentTimeMillisUnsafe() + setByMs
      const clock = { ...test, currentTimeMillisUnsafe: wall, currentTimeMillis: Effect.sync(wall) }
      yield* Effect.gen(function* () {
        const selection = yield* setup()
        yield* selection.send(a!)
        assert.deepStrictEqual(yield* selection.proposed, [a!.candidate])
        yield* selection.send({ _tag: "Invalid", relayParent, candidate: a!.candidate })
        assert.deepStrictEqual(yield* selection.proposed, [])
        setByMs = -3_600_000
        yield* TestClock.adjust("6 seconds")
        yield* selection.send(b!)
        assert.deepStrictEqual(yield* selection.proposed, [b!.candidate])
      }).pipe(Effect.provideService(Clock.Clock, clock))
    })
  )

  it.effect("waits as its policy says", () =>
    Effect.gen(function* () {
      const selection = yield* setup({ policy: { _tag: "Delay", delayMs: 1000 } })
      for (const candidate of [a, b]) yield* selection.send(candidate!)
      assert.deepStrictEqual(yield* selection.proposed, [])
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(yield* selection.proposed, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* selection.proposed, [b!.candidate])
    })
  )

  it.effect("holds no more candidates than its limit", () =>
    Effect.gen(function* () {
      const selection = yield* setup({ policy: { _tag: "Delay", delayMs: 1000 }, maxWaiting: 2 })
      for (const candidate of [a, b, c]) yield* selection.send(candidate!)
      yield* selection.idle
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* selection.proposed, [b!.candidate])
    })
  )

  it.effect("believes a name only with its signature, and lets nobody else answer for a forgery", () =>
    Effect.gen(function* () {
      const selection = yield* setup()
      const { descriptor } = a!.candidate
      const forged = {
        ...a!,
        peer: "mallory",
        candidate: {
          ...a!.candidate,
          descriptor: { ...descriptor, signature: `0x${"01".repeat(64)}` as const }
        }
      }
      yield* selection.send(forged)
      yield* selection.idle
      assert.deepStrictEqual(yield* selection.proposed, [])
      yield* selection.send({ _tag: "Invalid", relayParent, candidate: forged.candidate })
      yield* selection.send(b!)
      yield* selection.idle
      assert.deepStrictEqual(yield* selection.proposed, [b!.candidate])
    })
  )

  it.effect("a peer answers for what it sends, whatever honest name is signed in it", () =>
    Effect.gen(function* () {
      const selection = yield* setup()
      // The collator's signature does not cover what the candidate leads to: a copy may be worthless.
      const copy = {
        ...a!,
        peer: "mallory",
        candidate: { ...a!.candidate, commitmentsHash: World.hashOf(9) }
      }
      yield* selection.send(copy)
      yield* selection.idle
      yield* selection.send({ _tag: "Invalid", relayParent, candidate: copy.candidate })
      yield* selection.send({ ...c!, peer: "mallory" })
      yield* selection.send({ ...b!, peer: "honest" })
      yield* selection.idle
      assert.deepStrictEqual(yield* selection.proposed, [copy.candidate, b!.candidate])
    })
  )

  it.effect("a peer that offers much crowds out nobody", () =>
    Effect.gen(function* () {
      const selection = yield* setup({ maxEarly: 2 }, {}, "//Alice", false)
      yield* selection.send({ ...b!, peer: "honest" })
      for (let n = 0; n < 5; n++)
        yield* selection.send({ ...c!, relayParent: World.hashOf(n), peer: "mallory" })
      yield* selection.activate(World.leaf)
      yield* selection.idle
      assert.deepStrictEqual(yield* selection.proposed, [b!.candidate])
    })
  )
})
