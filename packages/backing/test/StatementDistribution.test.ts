import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { StatementDistribution } from "@ephor/backing"
import { Protocol, Reputation, View } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { EarlyStatementDistributionMessage, type Hash, Scale, type SignedFullStatement } from "@ephor/types"
import * as Hub from "./support/network.ts"
import * as World from "./support/world.ts"

const a = (await World.candidateOf(1n)).candidate
const seconded = await World.secondedBy(0, a, 1n)
const valid = await World.validBy(1, a)
const { relayParent } = World
const encode = Scale.encode(EarlyStatementDistributionMessage)

/** A validator whose distribution is tested, and a peer that is played by hand. */
const setup = Effect.gen(function* () {
  const hub = yield* Hub.makeHub
  const network = yield* Hub.join(hub, "us", 0)
  const peer = yield* Hub.join(hub, "peer", 1)
  const distribution = yield* SubsystemTest.make({
    subsystem: Overseer.StatementDistribution,
    layer: StatementDistribution.layer(),
    captures: [Overseer.CandidateBacking, Overseer.MisbehaviorArbitration]
  }).pipe(Effect.provide(Layer.mergeAll(World.runtime(), World.keystoreOf("//Alice"), Hub.layer(network))))
  yield* distribution.idle
  const { heard, views } = yield* Hub.listen(peer, Protocol.statement)
  const say = (statement: SignedFullStatement, at: Hash = relayParent) =>
    Effect.andThen(
      peer.notify(Protocol.statement, ["us"], encode({ _tag: "Statement", value: [at, statement] })),
      distribution.idle
    )
  return {
    ...distribution,
    peer,
    inbox: () => heard.map((bytes) => Scale.decode(EarlyStatementDistributionMessage)(bytes).value[1]),
    say,
    look: (...heads: ReadonlyArray<Hash>) =>
      Effect.andThen(peer.setView(View.make(heads, 0)), distribution.idle),
    share: (statement: SignedFullStatement) =>
      Effect.andThen(distribution.send({ _tag: "Share", relayParent, statement }), distribution.idle),
    reputation: network.reputation("peer"),
    view: Effect.sync(() => views.get("us"))
  }
})

const { badSignature, duplicate, unexpected, valid: useful, validFirst } = Reputation.changes

describe("StatementDistribution", () => {
  it.effect("tells peers which leaves it works on", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.activate(World.leaf)
      yield* us.idle
      assert.deepStrictEqual((yield* us.view)?.heads, [relayParent])
      yield* us.signal(Overseer.Signal.blockFinalized(relayParent, 7))
      yield* us.deactivate(relayParent)
      yield* us.idle
      assert.deepStrictEqual(yield* us.view, { heads: [], finalizedNumber: 7 })
    })
  )

  it.effect("forwards what is new to backing, and rewards it", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.activate(World.leaf)
      yield* us.look(relayParent)
      yield* us.say(seconded)
      yield* us.say(valid)
      assert.deepStrictEqual(yield* us.captured(Overseer.CandidateBacking), [
        { _tag: "Statement", relayParent, statement: seconded },
        { _tag: "Statement", relayParent, statement: valid }
      ])
      assert.strictEqual(yield* us.reputation, 2 * validFirst)
    })
  )

  it.effect("a peer that says what we know is useful, once", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.activate(World.leaf)
      yield* us.look(relayParent)
      yield* us.share(seconded)
      yield* us.say(seconded)
      assert.strictEqual(yield* us.reputation, useful)
      yield* us.say(seconded)
      assert.strictEqual(yield* us.reputation, useful + duplicate)
      assert.deepStrictEqual(yield* us.captured(Overseer.CandidateBacking), [])
    })
  )

  it.effect("punishes what is not expected, and forwards none of it", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.say(seconded) // not our leaf
      assert.strictEqual(yield* us.reputation, unexpected)
      yield* us.activate(World.leaf)
      yield* us.idle
      yield* us.say(seconded) // not the peer's leaf
      assert.strictEqual(yield* us.reputation, 2 * unexpected)
      yield* us.look(relayParent)
      yield* us.say(valid) // before its candidate
      assert.strictEqual(yield* us.reputation, 3 * unexpected)
      yield* us.say({ ...seconded, validatorIndex: 2 })
      assert.strictEqual(yield* us.reputation, 3 * unexpected + badSignature)
      yield* us.peer.notify(Protocol.statement, ["us"], Uint8Array.of(9))
      yield* us.idle
      assert.strictEqual(yield* us.reputation, 3 * unexpected + 2 * badSignature)
      assert.deepStrictEqual(yield* us.captured(Overseer.CandidateBacking), [])
    })
  )

  it.effect("drops without cost what crossed with our leaving", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.activate(World.leaf)
      yield* us.look(relayParent)
      yield* us.deactivate(relayParent)
      yield* us.idle
      yield* us.say(seconded)
      assert.strictEqual(yield* us.reputation, 0)
      assert.deepStrictEqual(yield* us.captured(Overseer.CandidateBacking), [])
    })
  )

  it.effect("sends a peer the seconding before the votes on it, when it comes to work on the leaf", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.activate(World.leaf)
      yield* us.share(seconded)
      yield* us.share(valid)
      assert.deepStrictEqual(us.inbox(), [])
      yield* us.look(relayParent)
      assert.deepStrictEqual(us.inbox(), [seconded, valid])
    })
  )

  it.effect("answers a seconding with the votes it has, and repeats nothing", () =>
    Effect.gen(function* () {
      const us = yield* setup
      yield* us.activate(World.leaf)
      yield* us.look(relayParent)
      yield* us.say(seconded)
      yield* us.share(valid)
      assert.deepStrictEqual(us.inbox(), [valid])
      yield* us.share(valid)
      yield* us.look()
      yield* us.look(relayParent)
      assert.deepStrictEqual(us.inbox(), [valid, seconded, valid]) // the peer has forgotten, and so have we about it
    })
  )
})
