/**
 * Who voted on which side (votes-db, "Helper Structs"): every entry is there once. A validator that contradicted itself is on
 * both sides.
 */
import type { CandidateVotes, SessionIndex, Snapshot, ValidatorIndex } from "@ephor/types"
import { Result } from "effect"
import { DisputeError, Malformed } from "./DisputeError.ts"

type Entry = Snapshot["pro"][number]

/** The entry that a side has twice, if there is one. */
const repeated = (side: ReadonlyArray<Entry>): Entry | undefined => {
  const seen = new Set<string>()
  return side.find((entry) => {
    const name = entry.join("/")
    const isKnown = seen.has(name)
    seen.add(name)
    return isKnown
  })
}

/** The snapshot itself, if all entries of each side are unique. */
export const check = (snapshot: Snapshot): Result.Result<Snapshot, DisputeError> => {
  for (const name of ["pro", "cons"] as const) {
    const entry = repeated(snapshot[name])
    if (entry === undefined) continue
    const [validator, session] = entry
    const why = `a snapshot names validator ${validator} of session ${session} twice among ${name}`
    return Result.fail(new DisputeError({ reason: new Malformed({ why }) }))
  }
  return Result.succeed(snapshot)
}

/** Takes a snapshot of what is recorded about a candidate. */
export const take = (
  session: SessionIndex,
  { invalid, valid }: Pick<CandidateVotes, "invalid" | "valid">
): Result.Result<Snapshot, DisputeError> => {
  const entry = ([, validator]: readonly [unknown, ValidatorIndex, unknown]): Entry => [validator, session]
  return check({ pro: valid.map(entry), cons: invalid.map(entry) })
}
