/**
 * A world out of a seed: one machine with a chain and four validators, a collator, an observer, and the network between
 * them, on one virtual clock. Everything that happens follows from the seed.
 */
import { Collator, type Malus } from "@ephor/backing"
import { Chain, type ChainEvent, RuntimeApi } from "@ephor/chain"
import { DevChain, DevRuntime } from "@ephor/devchain"
import { Keystore } from "@ephor/keystore"
import { CandidateSelection } from "@ephor/overseer"
import { ObserverApi, ObserverError, Subscriber } from "@ephor/streaming"
import * as NodeBlockVerifier from "@ephor/streaming/NodeBlockVerifier"
import { Unavailable } from "@ephor/streaming/ObserverError"
import { candidateHash, type Hash, type ValidatorIndex } from "@ephor/types"
import { Clock, Context, Effect, Exit, Layer, Random, Redacted, Scope, Stream } from "effect"
import * as Disk from "./Disk.ts"
import type * as Trap from "./duties/Trap.ts"
import { Ledger } from "./Ledger.ts"
import * as Machine from "./Machine.ts"
import * as Signatures from "./Signatures.ts"
import * as Trace from "./Trace.ts"
import * as Validator from "./Validator.ts"
import * as Weather from "./Weather.ts"

/** What a world is made of, beside its seed. */
export interface Options {
  /** Validators that call garbage valid, and for what. Default: none. */
  readonly faulty: ReadonlyMap<ValidatorIndex, Malus.Options>
  /** Share of candidates that the collator makes invalid, where only faulty validators would back them. */
  readonly garbageShare: number
  /** Blocks of a session: who lost a dispute is disabled until it is over. */
  readonly sessionLengthBlocks: number
  /** Acknowledged batches that the disk forgets when the machine is killed: 0 is an honest disk. */
  readonly forgottenBatches: number
  /** Hears what the subsystems of each validator say to each other; false: that validator is dead. Default: nobody dies. */
  readonly trap: ((validator: ValidatorIndex, word: Trap.Word) => boolean) | undefined
}

/** An honest world. */
export const defaults: Options = {
  faulty: new Map(),
  garbageShare: 0,
  sessionLengthBlocks: DevRuntime.defaults.sessionLengthBlocks,
  forgottenBatches: 0,
  trap: undefined
}

/** Time between blocks. */
export const blockTimeMs = 1000

/** Blocks between the head and the final block. */
export const finalityDepth = 16

/** Virtual time at which every world begins. */
export const genesisMs = 1_700_000_000_000

const secrets = ["//Alice", "//Bob", "//Charlie", "//Dave"]
const collatorSecret = "//Ferdie"
const chainId = "901"
const paraId = 2000

/** A world at work. */
export interface World {
  readonly ledger: Ledger
  readonly trace: Trace.Trace
  readonly validators: number
  /** The machine, unless it is down. */
  readonly machine: () => Machine.Machine | undefined
  /** Writes to the trace. */
  readonly say: (who: string, what: string) => Effect.Effect<void>
  readonly setWeather: (forecast: Weather.Forecast) => Effect.Effect<void>
  /** Kills the machine and starts it again from its disk. */
  readonly restart: Effect.Effect<void>
  /** From now on the collator makes nothing invalid. */
  readonly stopGarbage: () => void
}

const describe = (event: ChainEvent): string | undefined => {
  const at = ({ hash, number }: { readonly hash: Hash; readonly number: number }) =>
    `#${number} ${Trace.short(hash)}`
  switch (event._tag) {
    case "Imported":
      return `imported ${at(event.block)}`
    case "Promoted":
      return `promoted ${event.level} ${at(event.block)}`
    case "Reverted":
      return `reverted to ${at(event.head)}, ${event.removed.length} blocks: ${event.reason}`
    case "Replaced":
      return `replaced ${at(event.invalidated)} by ${at(event.replacement)}`
    case "Exhausted":
      return undefined
  }
}

const publicKeysOf = (phrases: ReadonlyArray<string>) =>
  Effect.map(Keystore.Keystore, ({ publicKeys }) => publicKeys).pipe(
    Effect.provide(Keystore.layerSr25519({ secrets: phrases.map((phrase) => Redacted.make(phrase)) }))
  )

