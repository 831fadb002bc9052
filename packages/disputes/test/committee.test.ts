/** Four validators in one process come to the same verdict, and to the same chain. */
import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import { Store } from "@ephor/store"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import {
  DisputeCoordinator,
  DisputeDistribution,
  DisputeParticipation,
  Disputes,
  Enforcement,
  VotesDb
} from "@ephor/disputes"
import { MemoryNetwork } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import { Subsystem } from "@ephor/overseer"
import { candidateHash, type CandidateReceipt } from "@ephor/types"
import { Context, Deferred, Effect, Layer, Option, Queue, Stream } from "effect"
import * as World from "./support/world.ts"

const addresses = [
  Overseer.ApprovalVoting,
  Overseer.AvailabilityRecovery,
  Overseer.CandidateValidation,
  DisputeCoordinator.DisputeCoordinator,
  DisputeParticipation.DisputeParticipation,
  Overseer.MisbehaviorArbitration,
  DisputeDistribution.DisputeDistribution
] as const

const { data } = World
/** What surrounds disputes, scripted: data is there, and a candidate is valid if its name says so. */
const surroundings = (isValid: (candidate: CandidateReceipt) => boolean) =>
  Layer.mergeAll(
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
    Overseer.CandidateValidation.toLayer(
      Effect.succeed({
        message: ({ candidate, reply }: Overseer.CandidateValidationMessage) =>
          Effect.asVoid(
            Deferred.succeed(
              reply,
              isValid(candidate)
                ? {
                    _tag: "Valid",
                    commitments: undefined as never,
                    persistedValidationData: data.validationData
                  }
                : { _tag: "Invalid", reason: { _tag: "InvalidOutputs" } }
            )
          )
      })
    )
  )

/** One validator with disputes alone. */
const validator = Effect.fnUntraced(function* (
  shared: Context.Context<Chain.Chain | MemoryNetwork.MemoryNetwork>,
  script: World.Script,
  index: number,
  isValid: (candidate: CandidateReceipt) => boolean
) {
  const network = MemoryNetwork.layerPeer({ peer: `peer-${index}`, authority: World.validators[index] })
  const layer = Layer.mergeAll(
    DisputeCoordinator.layer(),
    DisputeParticipation.layer(),
    DisputeDistribution.layer({ retryDelayMs: 50, sendIntervalMs: 1 }),
    Subsystem.layerDummy(Overseer.MisbehaviorArbitration),
    surroundings(isValid)
  ).pipe(
    Layer.provideMerge(Enforcement.layer),
    Layer.provideMerge([Disputes.layer, VotesDb.layer, Overseer.Overseer.layer(addresses)]),
    Layer.provideMerge([
      network,
      World.keystoreOf(World.names[index]!),
      World.runtimeOf(script),
      Store.layerMemory
    ]),
    Layer.provideMerge(Layer.succeedContext(shared)),
    Layer.fresh
  )
  const context = yield* Layer.build(layer)
  const conclusions = yield* Queue.unbounded<Disputes.DisputeConclusion>()
  yield* Context.get(context, Disputes.Disputes).conclusions.pipe(
    Stream.runForEach((conclusion) => Queue.offer(conclusions, conclusion)),
    Effect.forkScoped({ startImmediately: true })
  )
  return {
    conclusion: Queue.take(conclusions),
    coordinator: Context.get(context, Overseer.DisputeCoordinator),
    votes: Context.get(context, VotesDb.VotesDb).votes
  }
})

/** Alice backed the candidate, which is included in block `b`; Charlie calls it invalid. */
const judge = Effect.fnUntraced(function* (isValid: boolean) {
  const shared = yield* Layer.build(Layer.merge(World.chain, MemoryNetwork.layer()))
  const chain = Context.get(shared, Chain.Chain)
  const script = new World.Script()
  const candidate = World.receipt("A")
  script.include("b", candidate, "CandidateIncluded")
  const backing = World.vote(candidate, 10, World.seconded, 0)
  script.votes.set(ChainScript.hash("a"), {
    session: 10,
    backingValidatorsPerCandidate: [[candidate, [[0, { _tag: "Implicit", value: backing.signature }]]]],
    disputes: []
  })
  const everybody = yield* Effect.forEach([0, 1, 2, 3], (index) =>
    validator(shared, script, index, () => isValid)
  )
  yield* Effect.provideService(World.grow("a-b-c"), Chain.Chain, chain)
  const hash = candidateHash(candidate)
  // The leaf reaches everybody in its own time.
  yield* Effect.repeat(Effect.sleep(10), {
    until: () => Effect.map(everybody[2]!.votes(10, hash), Option.isSome)
  })
  yield* everybody[2]!.coordinator.send({
    _tag: "IssueLocalStatement",
    session: 10,
    candidateHash: hash,
    candidate,
    valid: false
  })
  const conclusions = yield* Effect.forEach(everybody, ({ conclusion }) => conclusion)
  return { chain, hash, everybody, conclusions }
})

describe("a committee of four", () => {
  it.live("finds an invalid candidate, everywhere, and takes its block off the chain", () =>
    Effect.gen(function* () {
      const { chain, conclusions, everybody, hash } = yield* judge(false)
      assert.deepStrictEqual(
        conclusions.map(({ candidateHash, valid }) => [candidateHash, valid]),
        Array.from({ length: 4 }, () => [hash, false])
      )
      for (const { votes } of everybody) {
        const { invalid, valid } = Option.getOrThrow(yield* votes(10, hash))
        assert.deepStrictEqual(
          [valid.map(([, index]) => index), invalid.map(([, index]) => index)],
          [[0], [1, 2, 3]]
        )
      }
      yield* Effect.repeat(Effect.sleep(10), { until: () => chain.isInvalidated(ChainScript.hash("c")) })
      assert.isTrue(yield* chain.isInvalidated(ChainScript.hash("b")))
      assert.isFalse(yield* chain.isInvalidated(ChainScript.hash("a")))
    })
  )
  it.live("stands by a valid one against whoever cries wolf", () =>
    Effect.gen(function* () {
      const { chain, conclusions } = yield* judge(true)
      assert.deepStrictEqual(
        conclusions.map(({ valid }) => valid),
        [true, true, true, true]
      )
      assert.isFalse(yield* chain.isInvalidated(ChainScript.hash("b")))
    })
  )
})
