import { assert, describe, it } from "@effect/vitest"
import { MemoryNetwork, Network, Protocol, Reputation } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { candidateHash, DisputeRequest, Scale } from "@ephor/types"
import { Context, Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { DisputeDistribution, Disputes } from "@ephor/disputes"
import * as World from "./support/world.ts"

const A = World.receipt("A")
const { invalid, request, seconded, vote } = World
const votes = request(A, 10, vote(A, 10, seconded, 1), vote(A, 10, invalid, 0))
const encode = Scale.encode(DisputeRequest)
const leaf = World.leafOf("a", "g", 1)

/** One validator of the network. */
const join = Effect.fnUntraced(function* (
  hub: Context.Context<MemoryNetwork.MemoryNetwork>,
  index: number,
  options: Partial<DisputeDistribution.Options> = {}
) {
  const script = new World.Script()
  const services = yield* Layer.build(
    Layer.fresh(
      Layer.mergeAll(
        World.keystoreOf(World.names[index]!),
        World.runtimeOf(script),
        Disputes.layer,
        MemoryNetwork.layerPeer({ peer: `peer-${index}`, authority: World.validators[index] }).pipe(
          Layer.provide(Layer.succeedContext(hub))
        )
      )
    )
  )
  const harness = yield* SubsystemTest.make({
    subsystem: Overseer.DisputeDistribution,
    layer: DisputeDistribution.layer(options).pipe(Layer.provide(Layer.succeedContext(services))),
    captures: [Overseer.DisputeCoordinator]
  })
  yield* harness.activate(leaf)
  yield* harness.idle
  return {
    ...harness,
    script,
    network: Context.get(services, Network.Network),
    disputes: Context.get(services, Disputes.Disputes),
    /** The next votes that were taken, answered as the coordinator would. */
    take: (result: Overseer.ImportStatementsResult = "ValidImport") =>
      Effect.gen(function* () {
        const message = yield* harness.next(Overseer.DisputeCoordinator)
        assert(message._tag === "ImportStatements")
        yield* Deferred.succeed(message.pendingConfirmation!, result)
        yield* turns
        return message
      }),
    open: Context.get(services, Disputes.Disputes).setActive([
      { session: 10, candidateHash: candidateHash(A), status: { _tag: "Active" } }
    ])
  }
})
const turns = Effect.repeat(Effect.yieldNow, { times: 60 })
const hub = Layer.build(Layer.fresh(MemoryNetwork.layer()))
/** Somebody who speaks the protocol by hand. */
const guest = (network: Context.Context<MemoryNetwork.MemoryNetwork>, authority: number | undefined) =>
  Layer.build(
    Layer.fresh(
      MemoryNetwork.layerPeer({
        peer: "guest",
        authority: authority === undefined ? undefined : World.validators[authority]
      })
    )
  ).pipe(
    Effect.provide(network),
    Effect.map((context) => Context.get(context, Network.Network))
  )

describe("receiving", () => {
  it.effect("checked votes of an authority go to the coordinator, and are confirmed when it has them", () =>
    Effect.gen(function* () {
      const network = yield* hub
      const alice = yield* join(network, 0)
      const bob = yield* guest(network, 1)
      const answer = yield* Effect.forkScoped(bob.request(Protocol.sendDispute, "peer-0", encode(votes)))
      const message = yield* alice.take()
      assert.deepStrictEqual(yield* Fiber.join(answer), Uint8Array.of(0))
      assert.deepStrictEqual([message.session, message.candidateReceipt], [10, A])
      assert.deepStrictEqual(
        message.statements,
        [vote(A, 10, seconded, 1), vote(A, 10, invalid, 0)].map((expected, index) => ({
          ...expected,
          // Signing is random.
          signature: message.statements[index]!.signature
        }))
      )
      assert.strictEqual(yield* alice.network.reputation("guest"), 0)
    })
  )
  const refused = (
    name: string,
    authority: number | undefined,
    bytes: Uint8Array,
    cost: number,
    why: string,
    before: (script: World.Script) => void = () => undefined
  ) =>
    it.effect(name, () =>
      Effect.gen(function* () {
        const network = yield* hub
        const alice = yield* join(network, 0)
        before(alice.script)
        const peer = yield* guest(network, authority)
        const error = yield* Effect.flip(peer.request(Protocol.sendDispute, "peer-0", bytes))
        if (cost > Reputation.changes.malicious) assert.include(error.message, why)
        assert.strictEqual(yield* alice.network.reputation("guest"), cost)
        assert.deepStrictEqual(yield* alice.captured(Overseer.DisputeCoordinator), [])
        // Whatever it was, the subsystem lives.
        yield* alice.send({ _tag: "SendDispute", request: votes })
        yield* alice.idle
      })
    )
  refused("nobody but authorities", undefined, encode(votes), Reputation.changes.major, "only authorities")
  refused("what does not decode", 1, Uint8Array.of(1, 2, 3), Reputation.changes.major, "malformed")
  refused(
    "a bad signature",
    1,
    encode({ ...votes, invalidVote: { ...votes.invalidVote, validatorIndex: 2 } }),
    Reputation.changes.malicious,
    ""
  )
  refused(
    "a validator that does not exist",
    1,
    encode({ ...votes, validVote: { ...votes.validVote, validatorIndex: 9 } }),
    Reputation.changes.malicious,
    ""
  )
  refused(
    "a session that is not known here costs nothing",
    1,
    encode({ ...votes, sessionIndex: 11 }),
    0,
    "session 11"
  )
  refused(
    "a runtime that fails costs the peer nothing",
    1,
    encode(votes),
    0,
    "session 10",
    (script) => (script.failing = true)
  )
  it.effect("an import that is refused costs little", () =>
    Effect.gen(function* () {
      const network = yield* hub
      const alice = yield* join(network, 0)
      const bob = yield* guest(network, 1)
      const answer = yield* Effect.forkScoped(
        Effect.flip(bob.request(Protocol.sendDispute, "peer-0", encode(votes)))
      )
      yield* alice.take("InvalidImport")
      assert.include((yield* Fiber.join(answer)).message, "refused")
      assert.strictEqual(yield* alice.network.reputation("guest"), Reputation.changes.minor)
    })
  )
  it.effect("one authority cannot take all places", () =>
    Effect.gen(function* () {
      const network = yield* hub
      const alice = yield* join(network, 0, { requestsPerAuthority: 1 })
      const bob = yield* guest(network, 1)
      const first = yield* Effect.forkScoped(bob.request(Protocol.sendDispute, "peer-0", encode(votes)), {
        startImmediately: true
      })
      yield* turns
      const error = yield* Effect.flip(bob.request(Protocol.sendDispute, "peer-0", encode(votes)))
      assert.include(error.message, "too many requests")
      yield* alice.take()
      yield* Fiber.join(first)
      const again = yield* Effect.forkScoped(bob.request(Protocol.sendDispute, "peer-0", encode(votes)))
      yield* alice.take()
      yield* Fiber.join(again)
      assert.strictEqual(yield* alice.network.reputation("guest"), 0)
    })
  )
})

describe("sending", () => {
  it.effect("every other validator of the session gets the votes, once", () =>
    Effect.gen(function* () {
      const network = yield* hub
      const [alice, ...others] = yield* Effect.forEach([0, 1, 2, 3], (index) => join(network, index))
      yield* alice!.open
      yield* alice!.send({ _tag: "SendDispute", request: votes })
      for (const other of others) assert.strictEqual((yield* other.take()).session, 10)
      yield* TestClock.adjust("1 minute")
      for (const other of others)
        assert.deepStrictEqual(yield* other.captured(Overseer.DisputeCoordinator), [])
    })
  )
  it.effect("a validator that comes late gets them, as long as the dispute is open", () =>
    Effect.gen(function* () {
      const network = yield* hub
      const alice = yield* join(network, 0)
      yield* alice.open
      yield* alice.send({ _tag: "SendDispute", request: votes })
      yield* turns
      yield* TestClock.adjust("10 minutes")
      const bob = yield* join(network, 1)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* bob.take()).session, 10)
      yield* alice.disputes.setActive([])
      yield* TestClock.adjust("6 seconds")
      const charlie = yield* join(network, 2)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* charlie.captured(Overseer.DisputeCoordinator), [])
    })
  )
  it.effect("who is slow or goes away is asked again; who refuses five times is left alone", () =>
    Effect.gen(function* () {
      const network = yield* hub
      const alice = yield* join(network, 0)
      yield* alice.open
      const bob = yield* join(network, 1)
      const { setLink } = Context.get(network, MemoryNetwork.MemoryNetwork)
      yield* alice.send({ _tag: "SendDispute", request: votes })
      // Bob took the request, and is gone before it answers.
      yield* bob.next(Overseer.DisputeCoordinator)
      yield* setLink("peer-0", "peer-1", false)
      yield* TestClock.adjust("1 minute")
      yield* setLink("peer-0", "peer-1", true)
      for (let refusal = 0; refusal < 5; refusal++) {
        yield* TestClock.adjust("6 seconds")
        yield* bob.take("InvalidImport")
      }
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* bob.captured(Overseer.DisputeCoordinator), [])
    })
  )
  it.effect("new sends start in order, 150 ms apart; what does not fit is dropped", () =>
    Effect.gen(function* () {
      const network = yield* hub
      const alice = yield* join(network, 0, { sendQueueCapacity: 2 })
      const bob = yield* join(network, 1)
      const candidates = ["A", "B", "C", "D", "E"].map(World.receipt)
      for (const candidate of candidates) {
        const pair = request(candidate, 10, vote(candidate, 10, seconded, 1), vote(candidate, 10, invalid, 0))
        yield* alice.send({ _tag: "SendDispute", request: pair })
        if (candidate === candidates[0]) yield* turns
      }
      yield* turns
      const seen: Array<unknown> = []
      for (let round = 0; round < 5; round++) {
        const taken = yield* bob.captured(Overseer.DisputeCoordinator)
        for (const message of taken)
          if (message._tag === "ImportStatements") seen.push([round, message.candidateReceipt])
        yield* TestClock.adjust("150 millis")
        yield* turns
      }
      assert.deepStrictEqual(seen.length, 3)
      assert.deepStrictEqual(
        seen,
        seen.map((_, round) => [round, candidates[round]])
      )
    })
  )
})
