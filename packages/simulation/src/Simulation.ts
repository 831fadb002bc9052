/**
 * A run: a world, faults for a number of steps, then calm weather in which everything must recover.
 */
import { Cause, Context, Effect, Fiber } from "effect"
import { Chain } from "@ephor/chain"
import type { Hash } from "@ephor/types"
import { TestClock } from "effect/testing"
import * as Faults from "./Faults.ts"
import type { Violation } from "./Invariants.ts"
import type { Totals } from "./Ledger.ts"
import * as Signatures from "./Signatures.ts"
import * as World from "./World.ts"
import { inVirtualTime } from "./VirtualTime.ts"

/** A run; the same options give the same run. */
export interface Options extends Partial<World.Options> {
  readonly seed: number
  /** Blocks' times under faults. */
  readonly steps: number
  /** Without faults: the usual weather all along. */
  readonly quiet?: boolean
  /** The machine is killed and started again at this step, whatever else happens. */
  readonly restartAtStep?: number
  /** Calm weather at the end, in which everything must recover. Default true. */
  readonly recovery?: boolean
}

/** Worlds that break an invariant, to see that it is found. */
export const plants = {
  /** Everybody lies about garbage, in disputes too: it becomes final. */
  garbage: {
    garbageShare: 0.5,
    faulty: new Map([0, 1, 2, 3].map((index) => [index, { lies: ["Backing", "Approval", "Dispute"] }]))
  },
  /** The disk forgets what it has acknowledged. */
  disk: { forgottenBatches: 200, restartAtStep: 30 }
} satisfies { readonly [name: string]: Partial<Options> }

/** The usual world of a seed: in every other one the fourth validator is faulty, and a collator makes use of it. */
export const faultyValidatorOf = (seed: number): Partial<World.Options> =>
  seed % 2 === 0 ? {} : { garbageShare: 0.2, faulty: new Map([[3, {}]]) }

/** How a run ended. */
export interface Report {
  readonly seed: number
  readonly steps: number
  /** The first invariant that did not hold; the run ends there. */
  readonly violation: Violation | undefined
  readonly totals: Totals
  readonly trace: ReadonlyArray<string>
  /** Hash of the trace. */
  readonly hash: Hash
}

/** Steps of calm weather at the end. */
export const recoverySteps = 20

/** Blocks that these must bring at least. */
const recoveryBlocks = 15

/** Candidates that these must bring at least, unless garbage is offered. */
const recoveryCandidates = 1

/** Virtual time that starting, killing and mending may take. */
const patienceMs = 120_000

/** Lets virtual time go on until the fiber has ended; false if that takes too long. */
const finish = Effect.fnUntraced(function* (fiber: Fiber.Fiber<unknown, unknown>) {
  for (let waited = 0; waited < patienceMs && fiber.pollUnsafe() === undefined; waited += 50)
    yield* TestClock.adjust(50)
  return fiber.pollUnsafe() !== undefined
})

/** Runs an action that may itself need virtual time to pass. */
const act = Effect.fnUntraced(function* (world: World.World, what: string, action: Effect.Effect<void>) {
  const fiber = yield* Effect.forkChild(
    Effect.catchCause(action, (cause) =>
      Effect.sync(() => world.ledger.judge("alive", `${what} failed: ${Cause.pretty(cause)}`))
    )
  )
  if (!(yield* finish(fiber)))
    world.ledger.judge("alive", `${what} did not end within ${patienceMs} ms of virtual time`)
})

const turn = Effect.fnUntraced(function* (world: World.World, action: Effect.Effect<void>) {
  yield* act(world, "a fault or its mending", action)
  yield* TestClock.adjust(World.blockTimeMs)
  const machine = world.machine()
  if (machine !== undefined) yield* act(world, "the survey", world.ledger.survey(machine))
  return world.ledger.violation === undefined
})

const height = (world: World.World) => {
  const machine = world.machine()
  return machine === undefined
    ? Effect.succeed(0)
    : Effect.map(Context.get(machine.ground, Chain.Chain).head("LocalUnsafe"), ({ number }) => number)
}

const recover = Effect.fnUntraced(function* (world: World.World, faults: Faults.Faults) {
  let action = faults.calm
  const before = yield* height(world)
  const { included } = world.ledger.totals()
  for (let step = 0; step < recoverySteps; step++) {
    if (!(yield* turn(world, action))) return
    action = Effect.void
  }
  const blocks = (yield* height(world)) - before
  const candidates = world.ledger.totals().included - included
  if (blocks < recoveryBlocks)
    world.ledger.judge("progress", `${blocks} blocks in ${recoverySteps} calm steps`)
  if (candidates < recoveryCandidates)
    world.ledger.judge("progress", `${candidates} candidates included in ${recoverySteps} calm steps`)
})

const run = Effect.fnUntraced(function* ({
  quiet = false,
  recovery = true,
  restartAtStep,
  seed,
  steps,
  ...options
}: Options) {
  yield* Signatures.reseed(seed)
  yield* TestClock.setTime(World.genesisMs)
  const starting = yield* Effect.forkChild(World.make(options))
  yield* finish(starting)
  const world = yield* Fiber.join(starting)
  const faults = Faults.make(world)
  let going = world.ledger.violation === undefined
  for (let step = 0; going && step < steps; step++) {
    const fault = quiet ? Effect.void : faults.step(step)
    going = yield* turn(world, step === restartAtStep ? Effect.andThen(fault, world.restart) : fault)
  }
  if (going && recovery) yield* recover(world, faults)
  const report: Report = {
    seed,
    steps,
    violation: world.ledger.violation,
    totals: world.ledger.totals(),
    trace: world.trace.lines,
    hash: world.trace.hash()
  }
  return report
})

/** Runs a simulation in virtual time. */
export const simulate = (options: Options): Effect.Effect<Report> => inVirtualTime(options.seed, run(options))
