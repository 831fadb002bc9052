/** The votes database of each validator, and what they tell each other: over one network in memory, with hostile guests. */
import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import { DisputeCoordinator, Disputes, VoteRegister, VotesDatabase, VotesDb } from "@ephor/disputes"
import { MemoryNetwork, Network, Protocol, Reputation } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import { Store } from "@ephor/store"
import {
  type CandidateDescriptorV1,
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  type CommittedCandidateReceipt,
  DisputeGossipMessage,
  povHash,
  Scale,
  type Snapshot,
  toPlain
} from "@ephor/types"
import { Context, Deferred, Effect, Layer, Option } from "effect"
import * as World from "./support/world.ts"

const addresses = [
  Overseer.ApprovalVoting,
  Overseer.AvailabilityRecovery,
  Overseer.DisputeParticipation,
  Overseer.DisputeDistribution,
  Overseer.MisbehaviorArbitration,
  DisputeCoordinator.DisputeCoordinator,
  VotesDatabase.VotesDatabase
] as const

const { data } = World
const committedOf = (name: string): CommittedCandidateReceipt => ({
  descriptor: { ...World.receipt(name).descriptor, povHash: povHash(data.pov) } as CandidateDescriptorV1,
  commitments: World.commitments
})
const committed = committedOf("A")
const A = toPlain(committed)
const a = candidateHash(A)
const session = 10
const backingOf = (candidate: CandidateReceipt, backer: number) => {
  const kind = backer === 0 ? ("BackingSeconded" as const) : ("BackingValid" as const)
  const statement = { _tag: "Valid", value: { _tag: kind, value: ChainScript.hash("a") } } as const
  const { signature: value } = World.vote(candidate, session, statement, backer)
  return backer === 0 ? ({ _tag: "Implicit", value } as const) : ({ _tag: "Explicit", value } as const)
}

/** What a validator sees on its chain: block `a` backs the candidate with the votes of these, block `b` includes it. */
const scriptOf = (...backers: ReadonlyArray<number>) => {
  const script = new World.Script()
  script.include("b", A, "CandidateIncluded")
  script.committed.set(a, { candidate: committed, block: ChainScript.ref("b", "a", 2) })
  const votes = backers.map((backer) => [backer, backingOf(A, backer)] as const)
  script.votes.set(ChainScript.hash("a"), {
    session,
    backingValidatorsPerCandidate: [[A, votes]],
    disputes: []
  })
  return script
}

const surroundings = Layer.mergeAll(
  Overseer.ApprovalVoting.toLayer(
    Effect.succeed({
      message: Overseer.ApprovalVoting.match({
        ApprovalStatements: ({ reply }) => Effect.asVoid(Deferred.succeed(reply, [])),
        ApprovedAncestor: ({ reply }) => Effect.asVoid(Deferred.succeed(reply, []))
      })
    })
  ),
  Overseer.AvailabilityRecovery.toLayer(
    Effect.succeed({
      message: (message: Overseer.AvailabilityRecoveryMessage) =>
        Effect.asVoid(Deferred.succeed(message.reply, { _tag: "Recovered", data }))
    })
  ),
  // Nobody tells of pairs of votes, and nobody takes part: gossip is all that travels.
  Overseer.Subsystem.layerDummy(Overseer.DisputeParticipation),
  Overseer.Subsystem.layerDummy(Overseer.DisputeDistribution),
  Overseer.Subsystem.layerDummy(Overseer.MisbehaviorArbitration)
)

/** Reputation stays what it is, so that it can be read. */
const ground = Layer.build(
  Layer.fresh(Layer.merge(World.chain, MemoryNetwork.layer({ limits: { decayPerSecond: 0 } })))
)
type Ground = Context.Context<Chain.Chain | MemoryNetwork.MemoryNetwork>

const start = Effect.fnUntraced(function* (
  shared: Ground,
  script: World.Script,
  index: number,
  options: {
    readonly limits?: Partial<VotesDatabase.Limits>
    readonly store?: Layer.Layer<Store.Store>
  } = {}
) {
  const layer = Layer.mergeAll(
    DisputeCoordinator.layer(),
    VotesDatabase.layer({ retryDelayMs: 20, retryLimitMs: 50, ...options.limits }),
    surroundings
  ).pipe(
    Layer.provideMerge(VoteRegister.layer()),
    Layer.provideMerge([Disputes.layer, VotesDb.layer, Overseer.Overseer.layer(addresses)]),
    Layer.provideMerge([
      MemoryNetwork.layerPeer({ peer: `peer-${index}`, authority: World.validators[index] }),
      World.keystoreOf(World.names[index]!),
      World.runtimeOf(script),
      options.store ?? Store.layerMemory
    ]),
    Layer.provideMerge(Layer.succeedContext(shared)),
    Layer.fresh
  )
  const context = yield* Layer.build(layer)
  const db = Context.get(context, VotesDb.VotesDb)
  const database = Context.get(context, VotesDatabase.VotesDatabase)
  return {
    db,
    database,
    network: Context.get(context, Network.Network),
    /** Has seen the votes of the chain. */
    ready: eventually(Effect.map(db.votes(session, a), Option.isSome)),
    /** Calls the candidate invalid. */
    object: Context.get(context, DisputeCoordinator.DisputeCoordinator).send({
      _tag: "IssueLocalStatement",
      session,
      candidateHash: a,
      candidate: A,
      valid: false
    }),
    voters: Effect.map(db.votes(session, a), (votes) =>
      Option.getOrThrow(votes).valid.map(([, index]) => index)
    ),
    proven: eventually(Effect.map(db.proof(session, a), (proof) => Option.getOrUndefined(proof)?.pov != null))
  }
})

