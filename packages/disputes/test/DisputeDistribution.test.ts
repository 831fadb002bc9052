import { assert, describe, it } from "@effect/vitest"
import { MemoryNetwork, Network, Protocol, Reputation } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { candidateHash, DisputeRequest, Scale } from "@ephor/types"
import { Context, Deferred, Effect, Exit, Fiber, Layer } from "effect"
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
        yield* round
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
const turns = Effect.repeat(Effect.yieldNow, { times: 200 })
/** What waits is taken, one request of each authority. */
const round = turns.pipe(Effect.andThen(TestClock.adjust("100 millis")), Effect.andThen(turns))
/** Asks Alice to take votes about a candidate of this name. */
const requestFor = (peer: Network.Service, name: string) => {
  const candidate = World.receipt(name)
  const pair = request(candidate, 10, vote(candidate, 10, seconded, 1), vote(candidate, 10, invalid, 0))
  return peer.request(Protocol.sendDispute, "peer-0", encode(pair))
}
const hub = Layer.build(Layer.fresh(MemoryNetwork.layer()))
/** Somebody who speaks the protocol by hand. */
const guest = (network: Context.Context<MemoryNetwork.MemoryNetwork>, authority: number | undefined) =>
  Layer.build(
    Layer.fresh(
      MemoryNetwork.layerPeer({
        peer: `guest${authority === undefined ? "" : `-${authority}`}`,
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
      assert.strictEqual(yield* alice.network.reputation("guest-1"), 0)
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
        const answer = yield* Effect.forkScoped(
          Effect.flip(peer.request(Protocol.sendDispute, "peer-0", bytes))
        )
        yield* turns
        if (answer.pollUnsafe() === undefined) yield* round
        const error = yield* Fiber.join(answer)
        if (cost > Reputation.changes.malicious) assert.include(error.message, why)
        const name = authority === undefined ? "guest" : `guest-${authority}`
        assert.strictEqual(yield* alice.network.reputation(name), cost)
        assert.deepStrictEqual(yield* alice.captured(Overseer.DisputeCoordinator), [])
        // Whatever it was, the subsystem lives.
        yield* alice.send({ _tag: "SendDispute", request: votes })
        yield* alice.idle
      })
    )
  refused("nobody but validators", undefined, encode(votes), 0, "only authorities")
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
      assert.strictEqual(yield* alice.network.reputation("guest-1"), Reputation.changes.minor)
    })
  )
  it.effect("one authority takes one place of a round, and may have ten requests waiting", () =>
    Effect.gen(function* () {
      const network = yield* hub
      const alice = yield* join(network, 0, { requestsPerAuthority: 2 })
      const bob = yield* guest(network, 1)
      const ask = (name: string) => Effect.forkScoped(Effect.exit(requestFor(bob, name)))
      const fibers = [yield* ask("A"), yield* ask("B"), yield* ask("C")]
      yield* turns
      const dropped = fibers[2]!.pollUnsafe()
      assert.isDefined(dropped, "the third finds the queue full")
      assert.strictEqual(yield* alice.network.reputation("guest-1"), 0)
      for (const name of ["A", "B"]) {
        assert.deepStrictEqual((yield* alice.take()).candidateReceipt, World.receipt(name))
        assert.deepStrictEqual(yield* alice.captured(Overseer.DisputeCoordinator), [])
      }
      assert.strictEqual(DisputeDistribution.defaults.requestsPerAuthority, 10)
    })
  )
})

