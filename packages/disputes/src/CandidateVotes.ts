/**
 * The votes on one candidate, and what they amount to. Both sides are sorted by validator index; a validator has at
 * most one vote on each side, but may have one on both.
 */
import type {
  DisputeStatement,
  DisputeStatus,
  InvalidDisputeStatementKind,
  Signature,
  ValidatorIndex,
  ValidDisputeStatementKind
} from "@ephor/types"
import { Equal } from "effect"
import * as Status from "./DisputeStatus.ts"
import { byzantine, supermajority } from "./Thresholds.ts"

/** A vote on one side. */
export type Vote<Kind> = readonly [kind: Kind, validator: ValidatorIndex, signature: Signature]

/** Both sides of a candidate. */
export interface Sides {
  readonly valid: ReadonlyArray<Vote<ValidDisputeStatementKind>>
  readonly invalid: ReadonlyArray<Vote<InvalidDisputeStatementKind>>
}

/** Nobody has voted. */
export const none: Sides = { valid: [], invalid: [] }

/** What adding a vote did: nothing, took the place of an older vote of that side, or added a voter to the side. */
export type Added = "ignored" | "replaced" | "new"

const isBacking = (kind: ValidDisputeStatementKind): boolean =>
  kind._tag === "BackingSeconded" || kind._tag === "BackingValid"

const put = <Kind>(side: ReadonlyArray<Vote<Kind>>, vote: Vote<Kind>, replaces: (old: Kind) => boolean) => {
  const at = side.findIndex(([, validator]) => validator >= vote[1])
  const there = at < 0 ? undefined : side[at]!
  if (there === undefined || there[1] !== vote[1]) {
    const where = at < 0 ? side.length : at
    return { side: [...side.slice(0, where), vote, ...side.slice(where)], added: "new" as const }
  }
  return replaces(there[0])
    ? { side: side.with(at, vote), added: "replaced" as const }
    : { side, added: "ignored" as const }
}

/**
 * Adds a vote whose signature was checked. A backing vote is never replaced, since it proves more than any other; a
 * valid vote of any other kind is replaced by a newer one of a different kind. The same vote, signed again, is ignored.
 */
export const add = (
  sides: Sides,
  statement: DisputeStatement,
  validator: ValidatorIndex,
  signature: Signature
): { readonly sides: Sides; readonly added: Added } => {
  if (statement._tag === "Valid") {
    const { added, side } = put(
      sides.valid,
      [statement.value, validator, signature],
      (old) => !isBacking(old) && !Equal.equals(old, statement.value)
    )
    return { sides: added === "ignored" ? sides : { ...sides, valid: side }, added }
  }
  const { added, side } = put(sides.invalid, [statement.value, validator, signature], () => false)
  return { sides: added === "ignored" ? sides : { ...sides, invalid: side }, added }
}

/** What the coordinator's seed does with a statement ("On ImportStatement", steps 3 to 6). */
export const importSeed = (
  sides: Sides,
  statement: DisputeStatement,
  validator: ValidatorIndex,
  signature: Signature
): { readonly sides: Sides; readonly stored: boolean; readonly freshlyDisputed: boolean } => {
  const empty = sides.valid.length === 0 && sides.invalid.length === 0
  // Backing and approval statements passed anti-spam elsewhere; an explicit vote alone must not open a record.
  if (empty && statement.value._tag === "Explicit") return { sides, stored: false, freshlyDisputed: false }
  const own: ReadonlyArray<Vote<unknown>> = statement._tag === "Valid" ? sides.valid : sides.invalid
  if (own.some(([, other]) => other === validator)) return { sides, stored: false, freshlyDisputed: false }
  const next = add(sides, statement, validator, signature).sides
  const other = statement._tag === "Valid" ? sides.invalid : sides.valid
  return { sides: next, stored: true, freshlyDisputed: own.length === 0 && other.length > 0 }
}

/** What a set of votes amounts to among `n` validators, some of whom are disabled. */
export interface Assessment {
  readonly disputed: boolean
  readonly confirmed: boolean
  readonly concludedFor: boolean
  readonly concludedAgainst: boolean
  /** More than `f` voted invalid: no honest chain may build upon the candidate. */
  readonly byzantineAgainst: boolean
}

/** Assesses the votes. Disabled validators cannot open a dispute, but their votes count once it is open. */
export const assess = (sides: Sides, n: number, disabled: ReadonlySet<ValidatorIndex>): Assessment => {
  const voters = new Set([...sides.valid, ...sides.invalid].map(([, validator]) => validator))
  const both = sides.valid.length > 0 && sides.invalid.length > 0
  const confirmed = both && voters.size > byzantine(n)
  const disputed =
    confirmed || (sides.valid.length > 0 && sides.invalid.some(([, validator]) => !disabled.has(validator)))
  return {
    disputed,
    confirmed,
    concludedFor: disputed && sides.valid.length >= supermajority(n),
    concludedAgainst: disputed && sides.invalid.length >= supermajority(n),
    byzantineAgainst: disputed && sides.invalid.length > byzantine(n)
  }
}

/** The status after an assessment, from the status before (none: not disputed so far) and the time in seconds. */
export const statusAfter = (
  before: DisputeStatus | undefined,
  assessment: Assessment,
  now: number
): DisputeStatus | undefined => {
  if (!assessment.disputed) return before
  let status = before ?? Status.active
  if (assessment.confirmed) status = Status.confirm(status)
  if (assessment.concludedFor) status = Status.concludeFor(status, now)
  if (assessment.concludedAgainst) {
    // The time is that of the verdict that holds: one that turns begins anew, or it would be over before it is acted upon.
    status = Status.concludeAgainst(before?._tag === "ConcludedAgainst" ? before : Status.active, now)
  }
  return status
}
