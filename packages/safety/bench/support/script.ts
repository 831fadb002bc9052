/**
 * Two chains whose blocks are made beforehand, and nodes that say what a script tells them to: nothing but a look-up
 * happens on their side, so that what is measured is the supervisor.
 */
import { ManagedNodeError, Refused } from "@ephor/supervisor-protocol/ManagedNodeError"
import type { ManagedEvent } from "@ephor/supervisor-protocol/ManagedEvent"
import type { ManagedNode } from "@ephor/supervisor-protocol"
import {
  type BlockId,
  type BlockRef,
  type ChainId,
  encodeAccess,
  encodeExecutingLog,
  executingMessageOf,
  type Hash,
  type L2BlockRef,
  type LogContent,
  logHash,
  messageChecksum,
  positionOf,
  type Receipt,
  toHex
} from "@ephor/types"
import { Effect, Queue, Stream } from "effect"
import type { L1, RollupConfig } from "../../src/index.ts"

export const chainIds: readonly [ChainId, ChainId] = ["901", "902"]
export const logsPerBlock = 100
/** Logs of a block that execute a message of the other chain's block before. */
export const executingPerBlock = 5
const l2PerL1 = 6
const blockTime = 2
const genesisTime = 1_700_000_000

const hashBytes = new Uint8Array(32)
const hashView = new DataView(hashBytes.buffer)
/** Made of bytes, so that the text lies in memory as that of a parsed answer does. */
const hash = (mark: number, number: number): Hash => {
  hashView.setUint32(0, mark)
  hashView.setUint32(28, number)
  return toHex(hashBytes)
}

const l1Block = (number: number): BlockRef => ({
  hash: hash(0xa1, number),
  number,
  parentHash: hash(0xa1, number - 1 < 0 ? 0 : number - 1),
  timestamp: genesisTime + number * blockTime * l2PerL1
})

/** An L1 that has all the blocks one can want, none of them final. */
export const l1: L1.Source = {
  latest: Effect.succeedSome(l1Block(1_000_000)),
  finalized: Effect.succeedNone,
  blockByNumber: (number) => Effect.succeedSome(l1Block(number)),
  blockByHash: () => Effect.succeedNone
}

const l2Block = (chain: number, number: number): L2BlockRef => ({
  hash: hash(0xb0 + chain, number),
  number,
  parentHash: hash(0xb0 + chain, Math.max(0, number - 1)),
  timestamp: genesisTime + number * blockTime,
  l1origin: { hash: l1Block(0).hash, number: 0 },
  sequenceNumber: number
})

/** A transfer of a token: three topics and a word of data. */
const plainLog = (chain: number, number: number, index: number): LogContent => ({
  address: "0x1111111111111111111111111111111111111111",
  topics: [hash(0xdd, 1), hash(0xc0 + chain, number), hash(0xe0, index)],
  data: hash(number, index)
})

const logOf = (chain: number, number: number, index: number): LogContent => {
  const said = index - (logsPerBlock - executingPerBlock)
  if (said < 0 || number < 2) return plainLog(chain, number, index)
  const other = 1 - chain
  const place = positionOf(chainIds[other]!, l2Block(other, number - 1), said)
  return encodeExecutingLog(executingMessageOf(plainLog(other, number - 1, said), place))
}

const receiptsOf = (chain: number, ref: L2BlockRef): ReadonlyArray<Receipt> =>
  Array.from({ length: logsPerBlock / 2 }, (_, transactionIndex) => {
    const place = {
      blockNumber: ref.number,
      blockHash: ref.hash,
      transactionHash: hash(0xf0 + chain, ref.number * logsPerBlock + transactionIndex),
      transactionIndex
    }
    const logs = [2 * transactionIndex, 2 * transactionIndex + 1].map((logIndex) => ({
      ...logOf(chain, ref.number, logIndex),
      ...place,
      logIndex
    }))
    return { ...place, type: 2, status: 1, cumulativeGasUsed: 21_000, gasUsed: 21_000, logs }
  })

/** The access list of one transaction: a message of a block of the script. */
export const accessOf = (chain: number, number: number, logIndex: number): ReadonlyArray<Hash> => {
  const place = positionOf(chainIds[chain]!, l2Block(chain, number), logIndex)
  return encodeAccess({ ...place, checksum: messageChecksum(place, logHash(logOf(chain, number, logIndex))) })
}