describe("batches", () => {
  /** A pair of votes about A, of two of the four validators. */
  const pair = (valid: number, against: number) =>
    encode(request(A, 10, vote(A, 10, seconded, valid), vote(A, 10, invalid, against)))
  /** Alice, with three guests who are authorities, and one batch that Bob opened. */
  const opened = Effect.fnUntraced(function* (options: Partial<DisputeDistribution.Options> = {}) {
    const network = yield* hub
    const alice = yield* join(network, 0, options)
    const [bob, charlie, dave] = yield* Effect.forEach([1, 2, 3], (index) => guest(network, index))
    const send = (peer: Network.Service, bytes: Uint8Array) =>
      Effect.forkScoped(Effect.exit(peer.request(Protocol.sendDispute, "peer-0", bytes)))
    const first = yield* send(bob!, pair(1, 0))
    yield* alice.take()
    assert.isTrue(Exit.isSuccess(yield* Fiber.join(first)), "the first one is imported at once")
    return { alice, bob: bob!, charlie: charlie!, dave: dave!, send }
  })
  const votesOf = (message: { readonly statements: ReadonlyArray<Overseer.SignedDisputeStatement> }) =>
    message.statements.map(({ statement, validatorIndex }) => [statement._tag, validatorIndex])

  it.effect("further requests of a candidate are merged, imported together and confirmed together", () =>
    Effect.gen(function* () {
      const { alice, charlie, dave, send } = yield* opened()
      const answers = [yield* send(charlie, pair(2, 0)), yield* send(dave, pair(1, 3))]
      yield* round
      assert.deepStrictEqual(yield* alice.captured(Overseer.DisputeCoordinator), [])
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(votesOf(yield* alice.take()), [
        ["Valid", 2],
        ["Invalid", 3]
      ])
      for (const answer of answers) assert.isTrue(Exit.isSuccess(yield* Fiber.join(answer)))
      // The batch is closed: the next one is imported at once again.
      yield* send(charlie, pair(2, 3))
      assert.strictEqual((yield* alice.take()).statements.length, 2)
    })
  )
  it.effect("a request without anything new is answered with an error, and costs nothing", () =>
    Effect.gen(function* () {
      const { alice, charlie, send } = yield* opened()
      const answer = yield* send(charlie, pair(1, 0))
      yield* round
      assert.isTrue(Exit.isFailure(yield* Fiber.join(answer)))
      assert.strictEqual(yield* alice.network.reputation("guest-2"), 0)
    })
  )
  it.effect("a batch that is refused costs everybody in it a little", () =>
    Effect.gen(function* () {
      const { alice, charlie, dave, send } = yield* opened()
      yield* send(charlie, pair(2, 0))
      yield* send(dave, pair(3, 0))
      yield* round
      yield* TestClock.adjust("500 millis")
      yield* alice.take("InvalidImport")
      for (const peer of ["guest-2", "guest-3"])
        assert.strictEqual(yield* alice.network.reputation(peer), Reputation.changes.minor)
      assert.strictEqual(yield* alice.network.reputation("guest-1"), 0)
    })
  )
  it.effect("a closed batch into which nothing came is not imported", () =>
    Effect.gen(function* () {
      const { alice } = yield* opened()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* alice.captured(Overseer.DisputeCoordinator), [])
    })
  )
  it.effect("beyond the batches that may be open nothing is taken, and it costs nothing", () =>
    Effect.gen(function* () {
      const { alice, charlie, send } = yield* opened({ batches: 1 })
      const B = World.receipt("B")
      const other = encode(request(B, 10, vote(B, 10, seconded, 1), vote(B, 10, invalid, 0)))
      const answer = yield* send(charlie, other)
      yield* round
      assert.isTrue(Exit.isFailure(yield* Fiber.join(answer)))
      assert.strictEqual(yield* alice.network.reputation("guest-2"), 0)
      assert.deepStrictEqual(yield* alice.captured(Overseer.DisputeCoordinator), [])
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
      yield* alice.activate(World.leafOf("b", "a", 2))
      assert.strictEqual((yield* bob.take()).session, 10)
      yield* alice.disputes.setActive([])
      yield* alice.activate(World.leafOf("c", "b", 3))
      const charlie = yield* join(network, 2)
      yield* alice.activate(World.leafOf("d", "c", 4))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* charlie.captured(Overseer.DisputeCoordinator), [])
    })
  )
  it.effect(
    "who is slow, goes away or refuses is asked again with the next leaf, and nobody is dialled",
    () =>
      Effect.gen(function* () {
        const network = yield* hub
        const alice = yield* join(network, 0)
        yield* alice.open
        const bob = yield* join(network, 1)
        const { setLink } = Context.get(network, MemoryNetwork.MemoryNetwork)
        yield* alice.send({ _tag: "SendDispute", request: votes })
        // Bob took the request, and is gone before it answers.
        yield* round
        yield* bob.next(Overseer.DisputeCoordinator)
        yield* setLink("peer-0", "peer-1", false)
        yield* TestClock.adjust("1 minute")
        yield* setLink("peer-0", "peer-1", true)
        for (let number = 2; number < 8; number++) {
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(yield* bob.captured(Overseer.DisputeCoordinator), [], "not before a leaf")
          yield* alice.activate(World.leafOf(`l${number}`, "a", number))
          yield* bob.take("InvalidImport")
        }
        yield* TestClock.adjust("1 minute")
        yield* alice.activate(World.leafOf("l8", "a", 8))
        yield* bob.take()
        yield* alice.activate(World.leafOf("l9", "a", 9))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* bob.captured(Overseer.DisputeCoordinator), [])
      })
  )
  it.effect("the same pair of votes is told once at a time, however often it is asked for", () =>
    Effect.gen(function* () {
      const network = yield* hub
      const alice = yield* join(network, 0)
      const bob = yield* join(network, 1)
      yield* alice.open
      for (let time = 0; time < 3; time++) yield* alice.send({ _tag: "SendDispute", request: votes })
      yield* bob.take()
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
      // Bob takes each of them in the round after.
      assert.deepStrictEqual(
        seen,
        seen.map((_, round) => [round + 1, candidates[round]])
      )
    })
  )
})
