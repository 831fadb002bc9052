/** The collator protocol: a validator, and collators that are nobody to it, over one network in memory. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Collating, CollatorProtocol } from "@ephor/backing"
import { Keystore } from "@ephor/keystore"
import { Network, Protocol, Reputation } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import {
  type CandidateDescriptorV1,
  candidateHash,
  collatorDeclarationPayload,
  type CollatorId,
  headDataHash
} from "@ephor/types"
import * as CollationMessage from "../src/collators/CollationMessage.ts"
import * as Declarations from "../src/collators/Declarations.ts"
import * as Offers from "../src/collators/Offers.ts"
import * as Hub from "./support/network.ts"
import * as World from "./support/world.ts"

const [a, b] = await Promise.all([1n, 2n].map((add) => World.candidateOf(add)))
const { relayParent } = World
const { parentHead } = World.validationData
const alice = { index: 0, key: World.validators[0]! }
const ferdie = await Effect.runPromise(
  Effect.provide(
    Keystore.Keystore.use(({ publicKeys }) => Effect.succeed(publicKeys[0]!)),
    World.keystoreOf("//Ferdie")
  )
)

/** Alice's collator protocol; backing wants everything, and it is always her turn, unless told otherwise. */
const setup = Effect.fnUntraced(function* (limits: Partial<CollatorProtocol.Limits> = {}, wants = true) {
  const hub = yield* Hub.makeHub
  const network = yield* Hub.join(hub, "us", 0)
  const protocol = yield* SubsystemTest.make({
    subsystem: Overseer.CollatorProtocol,
    layer: CollatorProtocol.layer({ turnMs: 0, ...limits }),
    captures: [Overseer.CandidateBacking, Overseer.CandidateSelection]
  }).pipe(Effect.provide(Layer.mergeAll(World.runtime(), World.keystoreOf("//Alice"), Hub.layer(network))))
  yield* protocol.next(Overseer.CandidateBacking).pipe(
    Effect.flatMap((message) =>
      message._tag === "CanSecond" ? Deferred.succeed(message.reply, wants) : Effect.void
    ),
    Effect.forever,
    Effect.forkScoped
  )
  yield* protocol.activate(World.leaf)
  yield* protocol.idle

  /** A collator of our own making, under its key. */
  const collator = Effect.fnUntraced(function* (id: string, secret = "//Eve", key = World.collator) {
    const own = yield* hub.join({ id })
    const collating = yield* Collating.make({ collator: key, paras: [World.paraId] }).pipe(
      Effect.provide([Hub.layer(own), World.keystoreOf(secret)])
    )
    const reports = yield* Queue.unbounded<Collating.Report>()
    yield* Stream.runForEach(collating.reports, (report) => Queue.offer(reports, report)).pipe(
      Effect.forkScoped({ startImmediately: true })
    )
    const advertise = (candidate: typeof a) =>
      Effect.andThen(collating.advertise(alice, candidate!, parentHead), protocol.idle)
    return { own, reports, advertise }
  })

  /** A peer whose messages a test writes itself. */
  const handmade = Effect.fnUntraced(function* (id: string, answer: Network.RequestHandler) {
    const own = yield* hub.join({ id })
    yield* own.serve(Protocol.collationFetch, answer)
    const say = (message: CollationMessage.CollationMessage) =>
      Effect.andThen(
        Effect.orDie(own.notify(Protocol.collation, ["us"], CollationMessage.encode(message))),
        protocol.idle
      )
    const signature = yield* World.everybody.sign(
      World.collator,
      collatorDeclarationPayload(CollationMessage.peerBytes(id))
    )
    const declare = say({ _tag: "Declare", value: [World.collator, World.paraId, signature] })
    const advertise = (candidate: typeof a, head = relayParent) =>
      say({
        _tag: "AdvertiseCollation",
        value: {
          relayParent: head,
          candidateHash: candidateHash(candidate!.candidate),
          parentHeadDataHash: headDataHash(parentHead)
        }
      })
    return { own, say, declare, advertise, signature }
  })
  const handed = Effect.map(
    Effect.andThen(protocol.idle, protocol.captured(Overseer.CandidateSelection)),
    (messages) =>
      messages.map((message) => [message.candidate.commitmentsHash, "peer" in message && message.peer])
  )
  return { ...protocol, hub, network, collator, handmade, handed, standing: network.reputation }
})

