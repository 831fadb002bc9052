/**
 * The ladder of trust that a block climbs: unsafe, checked against other chains, derived from L1, both,
 * final.
 */
import { Schema } from "effect"
import { BlockId } from "./Block.ts"
import { mapped } from "./codec/Wire.ts"

/** A rung of the ladder. */
export const SafetyLevel = Schema.Literals([
  "LocalUnsafe",
  "CrossUnsafe",
  "LocalSafe",
  "CrossSafe",
  "Finalized"
])
export type SafetyLevel = typeof SafetyLevel.Type

/** The wire names of levels, which are case-sensitive: `unsafe` is local-unsafe, `safe` is cross-safe. */
export const SafetyLevelName = Schema.Literals(["unsafe", "cross-unsafe", "local-safe", "safe", "finalized"])
export type SafetyLevelName = typeof SafetyLevelName.Type

/** The wire name of each level. */
export const safetyLevelNames: { readonly [Level in SafetyLevel]: SafetyLevelName } = {
  LocalUnsafe: "unsafe",
  CrossUnsafe: "cross-unsafe",
  LocalSafe: "local-safe",
  CrossSafe: "safe",
  Finalized: "finalized"
}

/** The level of a wire name; none for `invalid` and for what is no name. */
export const safetyLevelOf = (name: string): SafetyLevel | undefined =>
  SafetyLevel.literals.find((level) => safetyLevelNames[level] === name)

/** A level that is printed by its wire name: a parameter of `supervisor_checkAccessList`. */
export const MinimumSafety = mapped(SafetyLevelName)(SafetyLevel, {
  to: (level) => safetyLevelNames[level],
  from: (name) => safetyLevelOf(name)!
})
export type MinimumSafety = typeof MinimumSafety.Type

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
