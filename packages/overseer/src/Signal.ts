/**
 * What the overseer tells every subsystem: which leaves to work on, what became final, and when to stop.
 */
import type { BlockRef, Hash } from "@ephor/types"

/** A head of the chain that subsystems may work on. */
export type Leaf = BlockRef

/** The set of active leaves changed: at most one new leaf, and those that left (their order means nothing). */
export interface ActiveLeaves {
  readonly _tag: "ActiveLeaves"
  readonly activated: Leaf | null
  readonly deactivated: ReadonlyArray<Hash>
}

/** A block, and with it all of its ancestors, became final. */
export interface BlockFinalized {
  readonly _tag: "BlockFinalized"
  readonly hash: Hash
  readonly number: number
}

/** Finish: flush what must not be lost and return; there is about one second. */
export interface Conclude {
  readonly _tag: "Conclude"
}

/** A request of the overseer that has to be obeyed (overseer protocol, "Overseer Signal"). */
export type Signal = ActiveLeaves | BlockFinalized | Conclude

/** What a subsystem takes out of its mailbox: the seed's first proposal, one type around signals and messages. */
export type FromOverseer<M> =
  | { readonly _tag: "Signal"; readonly signal: Signal }
  | { readonly _tag: "Message"; readonly message: M }

/** A change of the set of active leaves. */
export const activeLeaves = (activated: Leaf | null, deactivated: ReadonlyArray<Hash>): Signal => ({
  _tag: "ActiveLeaves",
  activated,
  deactivated
})

/** The seed's `StartWork`: work on this leaf. */
export const startWork = (leaf: Leaf): Signal => activeLeaves(leaf, [])

/** The seed's `StopWork`: stop, or phase down, the work on this leaf. */
export const stopWork = (hash: Hash): Signal => activeLeaves(null, [hash])

/** A block became final. */
export const blockFinalized = (hash: Hash, number: number): Signal => ({
  _tag: "BlockFinalized",
  hash,
  number
})

/** The last signal of all. */
export const conclude: Signal = { _tag: "Conclude" }

/** One function for each signal. */
export const match =
  <A, B = A, C = A>(cases: {
    readonly ActiveLeaves: (signal: ActiveLeaves) => A
    readonly BlockFinalized: (signal: BlockFinalized) => B
    readonly Conclude: (signal: Conclude) => C
  }) =>
  (signal: Signal): A | B | C => {
    switch (signal._tag) {
      case "ActiveLeaves":
        return cases.ActiveLeaves(signal)
      case "BlockFinalized":
        return cases.BlockFinalized(signal)
      case "Conclude":
        return cases.Conclude(signal)
    }
  }

/** Whether two signals say the same; the order of deactivated leaves does not count. */
export const equals = (self: Signal, that: Signal): boolean => {
  if (self._tag === "ActiveLeaves" && that._tag === "ActiveLeaves") {
    const left = new Set(self.deactivated)
    return (
      self.activated?.hash === that.activated?.hash &&
      left.size === new Set(that.deactivated).size &&
      that.deactivated.every((hash) => left.has(hash))
    )
  }
  if (self._tag === "BlockFinalized" && that._tag === "BlockFinalized") {
    return self.hash === that.hash && self.number === that.number
  }
  return self._tag === that._tag
}
