/**
 * How a node follows L1: pure state, one step per offered block (supervisor-managed-node; op-node's managed derivation).
 */
import { Schema } from "effect"
import { BlockRef } from "@ephor/types"

/**
 * Where derivation stands: the L1 block it works on, whether all of it is derived, and why it stopped (until somebody
 * dictates the heads again).
 */
export const Derivation = Schema.Struct({
  origin: BlockRef,
  consumed: Schema.Boolean,
  stopped: Schema.optionalKey(Schema.String)
})
export interface Derivation extends Schema.Schema.Type<typeof Derivation> {}

/** Nothing but the origin is known: it is taken for derived, so that the next L1 block is asked for. */
export const start = (origin: BlockRef): Derivation => ({ origin, consumed: true })

/** What to do with an offered L1 block. */
export type Outcome =
  | { readonly _tag: "Accepted"; readonly state: Derivation }
  /** Not the next block, or not its time: nothing changes. */
  | { readonly _tag: "Ignored"; readonly reason: string }
  /** The offered block builds on another L1 chain: derivation stops. */
  | { readonly _tag: "Mismatch"; readonly state: Derivation; readonly reason: string }

const short = ({ hash, number }: BlockRef) => `${hash}:${number}`

/** Offers the L1 block `next`. */
export const provide = (state: Derivation, next: BlockRef): Outcome => {
  if (state.stopped !== undefined)
    return { _tag: "Ignored", reason: `derivation waits for a reset: ${state.stopped}` }
  if (!state.consumed)
    return { _tag: "Ignored", reason: `L1 block ${short(state.origin)} is still being derived` }
  if (next.number !== state.origin.number + 1) {
    return {
      _tag: "Ignored",
      reason: `L1 block ${short(next)} is not the next one after ${short(state.origin)}`
    }
  }
  if (next.parentHash !== state.origin.hash) {
    const reason = `provided next L1 block ${short(next)} does not build on last processed L1 block ${short(state.origin)}`
    return { _tag: "Mismatch", state: stop(state, reason), reason }
  }
  return { _tag: "Accepted", state: { origin: next, consumed: false } }
}

/** All of the origin is derived: the next L1 block is welcome. */
export const exhaust = (state: Derivation): Derivation => ({ ...state, consumed: true })

/** Nothing is derived any more until `start`. */
export const stop = (state: Derivation, reason: string): Derivation => ({ ...state, stopped: reason })
