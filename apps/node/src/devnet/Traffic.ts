/**
 * Messages between the chains of a devnet: each chain says something about every second, a relayer lets the other chain
 * execute what is cross-safe, and from time to time it claims something that was never said.
 */
import type { ManagedNode } from "@ephor/supervisor-protocol"
import {
  type Address,
  type BlockNumber,
  type ChainId,
  encodeExecutingLog,
  executingMessageOf,
  type Hash,
  type LogContent,
  positionOf,
  toHex
} from "@ephor/types"
import { Effect } from "effect"

/** A chain that messages come from and go to. */
export interface TrafficChain {
  readonly chainId: ChainId
  readonly node: ManagedNode.Service
  /** Height up to which messages may be relayed: what is cross-safe is not taken back. */
  readonly crossSafe: Effect.Effect<BlockNumber, unknown>
  /** Lets a transaction of the chain emit a log. */
  readonly emit: (log: LogContent) => Effect.Effect<void, unknown>
}

/** How much is said. */
export interface Options {
  /** Contract whose logs are relayed. */
  readonly emitter: Address
  readonly intervalMs: number
  /** Time before the first forged message on each chain, and between two of them; 0 is never. */
  readonly forgeFirstMs: number
  readonly forgeIntervalMs: number
}

/** A gentle rate for a devnet. */
export const defaults: Omit<Options, "emitter"> = {
  intervalMs: 1000,
  forgeFirstMs: 4000,
  forgeIntervalMs: 30_000
}

const word = (n: number): Hash => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(28, n)
  return toHex(bytes)
}

/** Says something on a chain, forever. */
const speak = (chain: TrafficChain, options: Options) =>
  Effect.gen(function* () {
    for (let count = 1; ; count++) {
      yield* Effect.ignore(
        chain.emit({ address: options.emitter, topics: [word(count)], data: word(count * 7) })
      )
      yield* Effect.sleep(options.intervalMs)
    }
  })

/** Lets `to` execute what `from` said, block after block, forever. Begins at the first block that becomes cross-safe. */
const relay = (from: TrafficChain, to: TrafficChain, options: Options) =>
  Effect.gen(function* () {
    let next: BlockNumber | undefined
    const step = Effect.gen(function* () {
      const last = yield* from.crossSafe
      next ??= last + 1
      for (; next <= last; next++) {
        const block = yield* from.node.l2BlockRefByNumber(next)
        const receipts = yield* from.node.fetchReceipts(block.hash)
        for (const log of receipts.flatMap((receipt) => receipt.logs)) {
          if (log.address !== options.emitter) continue
          yield* to.emit(
            encodeExecutingLog(executingMessageOf(log, positionOf(from.chainId, block, log.logIndex)))
          )
        }
      }
    })
    while (true) {
      yield* Effect.ignore(step)
      yield* Effect.sleep(options.intervalMs / 2)
    }
  })

/** Lets `to` execute something that `from` never said, every now and then. */
const forge = (from: TrafficChain, to: TrafficChain, options: Options) =>
  Effect.gen(function* () {
    yield* Effect.sleep(options.forgeFirstMs)
    for (let count = 1; ; count++) {
      const claim = Effect.gen(function* () {
        const block = yield* from.node.l2BlockRefByNumber(1)
        const never = { address: options.emitter, topics: [word(count)], data: word(0xdead) }
        yield* to.emit(encodeExecutingLog(executingMessageOf(never, positionOf(from.chainId, block, 0))))
      })
      yield* Effect.ignore(claim)
      yield* Effect.sleep(options.forgeIntervalMs)
    }
  })

/** Traffic between every pair of chains, until interrupted. Failures of a node are waited out. */
export const run = (chains: ReadonlyArray<TrafficChain>, options: Options): Effect.Effect<never> => {
  const pairs = chains.flatMap((from) => chains.filter((to) => to !== from).map((to) => [from, to] as const))
  return Effect.all(
    [
      ...chains.map((chain) => speak(chain, options)),
      ...pairs.map(([from, to]) => relay(from, to, options)),
      ...(options.forgeIntervalMs > 0 ? pairs.map(([from, to]) => forge(from, to, options)) : [])
    ],
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.andThen(Effect.never))
}