/** The candidate in the second version of descriptors, which names no collator. */
const nameless = (candidate: typeof a): typeof a => {
  const { collator: _, signature: __, ...rest } = candidate!.candidate.descriptor as CandidateDescriptorV1
  const descriptor = { ...rest, _tag: "V2" as const, version: 0, coreIndex: 0, sessionIndex: World.session }
  return { ...candidate!, candidate: { ...candidate!.candidate, descriptor } }
}
const of = (candidate: typeof a, peer: string) => [candidate!.candidate.commitmentsHash, peer]
const giving = (candidate: typeof a, pov = candidate!.pov) =>
  Effect.succeed(CollationMessage.answer.encode({ _tag: "Collation", value: [candidate!.candidate, pov] }))
const never: Network.RequestHandler = () => Effect.never

describe("CollatorProtocol", () => {
  it.effect("fetches what a stranger advertises, and tells it that its candidate was seconded", () =>
    Effect.gen(function* () {
      const us = yield* setup()
      const stranger = yield* us.collator("stranger")
      yield* stranger.advertise(a)
      const candidate = yield* us.next(Overseer.CandidateSelection)
      assert.deepStrictEqual(candidate, { ...a!, peer: "stranger" })
      const statement = yield* Effect.promise(() => World.secondedBy(0, a!.candidate, 1n))
      yield* us.send({ _tag: "Seconded", relayParent, statement })
      assert.deepStrictEqual(yield* Queue.take(stranger.reports), {
        _tag: "Seconded",
        validator: alice.key,
        candidateHash: candidateHash(a!.candidate),
        relayParent
      })
      assert.isAbove(yield* us.standing("stranger"), 0)
    })
  )

  it.effect("a collator whose candidate is invalid is told, left, and known again under any name", () =>
    Effect.gen(function* () {
      const us = yield* setup()
      const bad = yield* us.collator("bad")
      yield* bad.advertise(a)
      yield* us.next(Overseer.CandidateSelection)
      const honest = yield* us.collator("honest", "//Ferdie", ferdie)
      yield* honest.advertise(nameless(b))
      assert.deepStrictEqual(yield* us.handed, [], "one is enough, as long as it holds")
      yield* us.send({ _tag: "Invalid", relayParent, candidate: a!.candidate })
      assert.deepStrictEqual(yield* us.handed, [of(b, "honest")])
      const told = yield* Queue.take(bad.reports)
      assert.deepStrictEqual(told._tag === "Refused" && told.why, { _tag: "Invalid" })
      yield* TestClock.adjust(CollatorProtocol.defaults.farewellMs)
      yield* us.idle
      assert.deepStrictEqual(
        (yield* us.network.peers).map(({ id }) => id),
        ["honest"]
      )

      // The same key, a new connection under a new name: it is not listened to, and hears for how long.
      const again = yield* us.collator("again")
      const refused = yield* Queue.take(again.reports)
      assert(refused._tag === "Refused" && refused.why._tag === "Banned")
      assert.isAbove(refused.why.value, 60)
      yield* again.advertise(b)
      assert.deepStrictEqual(yield* us.handed, [])
      assert.strictEqual(yield* us.standing("honest"), 0)
    })
  )

  it.effect("an invalid candidate takes with it what the same key has offered elsewhere", () =>
    Effect.gen(function* () {
      const us = yield* setup()
      const [bad, other] = [
        yield* us.handmade("bad", () => giving(a)),
        yield* us.handmade("other", () => giving(b))
      ]
      for (const one of [bad, other]) yield* one.declare
      yield* bad.advertise(a)
      yield* other.advertise(b)
      assert.deepStrictEqual(yield* us.handed, [of(a, "bad")])
      // The fault is that of the key: both are its peers, and what the other one has offered goes with it.
      yield* us.send({ _tag: "Invalid", relayParent, candidate: a!.candidate })
      assert.deepStrictEqual(yield* us.handed, [])
    })
  )

  it.effect("a declaration counts with the signature of the key over the name of the peer", () =>
    Effect.gen(function* () {
      const us = yield* setup()
      const one = yield* us.handmade("one", never)
      const thief = yield* us.handmade("thief", never)
      const value = [World.collator, World.paraId, one.signature] as const
      yield* thief.say({ _tag: "Declare", value })
      assert.strictEqual(yield* us.standing("thief"), Reputation.changes.badSignature)
      yield* thief.advertise(a)
      assert.strictEqual(
        yield* us.standing("thief"),
        Reputation.changes.badSignature + Reputation.changes.unexpected
      )
      yield* one.declare
      assert.strictEqual(yield* us.standing("one"), 0)
      yield* one.declare
      assert.strictEqual(yield* us.standing("one"), Reputation.changes.duplicate)
    })
  )

  it.effect("who advertises the same again, or more than it may, pays", () =>
    Effect.gen(function* () {
      const us = yield* setup({ advertisementsPerPeer: 1 })
      const peer = yield* us.handmade("peer", never)
      yield* peer.declare
      yield* peer.advertise(a)
      yield* peer.advertise(a)
      const { duplicate, flood } = Reputation.changes
      assert.strictEqual(yield* us.standing("peer"), duplicate)
      yield* peer.advertise(b)
      assert.strictEqual(yield* us.standing("peer"), duplicate + flood)
    })
  )

  it.effect("bytes that are no message cost, whoever sends them", () =>
    Effect.gen(function* () {
      const us = yield* setup()
      const peer = yield* us.handmade("peer", never)
      yield* Effect.orDie(peer.own.notify(Protocol.collation, ["us"], Uint8Array.of(9, 9)))
      yield* us.idle
      assert.strictEqual(yield* us.standing("peer"), Reputation.changes.badSignature)
    })
  )

  it.effect("what is fetched must be what was advertised; another offer takes the place", () =>
    Effect.gen(function* () {
      const us = yield* setup()
      const liars = [
        yield* us.handmade("another proof", () => giving(a, b!.pov)),
        yield* us.handmade("another candidate", () => giving(b))
      ]
      for (const liar of liars) {
        yield* liar.declare
        yield* liar.advertise(a)
        yield* us.idle
        assert.strictEqual(yield* us.standing(liar.own.self), Reputation.changes.badSignature)
      }
      assert.deepStrictEqual(yield* us.handed, [])
    })
  )

  it.effect("a candidate of another collator is not this one's to offer", () =>
    Effect.gen(function* () {
      const us = yield* setup()
      const thief = yield* us.collator("thief", "//Ferdie", ferdie)
      yield* thief.advertise(a)
      assert.deepStrictEqual(yield* us.handed, [])
      assert.strictEqual(yield* us.standing("thief"), Reputation.changes.badSignature)
    })
  )

  it.effect("who lets us wait keeps nobody else from being asked", () =>
    Effect.gen(function* () {
      const us = yield* setup({ unsharedMs: 100 })
      const slow = yield* us.handmade("slow", never)
      yield* slow.declare
      yield* slow.advertise(b)
      const honest = yield* us.collator("honest")
      yield* honest.advertise(a)
      assert.deepStrictEqual(yield* us.handed, [])
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* us.handed, [of(a, "honest")])
      yield* TestClock.adjust(Protocol.collationFetch.timeoutMs)
      assert.isBelow(yield* us.standing("slow"), 0)
    })
  )

  it.effect("nothing is fetched before our turn, nor what our group has put forward already", () =>
    Effect.gen(function* () {
      // At the height of the leaf Alice is the last of three.
      const us = yield* setup({ turnMs: 100 })
      const stranger = yield* us.collator("stranger")
      yield* stranger.advertise(a)
      yield* TestClock.adjust(199)
      assert.deepStrictEqual(yield* us.handed, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* us.handed, [of(a, "stranger")])

      const done = yield* setup({}, false)
      const late = yield* done.collator("late")
      yield* late.advertise(a)
      assert.deepStrictEqual(yield* done.handed, [])
    })
  )

  it.effect("a collator that finds no place is quiet for a while, and comes again", () =>
    Effect.gen(function* () {
      const us = yield* setup({ peersPerPara: 1 })
      const first = yield* us.handmade("first", never)
      yield* first.declare
      const second = yield* us.collator("second", "//Ferdie", ferdie)
      yield* us.idle
      const full = { _tag: "Full" as const, value: World.paraId }
      const refused = { _tag: "Refused" as const, validator: alice.key, candidateHash: null, why: full }
      assert.deepStrictEqual(yield* Queue.take(second.reports), refused)
      yield* second.advertise(a)
      assert.strictEqual(yield* us.standing("second"), 0, "what it has no place for it does not advertise")
      yield* TestClock.adjust(Collating.defaults.redeclareMs)
      yield* us.hub.setLink("us", "first", false)
      yield* us.idle
      yield* second.advertise(a)
      yield* us.idle
      assert.strictEqual(yield* us.standing("second"), Reputation.changes.badSignature, "it was asked for it")
    })
  )

  it.effect("a collator may be faster than the block that it builds upon", () =>
    Effect.gen(function* () {
      const us = yield* setup()
      const peer = yield* us.handmade("peer", () => giving(a))
      yield* peer.declare
      yield* us.deactivate(relayParent)
      yield* peer.advertise(a)
      assert.strictEqual(yield* us.standing("peer"), 0, "it may have crossed with our change of leaf")
      yield* peer.advertise(a, World.hashOf(0xbb))
      assert.strictEqual(yield* us.standing("peer"), 0)
      yield* us.activate({ ...World.leaf, hash: World.hashOf(0xbb) })
      yield* us.idle
      // It is of another relay parent than it says there: what is fetched shows it.
      assert.strictEqual(yield* us.standing("peer"), Reputation.changes.badSignature)
    })
  )
})

