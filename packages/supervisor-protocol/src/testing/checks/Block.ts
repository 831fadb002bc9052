/** The blocks that the checks speak of, and the chain that they drive. */
import { Effect } from "effect"
import { Chain } from "@ephor/chain"
import type { BlockId, BlockRef, Hash, Heads, L2BlockRef, Receipt } from "@ephor/types"

/** A block below the first one has the hash of the first one's parent: all zeros but the kind. */
export const hash = (kind: string, number: number): Hash =>
  `0x${number < 0 ? "00" : kind}${Math.max(0, number).toString(16).padStart(62, "0")}`

/** The L1 block at a height. */
export const l1Block = (number: number, kind = "a1"): BlockRef => ({
  hash: hash(kind, number),
  number,
  parentHash: hash("a1", number - 1),
  timestamp: 1000 + 12 * number
})

/** The L2 block at a height of 1 and above; another `kind` is another block on the same parent. */
export const l2Block = (number: number, kind = "b2"): L2BlockRef => ({
  hash: hash(kind, number),
  number,
  parentHash: hash("b2", number - 1),
  timestamp: 2000 + 2 * number,
  l1origin: { hash: l1Block(100).hash, number: 100 },
  sequenceNumber: number
})

/** The output of the block at a height. */
export const output = (number: number, kind = "b2") => ({
  stateRoot: hash("c3", number),
  messagePasserStorageRoot: hash("c4", number),
  blockHash: hash(kind, number)
})

/** The one receipt of the block at a height. */
export const receipt = (number: number): Receipt => ({
  type: 2,
  status: 1,
  cumulativeGasUsed: 42_000,
  gasUsed: 21_000,
  logs: [
    {
      address: `0x${"d5".repeat(20)}`,
      topics: [hash("d6", number)],
      data: "0x0102",
      blockNumber: number,
      blockHash: l2Block(number).hash,
      transactionHash: hash("d7", number),
      transactionIndex: 0,
      logIndex: 0
    }
  ],
  transactionHash: hash("d7", number),
  transactionIndex: 0,
  blockHash: l2Block(number).hash,
  blockNumber: number
})

/** Everything of the block at a height, as a chain imports it. */
export const content = (number: number): Chain.ChainBlock => ({
  ref: l2Block(number),
  body: new Uint8Array(0),
  receipts: number === 0 ? [] : [receipt(number)],
  output: output(number)
})

/** The chain that the checks drive: put the layer under test on top of it. */
export const layerChain = Chain.layerMemory({ genesis: content(0), anchorSource: l1Block(100) })

/** Hash and number of a block alone. */
export const idOf = ({ hash, number }: BlockId): BlockId => ({ hash, number })
/** A block as it stands in events: without its L1 origin. */
export const refOf = ({ hash, number, parentHash, timestamp }: BlockRef): BlockRef => ({
  hash,
  number,
  parentHash,
  timestamp
})

/** The five heads with the unsafe ones and the safe ones at these heights. */
export const headsAt = (unsafe: number, safe: number, finalized: BlockId = idOf(l2Block(0))): Heads => ({
  localUnsafe: idOf(l2Block(unsafe)),
  crossUnsafe: idOf(l2Block(safe)),
  localSafe: idOf(l2Block(safe)),
  crossSafe: idOf(l2Block(safe)),
  finalized
})

/** Imports the blocks 1 to `to`. */
export const grow = Effect.fnUntraced(function* (to: number) {
  const chain = yield* Chain.Chain
  for (let number = 1; number <= to; number++) yield* chain.import(content(number))
})
