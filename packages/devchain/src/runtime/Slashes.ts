/** Whom the verdicts on chain hold to account. */
import type { DisputeOffenceKind, ValidatorIndex } from "@ephor/types"
import type { DisputeRecord, Options } from "../DevRuntime.ts"
import type { Slash } from "@ephor/chain/Slash"
import { concludedAgainst, concludedFor } from "./Disputes.ts"

const ones = (bits: string): ReadonlyArray<ValidatorIndex> =>
  Array.from(bits, (bit, at) => (bit === "1" ? at : -1)).filter((at) => at >= 0)

/** Who was wrong in a dispute, and how; nobody while it is not decided. */
const offencesOf = (
  options: Options,
  { backers, state }: DisputeRecord
): ReadonlyArray<readonly [ValidatorIndex, DisputeOffenceKind["_tag"]]> => [
  ...(concludedAgainst(options, state) ? ones(state.validatorsFor) : []).map(
    (index) => [index, backers[index] === "1" ? "ForInvalidBacked" : "ForInvalidApproved"] as const
  ),
  ...(concludedFor(options, state) ? ones(state.validatorsAgainst) : []).map(
    (index) => [index, "AgainstValid"] as const
  )
]

/**
 * The slashes after a block in which votes about these disputes came. What was known before stays as it was; an approval
 * that turns out to have been a backing is one offence, the greater.
 */
export const recordSlashes = (
  options: Options,
  before: ReadonlyArray<Slash>,
  disputes: ReadonlyArray<DisputeRecord>,
  blockNumber: number
): ReadonlyArray<Slash> => {
  const slashes = [...before]
  for (const dispute of disputes) {
    const { candidateHash, session } = dispute
    for (const [validatorIndex, kind] of offencesOf(options, dispute)) {
      const at = slashes.findIndex(
        (slash) =>
          slash.session === session &&
          slash.candidateHash === candidateHash &&
          slash.validatorIndex === validatorIndex &&
          (slash.kind._tag === "AgainstValid") === (kind === "AgainstValid")
      )
      if (at >= 0 && slashes[at]!.kind._tag === kind) continue
      const validatorId = options.validators[validatorIndex]!
      const slash = {
        session,
        candidateHash,
        validatorIndex,
        validatorId,
        kind: { _tag: kind },
        blockNumber
      }
      if (at >= 0) slashes[at] = slash
      else slashes.push(slash)
    }
  }
  return slashes
}
