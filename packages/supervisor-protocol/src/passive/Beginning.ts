/** Where a chain began. */
import type { BlockSeal, DerivedBlockRefPair, Timestamp } from "@ephor/types"

/** Where a chain began, and when interop begins: what the rollup config says of it. */
export interface Beginning {
  readonly genesis: { readonly l1: BlockSeal; readonly l2: BlockSeal }
  /** Seconds between two blocks. */
  readonly block_time: number
  readonly interop_time?: Timestamp | null
}

const zeroHash = `0x${"0".repeat(64)}` as const

/** The blocks that it began with; what is before them is unknown. */
export const anchorOf = ({ genesis: { l1, l2 } }: Beginning): DerivedBlockRefPair => ({
  source: { ...l1, parentHash: zeroHash },
  derived: { ...l2, parentHash: zeroHash }
})
