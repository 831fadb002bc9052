/** Bitfields, and what becomes of candidates that wait for them. */
import { bitfieldPayload, type SignedAvailabilityBitfield, type ValidatorIndex } from "@ephor/types"
import type { Context, Options, PendingCandidate, RuntimeState } from "../DevRuntime.ts"
import type { Draft } from "./Draft.ts"

/** The bitfields of an inherent that hold; their bits count from now on. */
export const admitBitfields = (
  { options, verify }: Context,
  parent: RuntimeState,
  draft: Draft,
  bitfields: ReadonlyArray<SignedAvailabilityBitfield>
): ReadonlyArray<SignedAvailabilityBitfield> => {
  const context = { sessionIndex: draft.session, parentHash: parent.ancestry[0]!.hash }
  const accepted = new Map<ValidatorIndex, SignedAvailabilityBitfield>()
  for (const bitfield of bitfields) {
    const { payload, signature, validatorIndex } = bitfield
    const key = options.validators[validatorIndex]
    const fits = payload.length === draft.cores.length && !accepted.has(validatorIndex)
    const vacant = draft.cores.some((pending, core) => pending === null && payload[core] === "1")
    if (key === undefined || !fits || vacant) continue
    if (!verify(key, bitfieldPayload(payload, context), signature)) continue
    accepted.set(validatorIndex, bitfield)
    for (const [core, pending] of draft.cores.entries()) {
      if (pending !== null && payload[core] === "1") {
        draft.cores[core] = { ...pending, availability: setBit(pending.availability, validatorIndex) }
      }
    }
  }
  return [...accepted.values()].toSorted((left, right) => left.validatorIndex - right.validatorIndex)
}

const setBit = (bits: string, index: number): string => `${bits.slice(0, index)}1${bits.slice(index + 1)}`
const countBits = (bits: string): number => bits.split("1").length - 1

/** Enough validators hold their piece: three times as many as two of every three. */
const isAvailable = (options: Options, { availability }: PendingCandidate): boolean =>
  3 * countBits(availability) >= 2 * options.validators.length

/** Includes the candidates that enough validators hold. */
export const includeAvailable = (options: Options, draft: Draft): void => {
  for (const [core, pending] of draft.cores.entries()) {
    if (pending === null || !isAvailable(options, pending)) continue
    const { group, headData, newCodeHash, receipt } = pending
    draft.cores[core] = null
    draft.paras[core] = {
      ...draft.paras[core]!,
      head: headData,
      codeHash: newCodeHash ?? draft.paras[core]!.codeHash
    }
    draft.events.push({ _tag: "CandidateIncluded", value: [receipt, headData, core, group] })
  }
}

/** Takes candidates off their cores that did not become available in time. */
export const timeOut = (options: Options, draft: Draft): void => {
  for (const [core, pending] of draft.cores.entries()) {
    if (pending === null || draft.number - pending.backedAt < options.availabilityTimeoutBlocks) continue
    draft.cores[core] = null
    draft.events.push({ _tag: "CandidateTimedOut", value: [pending.receipt, pending.headData, core] })
  }
}