const eventually = <E>(is: Effect.Effect<boolean, E>) =>
  Effect.repeat(Effect.sleep(5), { until: () => Effect.orDie(is) })
const grow = (shared: Ground, branch = "a-b-c") => Effect.provideContext(World.grow(branch), shared)

const encode = Scale.encode(DisputeGossipMessage)
const messageAbout = (
  candidate: CommittedCandidateReceipt,
  ...backers: ReadonlyArray<number>
): DisputeGossipMessage => ({
  candidate,
  blockNumber: 2,
  sessionIndex: session,
  backingValidators: [0, 1, 2, 3].map((index) => (backers.includes(index) ? "1" : "0")).join(""),
  validityVotes: backers.map((backer) => backingOf(toPlain(candidate), backer))
})

describe("a dispute that escalates", () => {
  it.live(
    "is told to the others, who validate and store it, with the candidate and its proof",
    () =>
      Effect.gen(function* () {
        const shared = yield* ground
        // Bob's chain has shown him the vote of one backer only.
        const bob = yield* start(shared, scriptOf(0), 1)
        const dave = yield* start(shared, scriptOf(0, 2), 3)
        yield* grow(shared)
        yield* Effect.all([bob.ready, dave.ready])
        assert.deepStrictEqual(yield* bob.voters, [0])
        yield* dave.object
        yield* eventually(Effect.map(bob.voters, (voters) => voters.length === 2))
        assert.deepStrictEqual(yield* bob.voters, [0, 2])
        yield* Effect.all([bob.proven, dave.proven])

        const byKey = yield* bob.database.ask<ReadonlyArray<CandidateHash>>((reply) => ({
          _tag: "QueryByValidatorId",
          identification: World.validators[2]!,
          reply
        }))
        assert.deepStrictEqual(byKey, [a])
        const byIndex = yield* bob.database.ask<ReadonlyArray<CandidateHash>>((reply) => ({
          _tag: "QueryByValidatorAndSessionIndex",
          identification: [session, 2],
          reply
        }))
        assert.deepStrictEqual(byIndex, [a])
        const [found] = yield* bob.database.ask<ReadonlyArray<Overseer.DisputedCandidate>>((reply) => ({
          _tag: "LookupPoVs",
          identification: World.validators[2]!,
          limit: 10,
          reply
        }))
        assert.deepStrictEqual(found, { session, candidateHash: a, candidate: committed, pov: data.pov })
        const snapshot = yield* dave.database.ask<Option.Option<Snapshot>>((reply) => ({
          _tag: "TakeSnapshot",
          session,
          candidateHash: a,
          reply
        }))
        assert.deepStrictEqual(Option.getOrThrow(snapshot), {
          pro: [
            [0, session],
            [2, session]
          ],
          cons: [[3, session]]
        })
        // Nothing else of Dave is known: what he voted about earlier is nothing.
        const earlier = yield* dave.database.ask<ReadonlyArray<CandidateHash>>((reply) => ({
          _tag: "Detection",
          identification: [session, 3],
          candidateHash: a,
          reply
        }))
        assert.deepStrictEqual(earlier, [])
      }).pipe(Effect.scoped),
    120_000
  )

  it.live(
    "is told after a restart, too, while it is open",
    () =>
      Effect.gen(function* () {
        const shared = yield* ground
        const kept = Layer.succeedContext(yield* Layer.build(Layer.fresh(Store.layerMemory)))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const dave = yield* start(shared, scriptOf(0, 2), 3, { store: kept })
            yield* grow(shared)
            yield* dave.ready
            yield* dave.object
            yield* dave.proven
          })
        )
        const bob = yield* start(shared, scriptOf(0), 1)
        yield* start(shared, scriptOf(0, 2), 3, { store: kept })
        yield* Effect.provideContext(World.grow("e", "c", 4), shared)
        yield* bob.ready
        yield* eventually(Effect.map(bob.voters, (voters) => voters.length === 2))
      }).pipe(Effect.scoped),
    120_000
  )
})

