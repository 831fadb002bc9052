/**
 * Who lost a dispute: whom the chain slashes, and whose word alone opens no further one.
 */
import type { CandidateVotes, DisputeStatus, ValidatorIndex } from "@ephor/types"
import type { Offence } from "./OffchainDisabled.ts"

/** Who was wrong in a dispute that is decided, and how; nobody while it is not. */
export const losersOf = (
  status: DisputeStatus | undefined,
  { invalid, valid }: Pick<CandidateVotes, "valid" | "invalid">
): ReadonlyArray<readonly [Offence, ValidatorIndex]> => {
  if (status?._tag === "ConcludedFor") return invalid.map(([, validator]) => ["againstValid", validator])
  if (status?._tag !== "ConcludedAgainst") return []
  return valid.map(([kind, validator]) => [
    kind._tag.startsWith("Backing") ? "backedInvalid" : "forInvalid",
    validator
  ])
}
