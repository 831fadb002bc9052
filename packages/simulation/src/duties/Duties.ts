/**
 * A committee in which one honest validator dies at every step of its duties, and comes back on its disk, while another
 * one has garbage included. In the end every duty is done. On one virtual clock: a seed is a run.
 */
import { ApprovalVoting, type ApprovedBlock } from "@ephor/overseer"
import { Chain } from "@ephor/chain"
import { VotesDb } from "@ephor/disputes"
import type { ValidatorIndex } from "@ephor/types"
import { Context, type Deferred, Effect, Fiber, Option, Random } from "effect"
import { TestClock } from "effect/testing"
import type { Running } from "../Validator.ts"
import type { Violation } from "../Invariants.ts"
import * as Signatures from "../Signatures.ts"
import * as Trace from "../Trace.ts"
import { inVirtualTime } from "../VirtualTime.ts"
import * as World from "../World.ts"
import { isAt, type Step, steps } from "./Steps.ts"

/** A run; the same options give the same run. */
export interface Options {
  readonly seed: number
  /** How many steps of the list the validator dies at, in an order by chance. Default: all. */
  readonly deaths?: number
  /** A fault that the checks must find: the victim never comes back. */
  readonly plant?: "gone"
}

/** How a run ended. */
export interface Report {
  readonly seed: number
  /** Names of the steps at which the validator died. */
  readonly died: ReadonlyArray<string>
  /** What was not done in the end. */
  readonly undone: ReadonlyArray<string>
  readonly violation: Violation | undefined
  readonly trace: ReadonlyArray<string>
  readonly hash: `0x${string}`
}

/** Blocks' times that a step may take to come, and in which duties have to be done when nobody dies any more. */
const patienceSteps = 60
const calmSteps = 24
/** Short sessions: in each of them the faulty validator is found out once, and disabled until it is over. */
const sessionLengthBlocks = 12
/** The faulty validator, and those that are not. */
const faulty = 3
const honest: ReadonlyArray<ValidatorIndex> = [0, 1, 2]

const shuffled = Effect.fnUntraced(function* <A>(list: ReadonlyArray<A>) {
  const out = [...list]
  for (let at = out.length - 1; at > 0; at--) {
    const other = yield* Random.nextIntBetween(0, at)
    ;[out[at], out[other]] = [out[other]!, out[at]!]
  }
  return out
})

/** What a run has in hand. */
interface Run {
  readonly world: World.World
  readonly victim: ValidatorIndex
  readonly armed: { step: Step | undefined }
}

const turn = ({ world }: Run) =>
  Effect.gen(function* () {
    yield* TestClock.adjust(World.blockTimeMs)
    const machine = world.machine()
    if (machine === undefined) return
    const survey = yield* Effect.forkChild(world.ledger.survey(machine))
    yield* TestClock.adjust(0)
    yield* Fiber.join(survey)
  })

/** Waits until the validator has died at the step; whether it did. */
const die = Effect.fnUntraced(function* (run: Run, step: Step) {
  const { armed, victim, world } = run
  armed.step = step
  for (let waited = 0; waited < patienceSteps; waited++) {
    if (armed.step === undefined) break
    yield* turn(run)
  }
  const died = armed.step === undefined
  armed.step = undefined
  if (died) yield* world.say("death", `validator-${victim}: ${step.name}`)
  return died
})

const comeBack = Effect.fnUntraced(function* (run: Run) {
  const away = yield* Random.nextIntBetween(0, 2)
  for (let waited = 0; waited < away; waited++) yield* turn(run)
  const starting = yield* Effect.forkChild(run.world.machine()!.startValidator(run.victim))
  while (starting.pollUnsafe() === undefined) yield* TestClock.adjust(50)
  yield* Fiber.join(starting)
})

/** The height up to which a validator has approved the chain below the head's last few blocks. */
const approvedTo = Effect.fnUntraced(function* (chain: Chain.Service, { parts }: Running) {
  const head = yield* chain.head("LocalUnsafe")
  const base = chain.anchor.derived
  const target = Option.getOrThrow(yield* chain.block(Math.max(head.number - 3, base.number)))
  const asking = yield* Effect.forkChild(
    Context.get(parts, ApprovalVoting).ask((reply: Deferred.Deferred<ReadonlyArray<ApprovedBlock>>) => ({
      _tag: "ApprovedAncestor",
      base,
      target,
      reply
    }))
  )
  yield* TestClock.adjust(10)
  const approved = yield* Fiber.join(asking)
  return { height: base.number + approved.length, target: target.number }
})

/** Everything that an honest validator owes and has not done, as sentences. */
const undone = Effect.fnUntraced(function* ({ victim, world }: Run) {
  const machine = world.machine()!
  const found: Array<string> = []
  const running = machine.validators[victim]
  if (running === undefined) return [`validator-${victim} is down`]
  const chain = Context.get(machine.ground, Chain.Chain)
  const { height, target } = yield* approvedTo(chain, running)
  if (height < target) found.push(`validator-${victim} approved the chain to #${height} of #${target}`)
  const finalized = yield* chain.head("Finalized")
  if (finalized.number < target - World.finalityDepth)
    found.push(`finality stands at #${finalized.number}, and the chain at #${target}`)
  for (const index of honest) {
    const other = machine.validators[index]
    if (other === undefined) continue
    const db = Context.get(other.parts, VotesDb.VotesDb)
    for (const { candidateHash, session, status } of yield* db.recentDisputes) {
      const name = `${Trace.short(candidateHash)} (${status._tag})`
      const votes = Option.getOrThrow(yield* db.votes(session, candidateHash))
      const voters = new Set([...votes.valid, ...votes.invalid].map(([, voter]) => voter))
      for (const voter of honest)
        if (!voters.has(voter))
          found.push(`validator-${index} has no vote of validator-${voter} about ${name}`)
      if (!status._tag.startsWith("Concluded")) found.push(`validator-${index} has not concluded ${name}`)
    }
  }
  return found
})

const run = Effect.fnUntraced(function* (options: Options) {
  yield* Signatures.reseed(options.seed)
  yield* TestClock.setTime(World.genesisMs)
  const victim = honest[yield* Random.nextIntBetween(0, honest.length - 1)]!
  const armed: Run["armed"] = { step: undefined }
  const starting = yield* Effect.forkChild(
    World.make({
      garbageShare: 0.5,
      sessionLengthBlocks,
      faulty: new Map([[faulty, {}]]),
      trap: (index, word) => {
        if (index !== victim || armed.step === undefined || !isAt(armed.step, word)) return true
        armed.step = undefined
        return false
      }
    })
  )
  while (starting.pollUnsafe() === undefined) yield* TestClock.adjust(50)
  const world = yield* Fiber.join(starting)
  const running: Run = { world, victim, armed }
  const died: Array<string> = []
  for (const step of (yield* shuffled(steps)).slice(0, options.deaths ?? steps.length)) {
    if (world.ledger.violation !== undefined) break
    if (!(yield* die(running, step))) continue
    died.push(step.name)
    if (options.plant !== "gone") yield* comeBack(running)
    else break
  }
  world.stopGarbage()
  for (let waited = 0; waited < calmSteps; waited++) yield* turn(running)
  const report: Report = {
    seed: options.seed,
    died,
    undone: yield* undone(running),
    violation: world.ledger.violation,
    trace: world.trace.lines,
    hash: world.trace.hash()
  }
  return report
})

/** Runs it in virtual time. */
export const simulate = (options: Options): Effect.Effect<Report> => inVirtualTime(options.seed, run(options))
