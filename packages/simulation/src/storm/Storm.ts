/**
 * A dispute storm among a hundred validators, up to a third of them malicious: wolves are cried, unknown candidates float
 * in, votes are doubled, forged and too late. A few honest validators are real (`Witness`), all others scripted (`Crowd`).
 * On one virtual clock: a seed is a run.
 */
import { MemoryNetwork, Reputation } from "@ephor/network"
import type { BlockDescription } from "@ephor/overseer"
import { blake2b256, type Hash, type ValidatorIndex } from "@ephor/types"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { below } from "../Chance.ts"
import { type Forecast, weather } from "../Weather.ts"
import * as Crowd from "./Crowd.ts"
import * as Ground from "./Ground.ts"
import * as Judge from "./Judge.ts"
import * as Witness from "./Witness.ts"
import { inVirtualTime } from "../VirtualTime.ts"

/** A run; the same options give the same run. */
export interface Options {
  readonly seed: number
  /** Honest validators with a real coordinator. */
  readonly witnesses?: number
  /** Malicious validators; between a fifth of all and as many as the committee withstands, by chance. */
  readonly villains?: number
  /** Real disputes: half of the candidates are invalid, half of them are slandered. */
  readonly disputes?: number
  /** Candidates that each malicious validator makes up. */
  readonly unknown?: number
  /** Real disputes that each of them lies about. */
  readonly lies?: number
  readonly spamSlots?: number
  readonly forecast?: Forecast
  /** Leaves after which the storm has to be over. */
  readonly leaves?: number
  /** A fault that the checks must find. */
  readonly plant?: Plant
}

/**
 * Spam slots are switched off; the first witness hears only a half of the validators; it does not know who is disabled.
 */
export type Plant = "slots" | "deaf" | "gullible"

/** Sizes and weather where nothing else is said. */
export const defaults = {
  witnesses: 5,
  disputes: 6,
  unknown: 6,
  lies: 6,
  spamSlots: 2,
  leaves: 12,
  forecast: { loss: 0.001, delayMs: 50 }
} as const

/** Virtual time of a leaf, and of one turn of all voters: the pace of distribution. */
const leafMs = 6000
const turnMs = 150
/** Turns between two looks at what may be finalized. */
const turnsPerLook = 4
/** Pairs of votes that a malicious validator sends in a turn; an honest one sends one. */
const villainPairs = 4
/** Witnesses that see the candidates on chain one leaf later than all others. */
const latecomers = 1

/** How a run ended. */
export interface Report {
  readonly seed: number
  /** What did not hold. */
  readonly violations: ReadonlyArray<string>
  readonly totals: {
    readonly disputes: number
    readonly spam: number
    readonly leaves: number
    readonly records: number
    readonly bytes: number
    readonly bans: number
  }
  readonly hash: Hash
}

const shuffled = Effect.fnUntraced(function* <A>(list: ReadonlyArray<A>) {
  const out = [...list]
  for (let at = out.length - 1; at > 0; at--) {
    const other = yield* below(at + 1)
    ;[out[at], out[other]] = [out[other]!, out[at]!]
  }
  return out
})

/** Who is who, and what is disputed. */
const castOf = Effect.fnUntraced(function* (options: Options) {
  const { disputes, lies, unknown, witnesses } = { ...defaults, ...options }
  const everybody = yield* shuffled(Array.from({ length: Ground.validatorCount }, (_, index) => index))
  const chance = yield* below(Ground.maximumFaults - 20 + 1)
  const count = options.villains ?? 20 + chance
  const villains = everybody.slice(0, count)
  const honest = everybody.slice(count)
  const at = (list: ReadonlyArray<ValidatorIndex>, number: number) => list[number % list.length]!
  // Witnesses vote as they judge, so that whoever backs and raises is another.
  const scripted = honest.slice(witnesses)
  const disabled = villains.slice(0, 3)
  const free = villains.slice(3)
  let number = 0
  const subject = (fields: Parameters<typeof Ground.subjectOf>[1]) => Ground.subjectOf(number++, fields)
  const session = Ground.firstSession
  const real = Array.from({ length: disputes }, (_, i) =>
    i % 2 === 0
      ? subject({
          cause: "invalid",
          // One of an old session that still counts.
          session: i === 0 ? Ground.oldestSession + 1 : session,
          backers: [at(free, i), at(free, i + 1)],
          raiser: at(scripted, i)
        })
      : subject({
          cause: "wolf",
          session,
          backers: [at(scripted, i), at(scripted, i + 1)],
          raiser: at(free, i)
        })
  )
  const slandered = Array.from({ length: 6 }, (_, i) =>
    subject({
      cause: "disabled",
      session,
      backers: [at(scripted, i), at(scripted, i + 1)],
      raiser: at(disabled, i)
    })
  )
  const made = villains.map((raiser, i) => {
    const list = Array.from({ length: unknown }, () =>
      subject({ cause: "unknown", session, backers: [at(villains, i + 1)], raiser })
    )
    return [raiser, list] as const
  })
  const cast: Crowd.Cast = {
    witnesses: honest.slice(0, witnesses),
    villains,
    lies,
    real,
    slandered,
    unknown: new Map(made)
  }
  return { cast, honest, disabled, scripted }
})

