/**
 * What befalls a world: seeded choice among faults that a correct house survives. A fault may take several steps; what
 * it broke is mended when its time is over.
 */
import { Chain } from "@ephor/chain"
import { MemoryNetwork } from "@ephor/network"
import type { BlockRef, ValidatorIndex } from "@ephor/types"
import { Context, Effect, Option, Random } from "effect"
import type { Machine } from "./Machine.ts"
import { short } from "./Trace.ts"
import { nameOf } from "./Validator.ts"
import * as Weather from "./Weather.ts"
import type { World } from "./World.ts"

/** Something that was broken and is mended `atStep`. */
interface Pending {
  readonly atStep: number
  readonly mend: Effect.Effect<void>
}

/** Faults at work. */
export interface Faults {
  /** Mends what is due, then maybe breaks something. */
  readonly step: (step: number) => Effect.Effect<void>
  /** Mends everything. */
  readonly calm: Effect.Effect<void>
}

/** Share of steps in which something breaks. */
export const faultShare = 0.3

/** Longest time for which something stays broken, in steps; well below the depth of finality. */
export const longestFaultSteps = 4

const pick = <A>(choices: readonly [A, ...ReadonlyArray<A>]): Effect.Effect<A> =>
  Effect.map(Random.nextIntBetween(0, choices.length - 1), (index) => choices[index]!)

/** A canonical block above the finalized one, if there is one. */
const unsettled = Effect.fnUntraced(function* (chain: Chain.Service) {
  const { finalized, localUnsafe } = yield* chain.heads
  if (localUnsafe.number - finalized.number < 2) return undefined
  const height = yield* Random.nextIntBetween(
    Math.max(finalized.number + 1, localUnsafe.number - 3),
    localUnsafe.number
  )
  return Option.getOrUndefined(yield* chain.block(height))
})

/** A supervisor dictates heads: everything above the block is forgotten. */
const commandRevert = Effect.fnUntraced(function* (chain: Chain.Service, target: BlockRef) {
  const heads = Chain.headIds(yield* chain.heads)
  const below = (head: BlockRef | (typeof heads)["finalized"]) =>
    head.number <= target.number
      ? { hash: head.hash, number: head.number }
      : { hash: target.hash, number: target.number }
  yield* chain.revert(
    {
      localUnsafe: below(target),
      crossUnsafe: below(heads.crossUnsafe),
      localSafe: below(heads.localSafe),
      crossSafe: below(heads.crossSafe),
      finalized: heads.finalized
    },
    "the simulation dictates heads",
    { commanded: true }
  )
})

/** Faults for a world. */
export const make = (world: World): Faults => {
  let pending: ReadonlyArray<Pending> = []
  const later = Effect.fnUntraced(function* (step: number, mend: Effect.Effect<void>) {
    const steps = yield* Random.nextIntBetween(1, longestFaultSteps)
    pending = [...pending, { atStep: step + steps, mend }]
  })
  const say = (what: string) => world.say("fault", what)
  const withMachine = <E>(use: (machine: Machine) => Effect.Effect<void, E>) =>
    Effect.suspend((): Effect.Effect<void, E> => {
      const machine = world.machine()
      return machine === undefined ? Effect.void : use(machine)
    })
  const anyValidator = Random.nextIntBetween(0, world.validators - 1)

  const setLinks = (index: ValidatorIndex, up: boolean) =>
    withMachine((machine) => {
      const network = Context.get(machine.ground, MemoryNetwork.MemoryNetwork)
      const others = Array.from({ length: world.validators }, (_, other) => other).filter(
        (other) => other !== index
      )
      return Effect.forEach(others, (other) => network.setLink(nameOf(index), nameOf(other), up), {
        discard: true
      })
    })

  const faults: readonly [
    (step: number) => Effect.Effect<void>,
    ...Array<(step: number) => Effect.Effect<void>>
  ] = [
    Effect.fnUntraced(function* (step) {
      const index = yield* anyValidator
      yield* say(`kills ${nameOf(index)}`)
      yield* withMachine((machine) => machine.stopValidator(index))
      yield* later(
        step,
        Effect.andThen(
          say(`starts ${nameOf(index)}`),
          withMachine((machine) => machine.startValidator(index))
        )
      )
    }),
    Effect.fnUntraced(function* () {
      yield* say("kills the machine and starts it again")
      yield* world.restart
    }),
    Effect.fnUntraced(function* (step) {
      const index = yield* anyValidator
      yield* say(`cuts off ${nameOf(index)}`)
      yield* setLinks(index, false)
      yield* later(step, Effect.andThen(say(`connects ${nameOf(index)}`), setLinks(index, true)))
    }),
    Effect.fnUntraced(function* (step) {
      const forecast = { loss: (yield* Random.next) * 0.3, delayMs: yield* Random.nextIntBetween(0, 600) }
      yield* say(`storm: loss ${forecast.loss.toFixed(2)}, delay ${forecast.delayMs} ms`)
      yield* world.setWeather(forecast)
      yield* later(step, world.setWeather(Weather.usual))
    }),
    () => steer("a commanded revert to", commandRevert),
    () => steer("an invalid message in", (chain, block) => Effect.asVoid(chain.invalidate(block.hash))),
    () => steer("a promotion of", (chain, block) => promote(chain, block))
  ]

  /** What a supervisor might say about a block. The chain may refuse, as it may refuse any supervisor. */
  const steer = <E extends { readonly message: string }>(
    what: string,
    command: (chain: Chain.Service, block: BlockRef) => Effect.Effect<void, E>
  ) =>
    withMachine(
      Effect.fnUntraced(function* (machine) {
        const chain = Context.get(machine.ground, Chain.Chain)
        const block = yield* Effect.orElseSucceed(unsettled(chain), () => undefined)
        if (block === undefined) return
        yield* say(`${what} #${block.number} ${short(block.hash)}`)
        yield* command(chain, block).pipe(Effect.catch((error) => say(`refused: ${error.message}`)))
      })
    )

  const promote = Effect.fnUntraced(function* (chain: Chain.Service, block: BlockRef) {
    const level = yield* pick(["CrossUnsafe", "LocalSafe", "CrossSafe"] as const)
    yield* chain.promote(level, block.hash)
  })

  const mend = Effect.fnUntraced(function* (due: (fault: Pending) => boolean) {
    const now = pending.filter(due)
    pending = pending.filter((fault) => !now.includes(fault))
    yield* Effect.forEach(now, (fault) => fault.mend, { discard: true })
  })

  return {
    step: Effect.fnUntraced(function* (step) {
      yield* mend(({ atStep }) => atStep <= step)
      if ((yield* Random.next) >= faultShare) return
      yield* (yield* pick(faults))(step)
    }),
    calm: Effect.suspend(() =>
      Effect.andThen(
        mend(() => true),
        world.setWeather(Weather.calm)
      )
    )
  }
}
