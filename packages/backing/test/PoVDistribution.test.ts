import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import { PoVDistribution, PoVKnowledge } from "@ephor/backing"
import { Protocol, View } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { EarlyPoVDistributionMessage, type Hash, type PoV, povHash, Scale } from "@ephor/types"
import * as Hub from "./support/network.ts"
import * as World from "./support/world.ts"

const { candidate, pov } = await World.candidateOf(1n)
const { descriptor } = candidate
const other: PoV = { blockData: Uint8Array.of(1, 2, 3) }
const { relayParent } = World
const encode = Scale.encode(EarlyPoVDistributionMessage)

/** A validator whose distribution is tested, and two peers that are played by hand. */
const setup = Effect.gen(function* () {
  const hub = yield* Hub.makeHub
  const network = yield* Hub.join(hub, "us", 0)
  const peers = { one: yield* Hub.join(hub, "one", 1), two: yield* Hub.join(hub, "two", 2) }
  const distribution = yield* SubsystemTest.make({
    subsystem: Overseer.PoVDistribution,
    layer: PoVDistribution.layer()
  }).pipe(Effect.provide(Layer.mergeAll(World.runtime(), Hub.layer(network))))
  yield* distribution.idle
  const heard = {
    one: (yield* Hub.listen(peers.one, Protocol.povDistribution)).heard,
    two: (yield* Hub.listen(peers.two, Protocol.povDistribution)).heard
  }
  const settled = (effect: Effect.Effect<void, unknown>) =>
    Effect.andThen(Effect.orDie(effect), distribution.idle)
  yield* distribution.activate(World.leaf)
  yield* settled(peers.one.setView(View.make([relayParent], 0)))
  return {
    ...distribution,
    say: (who: keyof typeof peers, message: EarlyPoVDistributionMessage) =>
      settled(peers[who].notify(Protocol.povDistribution, ["us"], encode(message))),
    sayBytes: (who: keyof typeof peers, bytes: Uint8Array) =>
      settled(peers[who].notify(Protocol.povDistribution, ["us"], bytes)),
    look: (who: keyof typeof peers, ...heads: ReadonlyArray<Hash>) =>
      settled(peers[who].setView(View.make(heads, 0))),
    heard: (who: keyof typeof peers) =>
      heard[who].map((bytes) => Scale.decode(EarlyPoVDistributionMessage)(bytes)),
    reputation: (who: string) => network.reputation(who),
    fetch: (hash: Hash = descriptor.povHash) =>
      Effect.gen(function* () {
        const reply = yield* Deferred.make<PoV>()
        yield* distribution.send({
          _tag: "FetchPoV",
          relayParent,
          descriptor: { ...descriptor, povHash: hash },
          reply
        })
        yield* distribution.idle
        return reply
      }),
    distribute: settled(distribution.send({ _tag: "DistributePoV", relayParent, descriptor, pov }))
  }
})
const { first, flood, late, unexpected, unrequested } = PoVKnowledge.changes
const awaiting = (...hashes: ReadonlyArray<Hash>): EarlyPoVDistributionMessage => ({
  _tag: "Awaiting",
  value: [relayParent, hashes]
})
const sending = (proof: PoV, hash: Hash = povHash(proof)): EarlyPoVDistributionMessage => ({
  _tag: "SendPoV",
  value: [relayParent, hash, proof]
})

describe("PoVDistribution", () => {
  it.effect("asks the peers that work on the leaf, once, and answers all who wait", () =>
    Effect.gen(function* () {
      const us = yield* setup
      const [early, later] = [yield* us.fetch(), yield* us.fetch()]
      assert.deepStrictEqual(us.heard("one"), [awaiting(descriptor.povHash)])
      assert.deepStrictEqual(us.heard("two"), [], "it does not work on the leaf")
      yield* us.say("one", sending(pov))
      for (const reply of [early, later, yield* us.fetch()])
        assert.deepStrictEqual(yield* Deferred.await(reply), pov)
      assert.strictEqual(yield* us.reputation("one"), first)
      yield* us.say("one", sending(pov))
      assert.strictEqual(yield* us.reputation("one"), first + late)
    })
  )

  it.effect("tells a peer that comes to the leaf what is awaited, and forwards what comes", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.fetch()
      yield* us.look("two", relayParent)
      assert.deepStrictEqual(us.heard("two"), [awaiting(descriptor.povHash)])
      yield* us.say("one", awaiting(descriptor.povHash))
      yield* us.say("two", sending(pov))
      assert.deepStrictEqual(us.heard("one").at(-1), sending(pov))
    })
  )

  it.effect("gives what it has at once, and what it gets to those who wait", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.say("one", awaiting(descriptor.povHash))
      assert.deepStrictEqual(us.heard("one"), [])
      yield* us.distribute
      assert.deepStrictEqual(us.heard("one"), [sending(pov)])
      yield* us.look("two", relayParent)
      yield* us.say("two", awaiting(descriptor.povHash))
      assert.deepStrictEqual(us.heard("two"), [sending(pov)])
    })
  )

  it.effect("punishes what nobody asked for, what is not what it says, and what is out of view", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.fetch()
      yield* us.say("one", sending(other))
      yield* us.say("one", sending(other, descriptor.povHash))
      yield* us.sayBytes("one", Uint8Array.of(9))
      assert.strictEqual(yield* us.reputation("one"), 3 * unrequested)
      yield* us.say("two", awaiting(descriptor.povHash))
      assert.strictEqual(yield* us.reputation("two"), unexpected)
    })
  )

  it.effect("limits what a peer, and what we, may wait for", () =>
    Effect.gen(function* () {
      const us = yield* setup
      const hashes = Array.from({ length: 9 }, (_, n) => World.hashOf(n + 1))
      yield* us.say("one", awaiting(...hashes.slice(0, 8)))
      assert.strictEqual(yield* us.reputation("one"), 0)
      yield* us.say("one", awaiting(hashes[8]!))
      assert.strictEqual(yield* us.reputation("one"), flood)
      for (const hash of hashes) yield* us.fetch(hash)
      assert.lengthOf(us.heard("one"), 8)
    })
  )

  it.effect("forgets a leaf with everything that waits at it", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.fetch()
      yield* us.deactivate(relayParent)
      yield* us.say("one", sending(pov))
      assert.strictEqual(yield* us.reputation("one"), 0, "late proofs of a leaf that we left cost nothing")
    })
  )
})
