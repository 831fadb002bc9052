import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Schema } from "effect"
import { StatementDistribution } from "@ephor/backing"
import { Protocol, Reputation, View } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import {
  candidateHash,
  CommittedCandidateReceipt,
  EarlyStatementDistributionMessage,
  type Hash,
  Scale,
  type SignedFullStatement,
  toPlain
} from "@ephor/types"
import * as StatementMessage from "../src/statements/StatementMessage.ts"
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
    raw: () => heard,
    sayBytes: (message: Uint8Array) =>
      Effect.andThen(peer.notify(Protocol.statement, ["us"], message), distribution.idle),
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

describe("StatementDistribution, of candidates that are too long to be sent", () => {
  /** New validation code of 5 MiB, which `validator` has seconded. */
  const large = async (validator: number, byte = 1) => {
    const commitments = { ...World.commitmentsOf(1n), newValidationCode: new Uint8Array(5 << 20).fill(byte) }
    const value = { descriptor: a.descriptor, commitments }
    return {
      value,
      hash: candidateHash(toPlain(value)),
      statement: await World.signed(validator, { _tag: "Seconded", value })
    }
  }
  const announcementOf = ({ hash, statement }: Awaited<ReturnType<typeof large>>) =>
    StatementMessage.encode({
      _tag: "LargeStatement",
      value: {
        relayParent,
        candidateHash: hash,
        validatorIndex: statement.validatorIndex,
        signature: statement.signature
      }
    })
  const decodeQuery = Scale.decode(StatementMessage.StatementQuery)
  const encodeQuery = Scale.encode(StatementMessage.StatementQuery)
  const encodeAnswer = Scale.encode(Schema.NullOr(CommittedCandidateReceipt))
  const decodeAnswer = Scale.decode(Schema.NullOr(CommittedCandidateReceipt))
  /** Waits until something has come that is on its way. */
  const settled = <A>(look: Effect.Effect<ReadonlyArray<A>>) =>
    Effect.gen(function* () {
      const all: Array<A> = []
      for (let turn = 0; turn < 200 && all.length === 0; turn++) {
        all.push(...(yield* look))
        yield* Effect.yieldNow
      }
      return all
    })

  it.effect("ours is announced, given to validators who ask, and its votes follow", () =>
    Effect.gen(function* () {
      const us = yield* setup
      const candidate = yield* Effect.promise(() => large(0))
      const vote = yield* Effect.promise(() => World.signed(2, { _tag: "Valid", value: candidate.hash }))
      yield* us.activate(World.leaf)
      yield* us.look(relayParent)
      yield* us.share(candidate.statement)
      yield* us.share(vote)
      assert.deepStrictEqual(us.raw(), [
        announcementOf(candidate),
        encode({ _tag: "Statement", value: [relayParent, vote] })
      ])
      const ask = (hash: Hash) =>
        Effect.map(
          us.peer.request(Protocol.statementFetch, "us", encodeQuery([relayParent, hash])),
          decodeAnswer
        )
      assert.deepStrictEqual(yield* ask(candidate.hash), candidate.value)
      assert.isNull(yield* ask(World.hashOf(1)))
      const bad = yield* Effect.flip(us.peer.request(Protocol.statementFetch, "us", Uint8Array.of(1)))
      assert.strictEqual(bad.reason._tag, "Refused")
    })
  )

  it.effect("a peer's is fetched from it; votes that came meanwhile wait", () =>
    Effect.gen(function* () {
      const us = yield* setup
      const candidate = yield* Effect.promise(() => large(1))
      const vote = yield* Effect.promise(() => World.signed(2, { _tag: "Valid", value: candidate.hash }))
      const gate = yield* Deferred.make<void>()
      yield* us.peer.serve(Protocol.statementFetch, (_, bytes) => {
        assert.deepStrictEqual(decodeQuery(bytes), [relayParent, candidate.hash])
        return Effect.as(Deferred.await(gate), encodeAnswer(candidate.value))
      })
      yield* us.activate(World.leaf)
      yield* us.look(relayParent)
      yield* us.sayBytes(announcementOf(candidate))
      yield* us.say(vote)
      assert.deepStrictEqual(yield* us.captured(Overseer.CandidateBacking), [])
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* settled(us.captured(Overseer.CandidateBacking)), [
        { _tag: "Statement", relayParent, statement: candidate.statement },
        { _tag: "Statement", relayParent, statement: vote }
      ])
      assert.strictEqual(yield* us.reputation, 2 * validFirst)
      yield* us.sayBytes(announcementOf(candidate))
      assert.strictEqual(yield* us.reputation, 2 * validFirst + duplicate)
    })
  )

  it.effect("nobody is asked for what nobody signed, and who gives something else is to blame", () =>
    Effect.gen(function* () {
      const us = yield* setup
      const candidate = yield* Effect.promise(() => large(1))
      const other = yield* Effect.promise(() => large(1, 2))
      let asked = 0
      yield* us.peer.serve(Protocol.statementFetch, () =>
        Effect.sync(() => (asked++, encodeAnswer(other.value)))
      )
      yield* us.activate(World.leaf)
      yield* us.look(relayParent)
      const { signature } = other.statement
      yield* us.sayBytes(announcementOf({ ...candidate, statement: { ...candidate.statement, signature } }))
      assert.deepStrictEqual([asked, yield* us.reputation], [0, badSignature])
      yield* us.sayBytes(announcementOf(candidate))
      yield* us.idle
      assert.deepStrictEqual([asked, yield* us.reputation], [1, 2 * badSignature])
      assert.deepStrictEqual(yield* us.captured(Overseer.CandidateBacking), [])
    })
  )
})
