/** Four validators in one process back, make available, include and check the candidates of an adder para. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Option, Queue, type Scope, Stream } from "effect"
import { Adder, Collator, Provisioner, Subsystems } from "@ephor/backing"
import * as NodePvf from "@ephor/backing/NodePvf"
import { Chain, RuntimeApi } from "@ephor/chain"
import { DevAuthor, DevChain } from "@ephor/devchain"
import { Store } from "@ephor/store"
import type { MemoryNetwork, Network } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import { candidateHash, type CandidateReceipt, type Hash } from "@ephor/types"
import * as Hub from "./support/network.ts"
import * as World from "./support/world.ts"

const paraId = World.paraId
const chain = DevChain.layer({
  chainId: "901",
  genesisTime: 1,
  blockTimeMs: 500,
  runtime: {
    validators: World.validators,
    groups: [[0, 1, 2, 3]],
    paras: [{ id: paraId, genesisHead: Adder.encodeHead(Adder.genesis()), validationCode: Adder.code }]
  }
}).pipe(Layer.provide(Layer.fresh(Store.layerMemory)))

/** A dispute coordinator that knows of no disputes, and notes what it is told. */
const coordinator = (told: Queue.Queue<Overseer.IssueLocalStatement>) =>
  Overseer.DisputeCoordinator.toLayer(
    Effect.succeed({
      message: (message: Overseer.DisputeCoordinatorMessage) => {
        switch (message._tag) {
          case "RecentDisputes":
          case "ActiveDisputes":
            return Deferred.succeed(message.reply, [])
          case "IssueLocalStatement":
            return Queue.offer(told, message)
          default:
            return Effect.void
        }
      }
    })
  )

interface Validator {
  readonly network: Network.Service
  readonly told: Queue.Queue<Overseer.IssueLocalStatement>
  readonly selection: Overseer.Mailbox.Mailbox<Overseer.CandidateSelectionMessage>
}

const validator = Effect.fnUntraced(function* (hub: MemoryNetwork.Service, index: number, malus: boolean) {
  const network = yield* Hub.join(hub, World.suris[index]!, index)
  const told = yield* Queue.unbounded<Overseer.IssueLocalStatement>()
  const app = Layer.mergeAll(
    Subsystems.layer({
      bitfieldSigning: { pollMs: 10 },
      // Shorter than a block, so that the collator's next candidate is heard again.
      selection: { penaltyMs: 100 },
      ...(malus ? { malus: {} } : {})
    }),
    coordinator(told),
    DevAuthor.layer(index, Provisioner.inherents)
  ).pipe(
    Layer.provideMerge(Overseer.Overseer.layer([...Subsystems.addresses, Overseer.DisputeCoordinator])),
    Layer.provide([World.keystoreOf(World.suris[index]!), Layer.fresh(Store.layerMemory), Hub.layer(network)])
  )
  const context = yield* Layer.build(Layer.fresh(app))
  const selection = yield* Effect.provide(Overseer.CandidateSelection, context)
  return { network, told, selection } satisfies Validator
})

const committee = (malicious: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const hub = yield* Hub.makeHub
    const validators: Array<Validator> = []
    for (const index of [0, 1, 2, 3]) validators.push(yield* validator(hub, index, malicious.includes(index)))
    return validators
  })

const collator = (validators: ReadonlyArray<Validator>, garbageEvery: number, made: Map<Hash, boolean>) => {
  let count = 0
  return Layer.build(
    Collator.layer({
      paraId,
      collator: World.collator,
      garbageEvery,
      offer: ({ index }, message) =>
        Effect.suspend(() => {
          const hash = candidateHash(message.candidate)
          if (!made.has(hash)) made.set(hash, garbageEvery > 0 && ++count % garbageEvery === 0)
          return Effect.asVoid(validators[index]!.selection.trySend(message))
        })
    }).pipe(Layer.provide(World.keystoreOf("//Eve")))
  )
}

/** Receipts in the order of their inclusion. */
const included = Effect.gen(function* () {
  const runtime = yield* RuntimeApi.RuntimeApi
  return (yield* Chain.Chain).events.pipe(
    Stream.flatMap((event) =>
      event._tag === "Imported"
        ? Stream.fromIterableEffect(runtime.candidateEvents(event.block.hash))
        : Stream.empty
    ),
    Stream.flatMap((event) =>
      event._tag === "CandidateIncluded" ? Stream.succeed(event.value[0] as CandidateReceipt) : Stream.empty
    )
  )
})

const live = Layer.mergeAll(chain, NodePvf.layer())
type Live = Layer.Success<typeof live>

const run = <A, E>(effect: Effect.Effect<A, E, Live | Scope.Scope>) =>
  Effect.scoped(effect).pipe(Effect.provide(Layer.fresh(live)))

describe("a committee", () => {
  it.live(
    "backs by quorum, makes available and includes one candidate after the other",
    () =>
      run(
        Effect.gen(function* () {
          const validators = yield* committee([])
          const inclusions = yield* included
          const made = new Map<Hash, boolean>()
          yield* collator(validators, 0, made)
          const receipts = yield* inclusions.pipe(Stream.take(4), Stream.runCollect)
          const runtime = yield* RuntimeApi.RuntimeApi
          const head = yield* Effect.flatMap(Chain.Chain, (chain) => chain.head("LocalUnsafe"))
          const data = Option.getOrThrow(yield* runtime.persistedValidationData(head.hash, paraId))
          assert.isAtLeast(Number(Adder.decodeHead(data.parentHead).number), 4)
          for (const receipt of receipts) assert.isTrue(made.has(candidateHash(receipt)))
          for (const { network, told } of validators) {
            assert.strictEqual(yield* Queue.size(told), 0)
            for (const peer of yield* network.peers) assert.isAbove(yield* network.reputation(peer.id), 0)
          }
        })
      ),
    60_000
  )

  it.live(
    "never includes garbage while validators are honest",
    () =>
      run(
        Effect.gen(function* () {
          const validators = yield* committee([])
          const inclusions = yield* included
          const made = new Map<Hash, boolean>()
          yield* collator(validators, 2, made)
          const receipts = yield* inclusions.pipe(Stream.take(2), Stream.runCollect)
          assert.include([...made.values()], true)
          for (const receipt of receipts) assert.isFalse(made.get(candidateHash(receipt)))
        })
      ),
    60_000
  )

  it.live(
    "finds garbage that faulty validators had included, and calls for a dispute",
    () =>
      run(
        Effect.gen(function* () {
          const validators = yield* committee([0, 1])
          const made = new Map<Hash, boolean>()
          yield* collator(validators, 1, made)
          for (const honest of [2, 3]) {
            const issued = yield* Queue.take(validators[honest]!.told)
            assert.isFalse(issued.valid)
            assert.isTrue(made.get(issued.candidateHash))
          }
          for (const faulty of [0, 1]) assert.strictEqual(yield* Queue.size(validators[faulty]!.told), 0)
        })
      ),
    60_000
  )
})
