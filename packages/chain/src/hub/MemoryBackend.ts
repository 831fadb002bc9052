import { Effect } from "effect"
import type { BlockRef, Hash } from "@ephor/types"
import type { Backend, ChainBlock, KnownBlock } from "../Chain.ts"

const zero: Hash = `0x${"0".repeat(64)}`

/** What a chain in memory may be told at its start: the same as any backend, all of it optional. */
export interface MemoryOptions extends Partial<Backend> {}

/** A genesis at height 0 and time 0 whose hash is `0x01…01`. */
const emptyGenesis: ChainBlock = {
  ref: {
    hash: `0x${"01".repeat(32)}`,
    number: 0,
    parentHash: zero,
    timestamp: 0,
    l1origin: { hash: zero, number: 0 },
    sequenceNumber: 0
  },
  body: new Uint8Array(0),
  receipts: [],
  output: { stateRoot: zero, messagePasserStorageRoot: zero, blockHash: `0x${"01".repeat(32)}` }
}

const complement = (hash: Hash): Hash =>
  `0x${Array.from(hash.slice(2), (digit) => (15 - Number.parseInt(digit, 16)).toString(16)).join("")}`

const emptied = (invalid: KnownBlock): ChainBlock => {
  const hash = complement(invalid.ref.hash)
  return {
    ref: { ...invalid.ref, hash },
    body: new Uint8Array(0),
    receipts: [],
    output: { ...invalid.output, blockHash: hash },
    pending: invalid.output
  }
}

/** Replaces an invalid block by an empty one whose hash is the bitwise complement of the invalid block's. */
export const complementing = (invalid: KnownBlock): Effect.Effect<ChainBlock> =>
  Effect.sync(() => emptied(invalid))

/** A backend that knows nothing but what it is given. */
export const memoryBackend = ({ anchorSource, genesis = emptyGenesis, ...rest }: MemoryOptions): Backend => {
  const source: BlockRef = anchorSource ?? { hash: zero, number: 0, parentHash: zero, timestamp: 0 }
  return { replace: complementing, ...rest, genesis, anchorSource: source }
}