/** The time of a block, as the descriptor of an access list has it. */
export const timeOf = (number: number): string => `0x${l2Block(0, number).timestamp.toString(16)}`

export const rollupConfigs: RollupConfig.RollupConfigSet = Object.fromEntries(
  chainIds.map((id, chain) => {
    const seal = ({ hash, number, timestamp }: BlockRef) => ({ hash, number, timestamp })
    const genesis = { l1: seal(l1Block(0)), l2: seal(l2Block(chain, 0)) }
    return [id, { genesis, block_time: blockTime, interop_time: 0 }]
  })
)

const unasked = (method: string) =>
  Effect.fail(new ManagedNodeError({ method, reason: new Refused({ text: "not in the script" }) }))

/** What the node heard last. */
export interface Heard {
  crossUnsafe: number
  crossSafe: number
}

/** The blocks 0 to `count` of a chain, and their receipts by hash. */
export const makeChain = (chain: number, count: number) => {
  const blocks = Array.from({ length: count + 1 }, (_, number) => l2Block(chain, number))
  return { chain, blocks, receipts: new Map(blocks.map((ref) => [ref.hash, receiptsOf(chain, ref)])) }
}
export type ScriptedChain = ReturnType<typeof makeChain>

/** A node of a chain. It says nothing by itself. */
export const makeNode = ({ blocks, chain, receipts }: ScriptedChain) => {
  const events = Effect.runSync(Queue.unbounded<ManagedEvent>())
  const say = (event: ManagedEvent) => Queue.offerUnsafe(events, event)
  const heard: Heard = { crossUnsafe: 0, crossSafe: 0 }
  let onHeard = () => {}
  let derived = 0
  let limit = 0
  const hear = (what: keyof Heard) => (block: BlockId) =>
    Effect.sync(() => {
      heard[what] = block.number
      onHeard()
    })
  /** Derives what came with an L1 block, as a node does: the L1 block alone first, then one L2 block at a time. */
  const derive = (source: BlockRef) => {
    for (let step = 0; step <= l2PerL1 && derived < limit; step++) {
      if (step > 0) derived += 1
      say({ derivationUpdate: { source, derived: blocks[derived]! } })
    }
    if (derived < limit) say({ exhaustL1: { source, derived: blocks[derived]! } })
  }
  const node: ManagedNode.Service = {
    events: Stream.fromQueue(events),
    connection: Stream.make("Connected" as const),
    chainId: Effect.succeed(chainIds[chain]!),
    anchorPoint: unasked("interop_anchorPoint"),
    provideL1: (block) => Effect.sync(() => derive(block)),
    invalidateBlock: () => unasked("interop_invalidateBlock"),
    reset: () => unasked("interop_reset"),
    resetPreInterop: unasked("interop_resetPreInterop"),
    updateCrossUnsafe: hear("crossUnsafe"),
    updateCrossSafe: hear("crossSafe"),
    updateFinalized: () => Effect.void,
    fetchReceipts: (hash) => Effect.sync(() => receipts.get(hash)!),
    l2BlockRefByTimestamp: () => unasked("interop_l2BlockRefByTimestamp"),
    l2BlockRefByNumber: (number) =>
      Effect.suspend(() => {
        const block = blocks[number]
        return block === undefined ? unasked("interop_l2BlockRefByNumber") : Effect.succeed(block)
      }),
    blockRefByNumber: () => unasked("interop_blockRefByNumber"),
    outputV0AtTimestamp: () => unasked("interop_outputV0AtTimestamp"),
    pendingOutputV0AtTimestamp: () => unasked("interop_pendingOutputV0AtTimestamp")
  }
  return {
    node,
    heard,
    /** Ends when the node has heard enough. */
    until: (enough: (heard: Heard) => boolean) =>
      Effect.callback<void>((resume) => {
        onHeard = () => {
          if (enough(heard)) resume(Effect.void)
        }
        onHeard()
      }),
    /** Reports one unsafe block. */
    unsafe: (number: number) => say({ unsafeBlock: blocks[number]! }),
    /** Derives everything up to a height, as fast as L1 blocks are handed over. */
    derive: (upTo: number) => {
      limit = upTo
      say({ exhaustL1: { source: l1Block(Math.ceil(derived / l2PerL1)), derived: blocks[derived]! } })
    }
  }
}
export type ScriptedNode = ReturnType<typeof makeNode>
