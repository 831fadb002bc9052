/**
 * The ladder of trust that a block climbs: unsafe, checked against other chains, derived from L1, both,
 * final.
 */
import { Schema } from "effect"
import { BlockId } from "./Block.ts"

/** A rung of the ladder. */
export const SafetyLevel = Schema.Literals([
  "LocalUnsafe",
  "CrossUnsafe",
  "LocalSafe",
  "CrossSafe",
  "Finalized"
])
export type SafetyLevel = typeof SafetyLevel.Type

/** The head of a chain at each level. */
export const Heads = Schema.Struct({
  localUnsafe: BlockId,
  crossUnsafe: BlockId,
  localSafe: BlockId,
  crossSafe: BlockId,
  finalized: BlockId
})
export interface Heads extends Schema.Schema.Type<typeof Heads> {}

/** Name of the field of `Heads` that holds a level. */
export const headKey: { readonly [Level in SafetyLevel]: keyof Heads } = {
  LocalUnsafe: "localUnsafe",
  CrossUnsafe: "crossUnsafe",
  LocalSafe: "localSafe",
  CrossSafe: "crossSafe",
  Finalized: "finalized"
}

/**
 * The first broken rule of the ladder, or nothing: `finalized <= crossSafe <= localSafe <= localUnsafe` and
 * `crossSafe <= crossUnsafe <= localUnsafe` (by height).
 */
export const ladderViolation = (heads: Heads): string | undefined => {
  const above = (lower: keyof Heads, upper: keyof Heads) =>
    heads[lower].number > heads[upper].number
      ? `${lower} #${heads[lower].number} is above ${upper} #${heads[upper].number}`
      : undefined
  return (
    above("finalized", "crossSafe") ??
    above("crossSafe", "localSafe") ??
    above("localSafe", "localUnsafe") ??
    above("crossSafe", "crossUnsafe") ??
    above("crossUnsafe", "localUnsafe")
  )
}
