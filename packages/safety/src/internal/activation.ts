/**
 * How a chain's databases get their first entries: at genesis, or with the first block of interop.
 */
import { Effect, Option } from "effect"
import type { BlockRef, BlockSeal, DerivedBlockRefPair } from "@ephor/types"
import * as RollupConfig from "../RollupConfig.ts"
import { BadConfiguration, SupervisorError } from "../SupervisorError.ts"
import { type ChainContext, sealOf, stateOf } from "./chainContext.ts"
import type { Change } from "./ledger.ts"
import type { NodeLink } from "./nodeLink.ts"

const same = (a: BlockSeal, b: BlockSeal) => a.hash === b.hash && a.number === b.number

/** The first block, sealed without its logs. */
const firstBlock = (chain: ChainContext, block: BlockRef): Change => {
  const { hash, number, parentHash, timestamp } = block
  return stateOf(chain).logs.length > 0
    ? { chainId: chain.id }
    : {
        chainId: chain.id,
        logs: { keep: 0, append: [{ hash, number, parentHash, timestamp, logs: [], executing: [] }] },
        crossUnsafe: sealOf(block)
      }
}

const firstPair = (chain: ChainContext, pair: DerivedBlockRefPair): Change => {
  const append = [
    { source: sealOf(pair.source), derived: sealOf(pair.derived), revision: 0, invalidated: false }
  ]
  return { ...firstBlock(chain, pair.derived), local: { keep: 0, append }, cross: { keep: 0, append } }
}

/**
 * Makes the anchor the first entry of a chain that has interop from genesis. With data, checks that the data belongs to
 * this chain.
 */
export const initialize = Effect.fnUntraced(function* (
  chain: ChainContext
): Effect.fn.Return<void, SupervisorError> {
  const { cross, logs } = stateOf(chain)
  if (!RollupConfig.isActiveAtGenesis(chain.config)) return
  const anchor = RollupConfig.anchor(chain.config)
  const first = cross[0]
  if (first !== undefined || logs.length > 0) {
    if (first !== undefined && same(first.source, anchor.source) && same(first.derived, anchor.derived))
      return
    const why =
      `the data directory holds chain ${chain.id} with another genesis than the rollup config; ` +
      `use another directory or correct the rollup config`
    return yield* new SupervisorError({ method: "start", reason: new BadConfiguration({ why }) })
  }
  yield* chain.shared.ledger.decide(() => ({ result: undefined, changes: [firstPair(chain, anchor)] }))
  yield* Effect.logInfo("initialised at genesis", { chain: chain.id })
})

/** Height of the first block with interop, by the clock of the chain. */
const activationNumber = ({ block_time, genesis, interop_time }: RollupConfig.RollupConfig): number =>
  genesis.l2.number + Math.ceil(((interop_time ?? 0) - genesis.l2.timestamp) / block_time)

/** Seals the activation block as the first one of an empty logs database, once the node has it. */
export const activateUnsafe = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink,
  block: BlockRef
) {
  const known = RollupConfig.isActivationBlock(chain.config, block.timestamp)
    ? Option.some(block)
    : yield* link.blockAt(activationNumber(chain.config))
  if (Option.isNone(known) || !RollupConfig.isActivationBlock(chain.config, known.value.timestamp)) {
    return yield* Effect.logWarning("no activation block yet: an unsafe block is ignored", {
      block: block.number
    })
  }
  const first = known.value
  yield* chain.shared.ledger.decide(() => ({ result: undefined, changes: [firstBlock(chain, first)] }))
  yield* Effect.logInfo("interop is active", { block: first.number })
})

/** Makes the pair the first entry if it is the activation block; earlier and later ones are dropped. */
export const activateSafe = Effect.fnUntraced(function* (
  chain: ChainContext,
  pair: DerivedBlockRefPair
): Effect.fn.Return<boolean, SupervisorError> {
  if (!RollupConfig.isActivationBlock(chain.config, pair.derived.timestamp)) return false
  const first = stateOf(chain).logs[0]
  if (first !== undefined && first.hash !== pair.derived.hash) {
    // The unsafe activation block was reorganised away before it became safe: start over with the safe one.
    yield* chain.shared.ledger.decide(() => ({
      result: undefined,
      changes: [{ chainId: chain.id, logs: { keep: 0, append: [] } }]
    }))
  }
  yield* chain.shared.ledger.decide(() => ({ result: undefined, changes: [firstPair(chain, pair)] }))
  yield* Effect.logInfo("interop is active and safe", { block: pair.derived.number })
  return true
})