/** A chain with one candidate in each block. */
const chainOf = (subjects: ReadonlyArray<Ground.Subject>): ReadonlyArray<BlockDescription> =>
  subjects.map(({ hash, session }, at) => ({
    blockHash: Ground.leafAt(1000 + at).hash,
    session,
    candidates: [hash]
  }))

const run = Effect.fnUntraced(function* (options: Options) {
  const { forecast, leaves, plant, seed, spamSlots } = { ...defaults, plant: undefined, ...options }
  const { cast, disabled, honest, scripted } = yield* castOf(options)
  let now: Forecast = { loss: 0, delayMs: 0 }
  const hub = yield* Layer.build(MemoryNetwork.layer({ weather: weather(() => now) }))
  const network = Context.get(hub, MemoryNetwork.MemoryNetwork)
  const invalid = new Set(
    [...cast.real, ...cast.unknown.values()]
      .flat()
      .flatMap(({ cause, receipt }) => (cause === "invalid" ? [receipt.commitmentsHash] : []))
  )
  const included = [...cast.real, ...cast.slandered]
  let session = Ground.firstSession
  const witnesses: Array<Witness.Witness> = []
  for (const [at, index] of cast.witnesses.entries()) {
    const seenAt = at >= cast.witnesses.length - latecomers && cast.witnesses.length > latecomers ? 2 : 1
    const setup: Witness.Setup = {
      index,
      spamSlots: plant === "slots" ? Number.POSITIVE_INFINITY : spamSlots,
      sightAt: (number) => ({
        session,
        included: number === seenAt ? included : [],
        disabled: plant === "gullible" && at === 0 ? [] : disabled
      }),
      isValid: (commitments) => !invalid.has(commitments)
    }
    witnesses.push(yield* Witness.start(setup, hub))
  }
  const voters: Array<Crowd.Voter> = []
  for (const index of scripted) {
    const letters = yield* shuffled(Crowd.honestLetters(cast, index))
    voters.push(yield* Crowd.join(network, index, letters, true))
  }
  const villains: Array<Crowd.Voter> = []
  for (const index of cast.villains)
    villains.push(yield* Crowd.join(network, index, Crowd.villainLetters(cast, index), false))
  if (plant === "deaf")
    for (const index of honest.slice(0, honest.length / 2))
      if (index !== cast.witnesses[0])
        yield* network.setLink(Ground.nameOf(cast.witnesses[0]!), Ground.nameOf(index), false)
  const judge = Judge.make({
    cast,
    honest,
    spamSlots,
    witnesses,
    banThreshold: Reputation.defaults.banThreshold
  })
  const activate = (number: number) =>
    Effect.forEach(witnesses, (witness) => witness.activate(number), { discard: true })
  now = forecast
  const slandered = chainOf(cast.slandered)
  let number = 0
  while (number < leaves) {
    yield* activate(++number)
    for (const voter of voters) voter.retry()
    for (let turn = 0; turn * turnMs < leafMs; turn++) {
      for (const voter of voters) yield* voter.send(1)
      for (const villain of villains) yield* villain.send(villainPairs)
      yield* TestClock.adjust(turnMs)
      if (turn % turnsPerLook === 0) yield* judge.finality(number, slandered)
    }
    yield* judge.bounds(number)
    if (yield* judge.isOver) break
  }
  yield* judge.verdicts(chainOf(cast.real))
  const bans = yield* judge.bans
  const stored = yield* judge.stored
  // Sessions go by until nothing of all this counts any more.
  now = { loss: 0, delayMs: 0 }
  session = Ground.firstSession + 20
  yield* activate(++number)
  // Cleaning takes a turn for each of its batches.
  for (let i = 0; i < 200; i++) yield* TestClock.adjust(10)
  yield* judge.forgotten
  const totals = {
    disputes: cast.real.length,
    spam: [...cast.unknown.values()].flat().length,
    leaves: number,
    ...stored,
    bans
  }
  const report: Report = {
    seed,
    violations: judge.violations,
    totals,
    hash: blake2b256(new TextEncoder().encode(JSON.stringify([judge.violations, totals, judge.trace])))
  }
  return report
})

/** Runs a storm in virtual time. */
export const simulate = (options: Options): Effect.Effect<Report> => inVirtualTime(options.seed, run(options))