describe("places of collators", () => {
  const limits = { peersPerPara: 2, peersPerCollator: 1, parasPerPeer: 2 }
  const key = (byte: number) => World.hashOf(byte) as CollatorId
  const standing = new Map([[key(3), 5]])
  const declare = (all: Declarations.Declarations, peer: string, byte: number, paraId = 1) =>
    Declarations.declare(all, { peer, collator: key(byte), paraId }, limits, (one) => standing.get(one) ?? 0)

  it("are given by standing, and none to more peers of one key or more paras of one peer than there may be", () => {
    const all: Declarations.Declarations = new Map()
    assert.strictEqual(declare(all, "a", 1)._tag, "Taken")
    assert.strictEqual(declare(all, "a", 1)._tag, "Duplicate")
    assert.strictEqual(declare(all, "a too", 1)._tag, "Full")
    assert.strictEqual(declare(all, "b", 2)._tag, "Taken")
    assert.strictEqual(declare(all, "newcomer", 4)._tag, "Full")
    assert.deepStrictEqual(declare(all, "good", 3), { _tag: "Taken", evicted: "a" })
    assert.strictEqual(declare(all, "b", 2, 2)._tag, "Taken")
    assert.strictEqual(declare(all, "b", 2, 3)._tag, "Flood")
    assert.strictEqual(Declarations.count(all), 3)
  })

  it("the offer of the best standing comes first, and of equals the first", () => {
    const head = Offers.make(relayParent, {
      members: [0],
      paraId: 1,
      core: 0,
      group: 0,
      requiredCollator: null
    })
    const offer = (peer: string, byte: number): Offers.Offer => ({
      peer,
      collator: key(byte),
      candidateHash: World.hashOf(byte),
      parentHeadDataHash: World.hashOf(0)
    })
    for (const one of [offer("a", 1), offer("b", 2), offer("good", 3)]) Offers.advertise(head, one, 1)
    const next = () => Offers.next(head, (one) => standing.get(one) ?? 0, 3)?.peer
    assert.isUndefined(next(), "it is not our turn")
    head.isOpen = true
    assert.deepStrictEqual([next(), next(), next(), next()], ["good", "a", "b", undefined])
  })
})