describe("gossip of others", () => {
  const guest = Effect.fnUntraced(function* (shared: Ground, name: string, authority?: number) {
    const hub = Context.get(shared, MemoryNetwork.MemoryNetwork)
    const peer = authority === undefined ? { id: name } : { id: name, authority: World.validators[authority] }
    const own = yield* hub.join(peer)
    /** Whether it was taken. */
    return (bytes: Uint8Array) =>
      Effect.map(
        Effect.result(own.request(Protocol.disputeGossip, "peer-0", bytes)),
        (answer) => answer._tag === "Success"
      )
  })
  const setup = Effect.fnUntraced(function* (limits: Partial<VotesDatabase.Limits> = {}) {
    const shared = yield* ground
    const alice = yield* start(shared, scriptOf(0), 0, { limits })
    yield* grow(shared)
    yield* alice.ready
    return { alice, guest: (name: string, authority?: number) => guest(shared, name, authority) }
  })

  it.live(
    "is taken of validators only, and costs who lies; nothing of it is stored",
    () =>
      Effect.gen(function* () {
        const { alice, guest } = yield* setup()
        const stranger = yield* guest("stranger")
        assert.isFalse(yield* stranger(encode(messageAbout(committed, 0, 2))))

        const forger = yield* guest("forger", 1)
        const good = messageAbout(committed, 0, 2)
        const forged = { ...good, validityVotes: good.validityVotes.toReversed() }
        assert.isFalse(yield* forger(encode(forged)))
        const { badSignature, duplicate, major } = Reputation.changes
        assert.strictEqual(yield* alice.network.reputation("forger"), badSignature)
        assert.isFalse(yield* forger(encode(forged)))
        assert.strictEqual(yield* alice.network.reputation("forger"), badSignature + duplicate)

        const babbler = yield* guest("babbler", 2)
        assert.isFalse(yield* babbler(Uint8Array.of(1, 2, 3)))
        assert.strictEqual(yield* alice.network.reputation("babbler"), major)
        assert.isFalse(yield* babbler(encode({ ...good, backingValidators: "0000", validityVotes: [] })))
        assert.strictEqual(yield* alice.network.reputation("babbler"), 2 * major)

        assert.deepStrictEqual(yield* alice.voters, [0])
        assert.isTrue(Option.isNone(yield* alice.db.proof(session, a)))
      }).pipe(Effect.scoped),
    120_000
  )

  it.live(
    "about candidates that nobody has seen is not stored, costs nothing, and may be said again",
    () =>
      Effect.gen(function* () {
        const { alice, guest } = yield* setup()
        const dave = yield* guest("dave", 3)
        const unknown = messageAbout(committedOf("made up"), 0, 2)
        assert.isFalse(yield* dave(encode(unknown)))
        assert.isFalse(yield* dave(encode(unknown)))
        assert.strictEqual(yield* alice.network.reputation("dave"), 0)
        const hash = candidateHash(toPlain(unknown.candidate))
        assert.isTrue(Option.isNone(yield* alice.db.votes(session, hash)))
        assert.isTrue(Option.isNone(yield* alice.db.proof(session, hash)))
      }).pipe(Effect.scoped),
    120_000
  )

  it.live(
    "is checked once: who repeats it, or says what another said, is answered at once",
    () =>
      Effect.gen(function* () {
        const { alice, guest } = yield* setup()
        const good = encode(messageAbout(committed, 0, 2))
        const bob = yield* guest("bob", 1)
        assert.isTrue(yield* bob(good))
        assert.deepStrictEqual(yield* alice.voters, [0, 2])
        yield* alice.proven
        assert.isTrue(yield* bob(good), "he may have missed the answer")
        assert.strictEqual(yield* alice.network.reputation("bob"), 0)
        const dave = yield* guest("dave", 3)
        assert.isTrue(yield* dave(good))
        assert.strictEqual(yield* alice.network.reputation("dave"), 0)
      }).pipe(Effect.scoped),
    120_000
  )

  it.live(
    "beyond what one validator may say is a flood, which leaves the others their share",
    () =>
      Effect.gen(function* () {
        const { alice, guest } = yield* setup({ messagesPerWindow: 2, windowMs: 600_000 })
        const bob = yield* guest("bob", 1)
        for (const name of ["one", "two", "three"])
          assert.isFalse(yield* bob(encode(messageAbout(committedOf(name), 0))))
        assert.strictEqual(yield* alice.network.reputation("bob"), Reputation.changes.flood)
        const dave = yield* guest("dave", 3)
        assert.isTrue(yield* dave(encode(messageAbout(committed, 0, 2))))
      }).pipe(Effect.scoped),
    120_000
  )
})
