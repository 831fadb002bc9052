/**
 * Who collates for which parachain here, as connected peers have declared, within places that are given by standing. (Plain
 * data, changed by these functions only.)
 */
import type { Network } from "@ephor/network"
import type { CollatorId, ParaId } from "@ephor/types"

/** Places for collators. */
export interface Limits {
  /** Peers that collate for one parachain; for one more, one of lower standing has to go. */
  readonly peersPerPara: number
  /** Peers under one collator key, for one parachain. */
  readonly peersPerCollator: number
  /** Parachains that one peer may collate for. */
  readonly parasPerPeer: number
}

/** Connected peers, with their collators by parachain. */
export type Declarations = Map<Network.PeerId, Map<ParaId, CollatorId>>

/** A declaration whose signature is good. */
export interface Declaration {
  readonly peer: Network.PeerId
  readonly collator: CollatorId
  readonly paraId: ParaId
}

/** What came of it; `evicted` had to go for it. */
export type Declared =
  | { readonly _tag: "Taken"; readonly evicted?: Network.PeerId | undefined }
  | { readonly _tag: "Duplicate" | "Flood" | "Full" }

/** Takes a declaration if there is a place, or a peer of lower standing in one. */
export const declare = (
  declarations: Declarations,
  { collator, paraId, peer }: Declaration,
  limits: Limits,
  standingOf: (collator: CollatorId) => number
): Declared => {
  const own = declarations.get(peer) ?? new Map<ParaId, CollatorId>()
  if (own.has(paraId)) return { _tag: "Duplicate" }
  if (own.size >= limits.parasPerPeer) return { _tag: "Flood" }
  const there = [...declarations].flatMap(([id, paras]) => {
    const other = paras.get(paraId)
    return other === undefined ? [] : [{ id, collator: other }]
  })
  if (there.filter((one) => one.collator === collator).length >= limits.peersPerCollator)
    return { _tag: "Full" }
  let evicted: Network.PeerId | undefined
  if (there.length >= limits.peersPerPara) {
    const worst = there.reduce((a, b) => (standingOf(b.collator) < standingOf(a.collator) ? b : a))
    if (standingOf(worst.collator) >= standingOf(collator)) return { _tag: "Full" }
    evicted = worst.id
    declarations.get(evicted)?.delete(paraId)
  }
  declarations.set(peer, own.set(paraId, collator))
  return { _tag: "Taken", evicted }
}

/** How many declarations are in force. */
export const count = (declarations: Declarations): number => {
  let total = 0
  for (const paras of declarations.values()) total += paras.size
  return total
}
