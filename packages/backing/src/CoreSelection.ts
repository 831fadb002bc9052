/**
 * Which backed candidates go into a block: one for each core that is free, or becomes free in this very block.
 * (polkadot-sdk, provisioner.)
 */
import { type BackedCandidate, coreIndexOf, type CoreState, type ParaId } from "@ephor/types"
import { type BitfieldLike, isAvailable } from "./BitfieldSelection.ts"

/** The para that may use each core in the block of this number, given the bitfields it carries. */
export const schedule = (
  cores: ReadonlyArray<CoreState>,
  bitfields: ReadonlyArray<BitfieldLike>,
  blockNumber: number
): ReadonlyArray<ParaId | undefined> =>
  cores.map((state, core) => {
    if (state._tag === "Free") return undefined
    if (state._tag === "Scheduled") return state.value.paraId
    const { availability, nextUpOnAvailable, nextUpOnTimeOut, timeOutAt } = state.value
    if (isAvailable(core, availability, bitfields)) return nextUpOnAvailable?.paraId
    return timeOutAt <= blockNumber ? nextUpOnTimeOut?.paraId : undefined
  })

/**
 * The candidates for a block in the order of their cores: at most one per core, and one with new validation
 * code.
 */
export const select = (
  paras: ReadonlyArray<ParaId | undefined>,
  backed: ReadonlyArray<BackedCandidate>
): ReadonlyArray<BackedCandidate> => {
  let upgrades = 0
  return paras.flatMap((paraId, core) => {
    const candidate = backed.find(
      ({ candidate: { commitments, descriptor }, validatorIndices }) =>
        descriptor.paraId === paraId &&
        coreIndexOf(validatorIndices) === core &&
        (commitments.newValidationCode === null || upgrades === 0)
    )
    if (candidate === undefined) return []
    if (candidate.candidate.commitments.newValidationCode !== null) upgrades++
    return [candidate]
  })
}
