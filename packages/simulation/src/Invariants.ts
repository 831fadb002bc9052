/**
 * What must hold whatever the weather does: plain functions over what was seen. Each answers what is wrong, or nothing.
 */
import { DagBody, type ChainEvent } from "@ephor/chain"
import {
  type BlockRef,
  type CandidateHash,
  type CandidateVotes,
  type Hash,
  type Heads,
  ladderViolation,
  type ValidatorIndex
} from "@ephor/types"
import { Result } from "effect"
import { short } from "./Trace.ts"

/** The names of the invariants, as reports show them. */
export type Invariant =
  /** `finalized <= crossSafe <= localSafe <= localUnsafe` and `crossSafe <= crossUnsafe <= localUnsafe`, always. */
  | "ladder"
  /** What was final once is final for ever, also after crashes. */
  | "finality"
  /** No final block includes a candidate that the validation function contradicts. */
  | "validity"
  /** A dispute ends with the truth, and for everybody alike. */
  | "verdict"
  /** Commits of a chain have the heights of its blocks as indices, without a gap, each linked to the one before. */
  | "commits"
  /** A validator has at most one vote on a side, and an honest one votes on one side only. */
  | "votes"
  /** An observer sees each commit once, in order, and only those of final blocks. */
  | "observer"
  /** Nobody ends unless killed, and what was killed starts again. */
  | "alive"
  /** When faults end, blocks come and parachains go on. */
  | "progress"

/** An invariant that does not hold. */
export interface Violation {
  readonly invariant: Invariant
  readonly message: string
}

/** The rungs of the ladder are in order. */
export const ladder = (heads: Heads): string | undefined => ladderViolation(heads)

/** The final chain grows at its end only. `known` are final hashes by height; `found` is what the chain says now. */
export const finality = (
  known: ReadonlyMap<number, Hash>,
  found: { readonly finalized: number; readonly at: (height: number) => Hash | undefined }
): string | undefined => {
  const highest = Math.max(-1, ...known.keys())
  if (found.finalized < highest) return `finalized went back from #${highest} to #${found.finalized}`
  const expected = known.get(highest)
  const now = found.at(highest)
  return expected === undefined || expected === now
    ? undefined
    : `final block #${highest} was ${short(expected)} and is ${now === undefined ? "gone" : short(now)}`
}

/** The `Finalized` head in events never goes down. */
export const finalityOf = (highest: number, event: ChainEvent): string | undefined =>
  event._tag === "Promoted" && event.level === "Finalized" && event.block.number < highest
    ? `an event finalized #${event.block.number} after #${highest}`
    : undefined

/** The commit in a block's body, and whether it continues the parent's. */
export const commitOf = (
  block: BlockRef,
  body: Uint8Array,
  parent: Hash | undefined
): { readonly digest: Hash } | string => {
  const subDag = DagBody.subDagOf(body)
  if (Result.isFailure(subDag))
    return `the body of block #${block.number} is malformed: ${subDag.failure.message}`
  const { commit, digest } = subDag.success
  if (commit.index !== block.number) return `block #${block.number} carries commit ${commit.index}`
  if (parent !== undefined && commit.previousDigest !== parent) {
    return `commit ${commit.index} follows ${short(commit.previousDigest)}, but the parent's commit is ${short(parent)}`
  }
  return { digest }
}

/** Both sides are sorted without repetition; honest validators are on one side at most. */
export const votes = (
  candidate: CandidateHash,
  { invalid, valid }: CandidateVotes,
  honest: (validator: ValidatorIndex) => boolean
): string | undefined => {
  for (const side of [valid, invalid]) {
    const repeated = side.find(
      ([, validator], position) => position > 0 && side[position - 1]![1] >= validator
    )
    if (repeated !== undefined)
      return `validator ${repeated[1]} is out of order or twice among the votes on ${short(candidate)}`
  }
  const both = valid.find(
    ([, validator]) => honest(validator) && invalid.some(([, other]) => other === validator)
  )
  return both === undefined
    ? undefined
    : `honest validator ${both[1]} voted on both sides of ${short(candidate)}`
}

/** A conclusion agrees with the truth and with earlier conclusions. */
export const verdict = (
  candidate: CandidateHash,
  valid: boolean,
  truth: { readonly garbage: boolean; readonly before: boolean | undefined }
): string | undefined => {
  if (truth.before !== undefined && truth.before !== valid)
    return `${short(candidate)} was concluded both valid and invalid`
  return valid === truth.garbage
    ? `${short(candidate)} is ${truth.garbage ? "garbage" : "valid"} and was concluded ${valid ? "valid" : "invalid"}`
    : undefined
}

/** The next commit of an observer follows its last one, and is that of the final block of its height, if known. */
export const observed = (
  last: number,
  next: { readonly index: number; readonly digest: Hash | undefined },
  final: Hash | undefined
): string | undefined => {
  if (next.index !== last + 1) return `commit ${next.index} came after commit ${last}`
  return final !== undefined && next.digest !== undefined && next.digest !== final
    ? `commit ${next.index} is ${short(next.digest)}, but the final block has ${short(final)}`
    : undefined
}
