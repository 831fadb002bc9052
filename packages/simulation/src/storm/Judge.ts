/** What has to hold in a dispute storm, at every leaf and at its end. */
import type { BlockDescription, DisputeEntry } from "@ephor/overseer"
import type { ValidatorIndex } from "@ephor/types"
import { Effect } from "effect"
import type * as Crowd from "./Crowd.ts"
import * as Ground from "./Ground.ts"
import type * as Witness from "./Witness.ts"

/** Bytes of a dispute in which everybody votes twice, with its rows by validator. */
export const bytesPerDispute = 48_000
/** Bytes of a dispute that a few speak about. */
export const bytesPerSpam = 2000
/** Bytes of everything else: the watermark, the earliest session. */
const bytesBeside = 1000

/** What is judged. */
export interface Case {
  readonly cast: Crowd.Cast
  readonly honest: ReadonlyArray<ValidatorIndex>
  readonly spamSlots: number
  readonly witnesses: ReadonlyArray<Witness.Witness>
  readonly banThreshold: number
}

const keyOf = (session: number, hash: string) => `${session}/${hash}`
const verdictOf = (entry: DisputeEntry | undefined): boolean | undefined =>
  entry?.status._tag === "ConcludedFor" ? true : entry?.status._tag === "ConcludedAgainst" ? false : undefined

/** Collects what does not hold. */
export const make = ({ banThreshold, cast, honest, spamSlots, witnesses }: Case) => {
  const violations: Array<string> = []
  const trace: Array<string> = []
  const onChain = cast.real.length + cast.slandered.length
  /** Unknown candidates that may be remembered: each malicious validator pays with a slot; all are of one session. */
  const spamBound = spamSlots * cast.villains.length
  const recentOf = (witness: Witness.Witness) =>
    Effect.map(
      witness.recent,
      (recent) => new Map(recent.map((entry) => [keyOf(entry.session, entry.candidateHash), entry] as const))
    )
  const checkBounds = Effect.fnUntraced(function* (witness: Witness.Witness, when: string) {
    const recent = yield* witness.recent
    const { bytes, records } = yield* witness.stored
    const who = `${when}: witness ${witness.index}`
    if (recent.length > onChain + spamBound)
      violations.push(`${who} remembers ${recent.length} disputes, more than ${onChain + spamBound}`)
    if (records > onChain + spamBound)
      violations.push(`${who} stores ${records} records, more than ${onChain + spamBound}`)
    const most = onChain * bytesPerDispute + spamBound * bytesPerSpam + bytesBeside
    if (bytes > most) violations.push(`${who} stores ${bytes} bytes, more than ${most}`)
    trace.push(`${who} ${recent.length} ${records} ${bytes}`)
    return { records, bytes }
  })
  return {
    violations,
    trace,
    /** Whether every witness has concluded every real dispute. */
    isOver: Effect.gen(function* () {
      for (const witness of witnesses) {
        const recent = yield* recentOf(witness)
        for (const { hash, session } of cast.real)
          if (verdictOf(recent.get(keyOf(session, hash))) === undefined) return false
      }
      return true
    }),
    /** At every leaf: bounds are kept. */
    bounds: (leaf: number) =>
      Effect.forEach(witnesses, (witness) => checkBounds(witness, `leaf ${leaf}`), { discard: true }),
    /** All the time: nothing that is spam holds up finality. */
    finality: Effect.fnUntraced(function* (leaf: number, undisputed: ReadonlyArray<BlockDescription>) {
      for (const witness of witnesses) {
        const target = yield* witness.undisputed(undisputed)
        if (target < undisputed.length)
          violations.push(
            `leaf ${leaf}: witness ${witness.index} finalizes ${target} of ${undisputed.length} blocks`
          )
      }
    }),
    /** At the end: everybody has the same verdict, which is right, once; the chain is final up to what is invalid. */
    verdicts: Effect.fnUntraced(function* (chain: ReadonlyArray<BlockDescription>) {
      const firstInvalid = cast.real.findIndex(({ cause }) => cause === "invalid")
      const wolves = chain.filter((_, at) => cast.real[at]!.cause === "wolf")
      for (const witness of witnesses) {
        const recent = yield* recentOf(witness)
        for (const { cause, hash, session } of cast.real) {
          const verdict = verdictOf(recent.get(keyOf(session, hash)))
          const status = recent.get(keyOf(session, hash))?.status._tag
          if (verdict !== (cause === "wolf"))
            violations.push(
              `witness ${witness.index}: the ${cause} candidate ${hash} is ${status ?? "not disputed"}`
            )
          const told = witness.conclusions.get(`${keyOf(session, hash)}/${cause === "wolf"}`) ?? 0
          if (told !== 1)
            violations.push(`witness ${witness.index} tells ${told} times that ${hash} is concluded`)
        }
        for (const { cause, hash, session } of [...cast.slandered, ...[...cast.unknown.values()].flat()])
          if (verdictOf(recent.get(keyOf(session, hash))) !== undefined)
            violations.push(`witness ${witness.index}: the ${cause} candidate ${hash} is concluded`)
        if ((yield* witness.undisputed(chain)) > firstInvalid)
          violations.push(`witness ${witness.index} finalizes an invalid candidate`)
        if ((yield* witness.undisputed(wolves)) !== wolves.length)
          violations.push(`witness ${witness.index} waits for a candidate that was found valid`)
      }
    }),
    /** Malicious validators that are banned somewhere; an honest one that is, is a violation. */
    bans: Effect.gen(function* () {
      let bans = 0
      for (const { index, network } of witnesses) {
        const reputation = (other: ValidatorIndex) => network.reputation(Ground.nameOf(other))
        for (const other of honest)
          if (other !== index && (yield* reputation(other)) < banThreshold)
            violations.push(`witness ${index} has banned the honest validator ${other}`)
        for (const villain of cast.villains) if ((yield* reputation(villain)) < banThreshold) bans++
      }
      return bans
    }),
    /** The fullest database of all. */
    stored: Effect.gen(function* () {
      let most = { records: 0, bytes: 0 }
      for (const witness of witnesses) {
        const stored = yield* checkBounds(witness, "end")
        if (stored.bytes > most.bytes) most = stored
      }
      return most
    }),
    /** When the window has left it all behind, nothing is left. */
    forgotten: Effect.gen(function* () {
      for (const witness of witnesses) {
        const recent = yield* witness.recent
        const { bytes, records } = yield* witness.stored
        if (recent.length > 0 || records > 0 || bytes > bytesBeside)
          violations.push(
            `witness ${witness.index} still has ${records} records of old sessions, ${bytes} bytes`
          )
      }
    })
  }
}
