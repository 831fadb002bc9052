/**
 * A small world for tests: an L1 that is mined by hand, and chains of the hub in memory with managed nodes on top.
 */
import { Chain } from "@ephor/chain"
import { Store } from "@ephor/store"
import { ManagedNode } from "@ephor/supervisor-protocol"
import {
  type BlockRef,
  type ChainId,
  concatBytes,
  encodeExecutingLog,
  executingMessageOf,
  fromHex,
  type Hash,
  keccak256,
  type L2BlockRef,
  type LogContent,
  positionOf,
  type Receipt
} from "@ephor/types"
import { Context, Effect, Layer, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { L1, type RollupConfig } from "../src/index.ts"

const zero: Hash = `0x${"0".repeat(64)}`
export const hashOf = (...parts: ReadonlyArray<string | number>): Hash =>
  keccak256(new TextEncoder().encode(parts.join("/")))

/** An L1 that is mined by hand: `mine` adds a block, `fork` replaces the blocks above a height. */
export const makeL1 = () => {
  const block = (number: number, parentHash: Hash, mark: string): BlockRef => ({
    hash: hashOf("l1", number, mark),
    number,
    parentHash,
    timestamp: 1000 + number * 12
  })
  const blocks: Array<BlockRef> = [block(0, zero, "")]
  let final = 0
  const at = (number: number) => Option.fromUndefinedOr(blocks[number])
  const source: L1.Source = {
    latest: Effect.sync(() => Option.fromUndefinedOr(blocks.at(-1))),
    finalized: Effect.sync(() => at(final)),
    blockByNumber: (number) => Effect.sync(() => at(number)),
    blockByHash: (hash) =>
      Effect.sync(() => Option.fromUndefinedOr(blocks.find((block) => block.hash === hash)))
  }
  const mine = (count = 1, mark = "") => {
    for (let i = 0; i < count; i++) blocks.push(block(blocks.length, blocks.at(-1)!.hash, mark))
  }
  return {
    source,
    blocks,
    mine,
    finalize: (number: number) => {
      final = number
    },
    fork: (above: number, count: number, mark: string) => {
      blocks.length = above + 1
      mine(count, mark)
    }
  }
}
export type TestL1 = ReturnType<typeof makeL1>

export const genesisTime = 1000
export const blockTime = 2

/** Logs of a block: ordinary ones by their data, executing ones as they are. */
export const plainLog = (text: string): LogContent => ({
  address: "0x1111111111111111111111111111111111111111",
  topics: [hashOf("topic", text)],
  data: "0x1234"
})

const receiptsOf = (ref: L2BlockRef, logs: ReadonlyArray<LogContent>): ReadonlyArray<Receipt> =>
  logs.map((log, logIndex) => {
    const place = {
      blockNumber: ref.number,
      blockHash: ref.hash,
      transactionHash: hashOf("tx", ref.hash, logIndex),
      transactionIndex: logIndex
    }
    return {
      ...place,
      type: 2,
      status: 1,
      cumulativeGasUsed: 21_000 * (logIndex + 1),
      gasUsed: 21_000,
      logs: [{ ...log, ...place, logIndex }]
    }
  })

/** One L2: a chain of the hub in memory whose blocks are made by hand, and a managed node on top of it. */
export const makeL2 = Effect.fnUntraced(function* (chainId: ChainId, l1: TestL1) {
  const output = (blockHash: Hash) => ({
    stateRoot: hashOf("state", blockHash),
    messagePasserStorageRoot: zero,
    blockHash
  })
  const genesisRef: L2BlockRef = {
    hash: hashOf(chainId, 0),
    number: 0,
    parentHash: zero,
    timestamp: genesisTime,
    l1origin: { hash: l1.blocks[0]!.hash, number: 0 },
    sequenceNumber: 0
  }
  const content = (ref: L2BlockRef, logs: ReadonlyArray<LogContent>): Chain.ChainBlock => ({
    ref,
    body: new Uint8Array(0),
    receipts: receiptsOf(ref, logs),
    output: output(ref.hash)
  })
  const genesis = content(genesisRef, [])
  // What the batcher put on L1: which L2 blocks came with which L1 block, by hash of the L1 block.
  const batches = new Map<Hash, Array<L2BlockRef>>()
  const services = yield* Layer.build(
    ManagedNode.layerChain({ chainId, blockTimeSeconds: blockTime }).pipe(
      Layer.provideMerge(
        Chain.layerMemory({
          genesis,
          anchorSource: l1.blocks[0]!,
          derive: (source, after) => {
            const earlier = l1.blocks.filter(({ number }) => number < source.number)
            const derived: Array<L2BlockRef> = [after]
            // What does not continue the chain is dropped, as a batch on another parent is.
            for (const block of [...earlier, source].flatMap(({ hash }) => batches.get(hash) ?? []))
              if (block.parentHash === derived.at(-1)!.hash) derived.push(block)
            return Stream.fromIterable(derived.slice(1))
          },
          replace: (invalid) =>
            Effect.sync(() => {
              const ref = { ...invalid.ref, hash: hashOf("replacement", invalid.ref.hash) }
              return { ...content(ref, []), pending: invalid.output }
            })
        })
      )
    )
  )
  const chain = Context.get(services, Chain.Chain)
  const node = Context.get(services, ManagedNode.ManagedNode)
  const build = Effect.fnUntraced(function* (
    logs: ReadonlyArray<LogContent> = [],
    options: BuildOptions = {}
  ) {
    const parent = options.parent ?? (yield* chain.head("LocalUnsafe"))
    const number = parent.number + 1
    const origin = options.origin ?? l1.blocks[0]!
    const ref: L2BlockRef = {
      hash: hashOf(
        chainId,
        number,
        parent.hash,
        options.mark ?? "",
        concatBytes(...logs.map((log) => fromHex(log.data))).join()
      ),
      number,
      parentHash: parent.hash,
      timestamp: genesisTime + number * blockTime,
      l1origin: { hash: origin.hash, number: origin.number },
      sequenceNumber: number
    }
    yield* chain.import(content(ref, logs))
    return ref
  })
  return {
    chainId,
    chain,
    node,
    build,
    /** Puts L2 blocks on the L1 block of that height. */
    batch: (source: number, ...blocks: ReadonlyArray<L2BlockRef>) => {
      const key = l1.blocks[source]!.hash
      batches.set(key, [...(batches.get(key) ?? []), ...blocks])
    },
    /** What the batcher put on L1, by L1 block; `share` makes another chain's ours. */
    batches,
    share: (other: { readonly batches: ReadonlyMap<Hash, Array<L2BlockRef>> }) => {
      for (const [source, blocks] of other.batches) batches.set(source, blocks)
    },
    genesis: genesisRef
  }
})
export type TestL2 = Effect.Success<ReturnType<typeof makeL2>>

export interface BuildOptions {
  readonly parent?: BlockRef
  readonly origin?: BlockRef
  readonly mark?: string
}

/** The log that executes a log of a block; `change` makes the claim a lie. */
export const execute = (
  chainId: ChainId,
  block: BlockRef,
  logIndex: number,
  log: LogContent,
  change: { readonly timestamp?: number } = {}
): LogContent =>
  encodeExecutingLog(
    executingMessageOf(log, {
      ...positionOf(chainId, block, logIndex),
      ...(change.timestamp === undefined ? undefined : { timestamp: BigInt(change.timestamp) })
    })
  )

export const rollupConfig = (l1: TestL1, l2: { readonly genesis: BlockRef }): RollupConfig.RollupConfig => {
  const seal = ({ hash, number, timestamp }: BlockRef) => ({ hash, number, timestamp })
  return {
    genesis: { l1: seal(l1.blocks[0]!), l2: seal(l2.genesis) },
    block_time: blockTime,
    interop_time: 0
  }
}

/** Lets virtual time pass until the condition holds; fails with its description if it never does. */
export const until = Effect.fnUntraced(function* <E>(what: string, condition: Effect.Effect<boolean, E>) {
  for (let i = 0; i < 400; i++) {
    if (yield* Effect.orElseSucceed(condition, () => false)) return
    yield* TestClock.adjust("250 millis")
  }
  return yield* Effect.die(new Error(`it never happened: ${what}`))
})

/** A store that outlives the layers that use it. */
export const persistentStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), (context) =>
  Layer.succeedContext(context)
)
