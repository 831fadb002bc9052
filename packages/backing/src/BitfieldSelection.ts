/**
 * Which availability bitfields go into a block, and which cores they make available.
 *
 * One bitfield per validator; more ones replace fewer, but never a valid one by an invalid one. Bits are text
 * of 0 and 1, one per core. (polkadot-sdk, provisioner.)
 */
import type { ValidatorIndex } from "@ephor/types"

/** The part of a signed bitfield the selection looks at. */
export interface BitfieldLike {
  readonly payload: string
  readonly validatorIndex: ValidatorIndex
}

const ones = (bits: string) => {
  let count = 0
  for (const bit of bits) if (bit === "1") count++
  return count
}

/** Whether a bitfield has one bit per core and claims nothing about a core that holds no candidate. */
export const isAcceptable = (bits: string, occupied: ReadonlyArray<boolean>): boolean =>
  bits.length === occupied.length && occupied.every((held, core) => held || bits[core] === "0")

/** The bitfields for a block, by validator index. Equal counts keep the first. */
export const select = <Bitfield extends BitfieldLike>(
  bitfields: Iterable<Bitfield>,
  occupied: ReadonlyArray<boolean>
): ReadonlyArray<Bitfield> => {
  const best = new Map<ValidatorIndex, Bitfield>()
  for (const bitfield of bitfields) {
    if (!isAcceptable(bitfield.payload, occupied)) continue
    const earlier = best.get(bitfield.validatorIndex)
    if (earlier === undefined || ones(bitfield.payload) > ones(earlier.payload)) {
      best.set(bitfield.validatorIndex, bitfield)
    }
  }
  return [...best.values()].sort((a, b) => a.validatorIndex - b.validatorIndex)
}

/**
 * The node's rule of availability: at least two thirds of the validators, `3 x ones >= 2 x length`. `recorded`
 * are the bits the chain already has for this core, one per validator.
 */
export const isAvailable = (
  core: number,
  recorded: string,
  bitfields: ReadonlyArray<BitfieldLike>
): boolean => {
  const bits = [...recorded]
  for (const { payload, validatorIndex } of bitfields) {
    if (validatorIndex < bits.length && payload[core] === "1") bits[validatorIndex] = "1"
  }
  return 3 * ones(bits.join("")) >= 2 * bits.length
}
