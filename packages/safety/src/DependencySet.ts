/**
 * Which chains may send each other messages, and for how long a message stays executable.
 */
import { Schema } from "effect"
import type { ChainId } from "@ephor/types"
import { byChainId } from "./configuration/ByChainId.ts"

/**
 * The dependency set file: `{"dependencies":{"901":{},"902":{}},"overrideMessageExpiryWindow":15}`. Whatever older
 * files carry per chain (`chainIndex`, `activationTime`, ...) is tolerated and ignored.
 */
export const DependencySet = Schema.Struct({
  dependencies: byChainId(Schema.Struct({})),
  overrideMessageExpiryWindow: Schema.optionalKey(Schema.NullOr(Schema.Natural))
})
export interface DependencySet extends Schema.Schema.Type<typeof DependencySet> {}

/** Seconds for which a message may be executed, unless the set says otherwise: seven days. */
export const messageExpiryWindow = 604_800

/** The window in force, in seconds; an override of 0 means the default. */
export const expiryWindow = ({ overrideMessageExpiryWindow: override }: DependencySet): number =>
  override === undefined || override === null || override === 0 ? messageExpiryWindow : override

/** The chains of the set, in ascending order of their ids. */
export const chains = (set: DependencySet): ReadonlyArray<ChainId> =>
  Object.keys(set.dependencies).sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))

/** Whether a chain belongs to the set. */
export const has = (set: DependencySet, chain: ChainId): boolean => Object.hasOwn(set.dependencies, chain)