/** Makes the world and starts it. It ends with the scope. */
export const make = Effect.fnUntraced(function* (given: Partial<Options> = {}) {
  const options = { ...defaults, ...given }
  const trace = Trace.make()
  const ledger = new Ledger((validator) => !options.faulty.has(validator))
  const disk = yield* Disk.make
  const worldScope = yield* Effect.scope
  const collator = yield* Effect.provide(
    Keystore.Keystore,
    Signatures.layerSr25519({ secrets: [Redacted.make(collatorSecret)] })
  )
  const validators = yield* publicKeysOf(secrets)
  let forecast: Weather.Forecast = Weather.usual
  let { garbageShare } = options
  let up: { readonly machine: Machine.Machine; readonly scope: Scope.Closeable } | undefined

  const say = (who: string, what: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => trace.say(now - genesisMs, who, what))

  const witness: Machine.Witness = {
    concluded: (validator, conclusion) =>
      Effect.suspend(() => {
        ledger.concluded(conclusion)
        const { candidateHash: candidate, valid } = conclusion
        return say(
          Validator.nameOf(validator),
          `concluded ${Trace.short(candidate)} ${valid ? "valid" : "invalid"}`
        )
      }),
    ended: (validator, why) =>
      Effect.sync(() => ledger.judge("alive", `${Validator.nameOf(validator)} ended: ${why}`))
  }

  const start = Effect.gen(function* () {
    const scope = yield* Scope.fork(worldScope)
    const machine = yield* Machine.start(
      {
        chainId,
        genesisTime: genesisMs / 1000,
        blockTimeMs,
        finalityDepth,
        secrets,
        validators,
        groups: [[0, 1, 2], [3]],
        paraId,
        sessionLengthBlocks: options.sessionLengthBlocks,
        faulty: options.faulty,
        trap: options.trap,
        weather: Weather.weather(() => forecast)
      },
      disk,
      witness
    ).pipe(Scope.provide(scope))
    up = { machine, scope }
    yield* watch(machine).pipe(Scope.provide(scope))
    yield* collate(machine, collator, () => garbageShare, ledger).pipe(Scope.provide(scope))
  })

  const watch = (machine: Machine.Machine) =>
    Context.get(machine.ground, Chain.Chain).events.pipe(
      Stream.runForEach((event) =>
        Effect.suspend(() => {
          ledger.event(event)
          const text = describe(event)
          return text === undefined ? Effect.void : say("chain", text)
        })
      ),
      Effect.forkScoped({ startImmediately: true })
    )

  const restart = Effect.gen(function* () {
    const old = up
    up = undefined
    if (old !== undefined) {
      yield* old.machine.crash
      yield* Scope.close(old.scope, Exit.void)
    }
    yield* disk.forget(Machine.chainPrefix, options.forgottenBatches)
    yield* start
  }).pipe(Effect.orDie)

  const world: World = {
    ledger,
    trace,
    validators: secrets.length,
    machine: () => up?.machine,
    say,
    setWeather: (next) => Effect.sync(() => void (forecast = next)),
    restart,
    stopGarbage: () => void (garbageShare = 0)
  }
  yield* start
  yield* observe(world)
  return world
})

/** Offers a candidate at every block; some are garbage. */
const collate = Effect.fnUntraced(function* (
  machine: Machine.Machine,
  keystore: Keystore.Service,
  garbageShare: () => number,
  ledger: Ledger
) {
  const runtime = Context.get(machine.ground, RuntimeApi.RuntimeApi)
  const offer: Collator.Options["offer"] = ({ index }, candidate) => {
    const running = machine.validators[index]
    return running === undefined
      ? Effect.void
      : Context.get(running.parts, CandidateSelection).send(candidate)
  }
  const onBlock = Effect.fnUntraced(function* (relayParent: Hash) {
    const garbage = (yield* Random.next) < garbageShare()
    const collating: Collator.Options = {
      paraId,
      collator: keystore.publicKeys[0]!,
      // Known before anybody can vote about it.
      offer: (target, message, parentHead) => {
        if (garbage) ledger.garbage(candidateHash(message.candidate))
        return offer(target, message, parentHead)
      }
    }
    yield* Effect.ignore(Collator.collateAt(collating, { runtime, keystore }, relayParent, garbage))
  })
  yield* Context.get(machine.ground, Chain.Chain).events.pipe(
    Stream.runForEach((event) => (event._tag === "Imported" ? onBlock(event.block.hash) : Effect.void)),
    Effect.forkScoped({ startImmediately: true })
  )
})

/** Follows whatever machine is up, checking signatures, and tells the ledger about each commit. */
const observe = Effect.fnUntraced(function* (world: World) {
  const { committee } = Context.get(world.machine()!.ground, DevChain.DevChain)
  const connect = Effect.suspend(() => {
    const machine = world.machine()
    return machine === undefined
      ? Effect.fail(
          new ObserverError({ where: "simulation", reason: new Unavailable({ why: "the machine is down" }) })
        )
      : Effect.succeed(Context.get(machine.ground, ObserverApi.ObserverApi))
  })
  const subscriber = yield* Layer.build(
    Subscriber.layerPeers([{ name: "machine", connect }]).pipe(
      Layer.provide(NodeBlockVerifier.layerMysticeti({ committee }))
    )
  )
  yield* Context.get(subscriber, Subscriber.Subscriber).commits.pipe(
    Stream.runForEach(({ digest, index }) =>
      Effect.andThen(
        Effect.sync(() => world.ledger.observed(index, digest)),
        world.say("observer", `commit ${index} ${digest === undefined ? "" : Trace.short(digest)}`)
      )
    ),
    Effect.catch((error) => Effect.sync(() => world.ledger.judge("observer", error.message))),
    Effect.forkScoped({ startImmediately: true })
  )
})
