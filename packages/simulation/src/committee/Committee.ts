/**
 * A large committee at work: groups of validators back the candidates of their parachains over a network with delay and
 * cuts, while one validator of each group is malicious. On one virtual clock: a seed is a run.
 */
import { MemoryNetwork, Reputation } from "@ephor/network"
import {
  candidateHash,
  type CandidateHash,
  type Hash,
  type ProvisionableData,
  toPlain,
  type ValidatorIndex
} from "@ephor/types"
import { Clock, Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { below } from "../Chance.ts"
import * as NativePvf from "../NativePvf.ts"
import * as Trace from "../Trace.ts"
import { type Forecast, weather } from "../Weather.ts"
import * as Honest from "./Honest.ts"
import * as Malicious from "./Malicious.ts"
import * as Setting from "./Setting.ts"
import { inVirtualTime } from "../VirtualTime.ts"

/** A run; the same options give the same run. */
export interface Options extends Partial<Setting.Sizes> {
  readonly seed: number
  /** Relay parents that are worked on, one after the other. */
  readonly leaves?: number
  readonly forecast?: Forecast
  /** A fault that the checks must find: half of the validators do not hear what is backed, or hear each report twice. */
  readonly plant?: "deaf" | "twice"
}

/** Sizes and weather where nothing else is said. */
export const defaults = {
  groups: 20,
  groupSize: 5,
  leaves: 1,
  forecast: { loss: 0.002, delayMs: 150 }
} as const

/** Virtual time for one relay parent. */
const leafMs = 3000
const stepMs = 100

/** Part of the honest validators that must know an honest candidate as backed: any of them may author the next block. */
const quorumShare = 2 / 3

/** How a run ended. */
export interface Report {
  readonly seed: number
  /** What did not hold. */
  readonly violations: ReadonlyArray<string>
  readonly totals: {
    readonly honestCandidates: number
    readonly backings: number
    readonly reports: number
    readonly bans: number
  }
  readonly hash: Hash
}

/** Everything that the checks need to know. */
interface Ledger {
  /** Honest candidates, by hash, with their groups. */
  readonly honest: Map<CandidateHash, number>
  readonly garbage: Set<CandidateHash>
  /** By candidate: the validators that know it as backed. */
  readonly backed: Map<CandidateHash, Set<ValidatorIndex>>
  /** By validator: the reports that it was told, as text. */
  readonly reports: Map<ValidatorIndex, Array<string>>
}

const reportKey = (
  leaf: Setting.Leaf,
  { report }: Extract<ProvisionableData, { _tag: "MisbehaviorReport" }>
) =>
  report._tag === "CandidateValidityDisagreement"
    ? `${leaf.number} ${report._tag} ${candidateHash(report.receipt)}`
    : `${leaf.number} ${report._tag} ${report.first.validatorIndex}`

const tell =
  (
    ledger: Ledger,
    say: (who: ValidatorIndex, what: string) => void,
    who: ValidatorIndex,
    leaf: Setting.Leaf,
    plant: Options["plant"]
  ) =>
  (data: ProvisionableData): void => {
    if (data._tag === "BackedCandidate") {
      if (plant === "deaf" && who % 2 === 0) return
      const hash = candidateHash(toPlain(data.candidate.candidate))
      const known = ledger.backed.get(hash) ?? new Set()
      ledger.backed.set(hash, known.add(who))
      say(who, `backed ${Trace.short(hash)}`)
    } else if (data._tag === "MisbehaviorReport") {
      const key = reportKey(leaf, data)
      const told = ledger.reports.get(who) ?? []
      told.push(key, ...(plant === "twice" ? [key] : []))
      ledger.reports.set(who, told)
      say(who, `report ${key}`)
    }
  }

/** The checks over what happened, as sentences. */
const judge = (
  ledger: Ledger,
  honest: ReadonlyArray<ValidatorIndex>,
  doubles: ReadonlyArray<string>,
  bannedHonest: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const violations: Array<string> = [...bannedHonest]
  for (const [hash, group] of ledger.honest) {
    const known = ledger.backed.get(hash)?.size ?? 0
    if (known < honest.length * quorumShare) {
      violations.push(
        `the candidate ${hash} of group ${group} is backed for ${known} of ${honest.length} validators`
      )
    }
  }
  for (const hash of ledger.garbage) {
    const known = ledger.backed.get(hash)?.size ?? 0
    if (known > 0) violations.push(`the invalid candidate ${hash} is backed for ${known} validators`)
  }
  for (const [who, told] of ledger.reports) {
    if (new Set(told).size !== told.length) violations.push(`validator ${who} was told a report twice`)
  }
  for (const key of doubles) {
    const known = [...ledger.reports.values()].filter((told) => told.includes(key)).length
    if (known < honest.length * quorumShare) {
      violations.push(`${key} is reported to ${known} of ${honest.length} validators`)
    }
  }
  return violations
}

const run = Effect.fnUntraced(function* (options: Options) {
  const { forecast, groups, groupSize, leaves, plant, seed } = { ...defaults, plant: undefined, ...options }
  const sizes = { groups, groupSize }
  const numbers = new Map<Hash, number>()
  let now: Forecast = { loss: 0, delayMs: 0 }
  const ground = yield* Layer.build(
    Layer.mergeAll(
      MemoryNetwork.layer({ weather: weather(() => now) }),
      Setting.runtimeLayer(sizes, (hash) => numbers.get(hash)),
      NativePvf.layer
    )
  )
  const hub = Context.get(ground, MemoryNetwork.MemoryNetwork)
  const villains: Array<Malicious.Malicious> = []
  const honest: Array<Honest.Honest> = []
  for (let group = 0; group < groups; group++) {
    const villain = yield* below(groupSize)
    for (const index of Setting.membersOf(sizes, group)) {
      if (index === group * groupSize + villain) villains.push(yield* Malicious.start(index, hub, groupSize))
      else honest.push(yield* Honest.start(index, ground))
    }
  }
  const indices = honest.map(({ index }) => index)
  const ledger: Ledger = { honest: new Map(), garbage: new Set(), backed: new Map(), reports: new Map() }
  const trace = Trace.make()
  const clock = yield* Clock.Clock
  const began = clock.currentTimeMillisUnsafe()
  const say = (who: ValidatorIndex, what: string) =>
    trace.say(clock.currentTimeMillisUnsafe() - began, Setting.nameOf(who), what)
  const doubles: Array<string> = []
  let old: Hash | undefined
  now = forecast
  for (let number = 1; number <= leaves; number++) {
    const leaf = Setting.leafAt(number)
    numbers.set(leaf.hash, number)
    for (const validator of honest) {
      yield* validator.activate(leaf, old)
      yield* validator.authorship(leaf, tell(ledger, say, validator.index, leaf, plant))
    }
    old = leaf.hash
    yield* TestClock.adjust(2 * forecast.delayMs)
    for (const [group, villain] of villains.entries()) {
      const members = honest.filter(({ index }) => Math.floor(index / groupSize) === group)
      const chosen = members[yield* below(members.length)]!
      const offer = yield* Effect.orDie(Setting.offer(leaf, group, BigInt(group + 1)))
      ledger.honest.set(candidateHash(offer.candidate), group)
      yield* chosen.second(leaf, offer)
      const crime = Malicious.crimes[yield* below(Malicious.crimes.length)]!
      for (const hash of yield* villain.commit(crime, leaf, group)) ledger.garbage.add(hash)
      if (crime === "double") doubles.push(`${leaf.number} DoubleVote ${villain.index}`)
      say(villain.index, crime)
    }
    for (let waited = 0; waited < leafMs; waited += stepMs) yield* TestClock.adjust(stepMs)
  }
  const isHonest = new Set(indices.map(Setting.nameOf))
  const bannedHonest: Array<string> = []
  let bans = 0
  for (const { index, network } of honest) {
    const connected = new Set((yield* network.peers).map(({ id }) => id))
    for (const name of isHonest) {
      if (name === network.self) continue
      if (!connected.has(name) || (yield* network.reputation(name)) < Reputation.defaults.banThreshold) {
        bannedHonest.push(`validator ${index} has banned the honest ${name}`)
      }
    }
    bans += villains.filter((villain) => !connected.has(Setting.nameOf(villain.index))).length
  }
  const report: Report = {
    seed,
    violations: judge(ledger, indices, doubles, bannedHonest),
    totals: {
      honestCandidates: ledger.honest.size,
      backings: [...ledger.backed.values()].reduce((sum, known) => sum + known.size, 0),
      reports: [...ledger.reports.values()].reduce((sum, told) => sum + told.length, 0),
      bans
    },
    hash: trace.hash()
  }
  return report
})

/** Runs a committee in virtual time. */
export const simulate = (options: Options): Effect.Effect<Report> => inVirtualTime(options.seed, run(options))
