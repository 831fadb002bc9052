/**
 * The machine of a simulated world: a development chain, the network between its validators, the validators and a
 * publisher for observers. It can be killed as a whole or validator by validator, and starts again from its disk.
 */
import { Adder, type Malus } from "@ephor/backing"
import { DevChain } from "@ephor/devchain"
import { Store } from "@ephor/store"
import { Disputes, Thresholds } from "@ephor/disputes"
import { MemoryNetwork } from "@ephor/network"
import { Overseer } from "@ephor/overseer"
import { BlockSource, ObserverApi, Publisher } from "@ephor/streaming"
import type { ParaId, ValidatorId, ValidatorIndex } from "@ephor/types"
import { Context, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import type { Disk } from "./Disk.ts"
import type * as Trap from "./duties/Trap.ts"
import * as NativePvf from "./NativePvf.ts"
import * as Validator from "./Validator.ts"

/** The chain and its committee. */
export interface Options {
  readonly chainId: string
  /** Seconds. */
  readonly genesisTime: number
  readonly blockTimeMs: number
  /** Blocks between the head and the finalized block: the time that a dispute has. */
  readonly finalityDepth: number
  /** Secret phrases of the validators, and their public keys. */
  readonly secrets: ReadonlyArray<string>
  readonly validators: ReadonlyArray<ValidatorId>
  readonly groups: ReadonlyArray<ReadonlyArray<ValidatorIndex>>
  readonly paraId: ParaId
  readonly sessionLengthBlocks: number
  /** Validators that call garbage valid, and for what. */
  readonly faulty: ReadonlyMap<ValidatorIndex, Malus.Options>
  readonly weather: MemoryNetwork.Weather
  /** See `World.Options.trap`. */
  readonly trap: ((validator: ValidatorIndex, word: Trap.Word) => boolean) | undefined
}

/** What happens inside of a machine that the world wants to know. */
export interface Witness {
  readonly concluded: (
    validator: ValidatorIndex,
    conclusion: Disputes.DisputeConclusion
  ) => Effect.Effect<void>
  /** A validator ended although nobody killed it. */
  readonly ended: (validator: ValidatorIndex, why: string) => Effect.Effect<void>
}

/** The services of a machine that is up. */
export type Ground = Validator.Ground | ObserverApi.ObserverApi

/** A machine that is up. */
export interface Machine {
  readonly ground: Context.Context<Ground>
  /** By index; `undefined` is down. */
  readonly validators: ReadonlyArray<Validator.Running | undefined>
  /** Kills one validator, if it is up. */
  readonly stopValidator: (index: ValidatorIndex) => Effect.Effect<void>
  /** Starts one validator, if it is down. */
  readonly startValidator: (index: ValidatorIndex) => Effect.Effect<void>
  /** Kills everything. */
  readonly crash: Effect.Effect<void>
}

/** Where the chain's part of the disk begins. */
export const chainPrefix = "chain/"

const groundLayer = (options: Options, store: Store.Service): Layer.Layer<Ground> => {
  const chain = DevChain.layer({
    chainId: options.chainId,
    genesisTime: options.genesisTime,
    blockTimeMs: options.blockTimeMs,
    authors: { seed: `simulation-${options.chainId}`, size: options.validators.length },
    finality: { depth: options.finalityDepth, votes: Thresholds.supermajority(options.validators.length) },
    runtime: {
      validators: options.validators,
      groups: options.groups,
      groupRotationFrequency: 6,
      sessionLengthBlocks: options.sessionLengthBlocks,
      paras: [
        {
          id: options.paraId,
          genesisHead: Adder.encodeHead(Adder.genesis()),
          validationCode: Adder.code
        }
      ]
    }
  }).pipe(Layer.provide(Layer.succeed(Store.Store, store)))
  const publisher = Publisher.layer().pipe(
    Layer.provide(BlockSource.layerChain({ committeeSize: options.validators.length }))
  )
  return Layer.mergeAll(
    publisher.pipe(Layer.provideMerge(chain)),
    MemoryNetwork.layer({ weather: options.weather }),
    NativePvf.layer
    // A chain that cannot be opened from what its own disk holds has no business going on.
  ).pipe(Layer.orDie)
}

/** Starts a machine from what the disk holds; it ends with the surrounding scope at the latest. */
export const start = Effect.fnUntraced(function* (options: Options, disk: Disk, witness: Witness) {
  const session = disk.open(chainPrefix)
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
  const ground = yield* Layer.buildWithScope(Layer.fresh(groundLayer(options, session.store)), scope)
  const devChain = Context.get(ground, DevChain.DevChain)
  const validators: Array<Validator.Running | undefined> = options.validators.map(() => undefined)
  /** Validators that a trap killed: what is left of them has to end before they start again. */
  const deaths = new Map<ValidatorIndex, Fiber.Fiber<void>>()

  const watch = Effect.fnUntraced(function* (index: ValidatorIndex, running: Validator.Running) {
    const { conclusions, lateInclusions } = Context.get(running.parts, Disputes.Disputes)
    const bar = ({ candidateHash, valid }: Disputes.DisputeConclusion) =>
      valid ? Effect.void : Effect.ignore(devChain.reject(candidateHash))
    yield* conclusions.pipe(
      Stream.tap(bar),
      Stream.runForEach((conclusion) => witness.concluded(index, conclusion)),
      Effect.forkIn(scope, { startImmediately: true })
    )
    yield* Stream.runForEach(lateInclusions, bar).pipe(Effect.forkIn(scope, { startImmediately: true }))
    yield* Context.get(running.parts, Overseer.Overseer).join.pipe(
      Effect.catch((error) =>
        validators[index] === running ? witness.ended(index, error.message) : Effect.void
      ),
      Effect.forkIn(scope, { startImmediately: true })
    )
  })

  const startValidator = Effect.fnUntraced(function* (index: ValidatorIndex) {
    if (validators[index] !== undefined) return
    const death = deaths.get(index)
    if (death !== undefined) yield* Fiber.await(death)
    const malus = options.faulty.get(index)
    const { trap } = options
    const trapped =
      trap === undefined
        ? undefined
        : {
            trap: (word: Trap.Word) => trap(index, word),
            // Beside what it was doing: that never comes back.
            die: Effect.map(
              Effect.forkIn(
                Effect.suspend(() => stopValidator(index)),
                scope
              ),
              (death) => void deaths.set(index, death)
            )
          }
    const running = yield* Validator.start(
      { index, secret: options.secrets[index]!, malus, trapped },
      disk
    ).pipe(Effect.provideContext(ground), Scope.provide(scope), Effect.orDie)
    validators[index] = running
    yield* watch(index, running)
  })

  const stopValidator = (index: ValidatorIndex) =>
    Effect.suspend(() => {
      const running = validators[index]
      validators[index] = undefined
      return running === undefined ? Effect.void : running.crash
    })

  const crash = Effect.gen(function* () {
    yield* session.kill
    yield* Effect.forEach(options.validators, (_, index) => stopValidator(index), {
      concurrency: "unbounded",
      discard: true
    })
    yield* Scope.close(scope, Exit.void)
  })

  yield* Effect.forEach(options.validators, (_, index) => startValidator(index), { discard: true })
  const machine: Machine = { ground, validators, startValidator, stopValidator, crash }
  return machine
})
