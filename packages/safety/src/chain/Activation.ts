/**
 * How a chain's databases get their first entries: at genesis, or with the first block of interop.
 */
import { Effect, Option } from "effect"
import type { BlockRef, BlockSeal, ChainId, DerivedBlockRefPair } from "@ephor/types"
import * as DerivationDb from "../DerivationDb.ts"
import * as RollupConfig from "../RollupConfig.ts"
import { BadConfiguration, SupervisorError } from "../SupervisorError.ts"
import { type ChainContext, sealOf, stateOf } from "../supervisor/ChainContext.ts"
import type { Change } from "../supervisor/Ledger.ts"
import type { NodeLink } from "../node/Link.ts"

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

/** Safety databases of a chain that somebody else has built. */
export type Seed = (
  chain: ChainId
) => Effect.Effect<
  { readonly local: DerivationDb.DerivationDb; readonly cross: DerivationDb.DerivationDb },
  SupervisorError
>

/** Whether each entry follows from the one before it. Files do not tell parents: heights have to do. */
const isChain = (db: DerivationDb.DerivationDb): boolean =>
  db.every((entry, at) => {
    const before = db[at - 1]
    if (entry.invalidated) return false
    if (before === undefined) return true
    const sources = entry.source.number - before.source.number
    const deriveds = entry.derived.number - before.derived.number
    if (entry.revision > before.revision) return (sources === 0 || sources === 1) && deriveds <= 1
    return entry.revision === before.revision && sources >= 0 && deriveds >= 0 && sources + deriveds === 1
  })

/**
 * Takes over the safety databases of a chain that the store knows nothing of. Its logs are indexed from the nodes; until
 * they are, nothing new is promoted. A block that waits for its replacement is left out.
 */
export const adopt = Effect.fnUntraced(function* (
  chain: ChainContext,
  seed: Seed
): Effect.fn.Return<void, SupervisorError> {
  const state = stateOf(chain)
  if (state.logs.length > 0 || state.local.length > 0 || state.cross.length > 0) return
  const seeded = yield* seed(chain.id)
  const local = DerivationDb.marker(seeded.local) === undefined ? seeded.local : seeded.local.slice(0, -1)
  const { cross } = seeded
  const [first] = cross
  if (first === undefined || local.length === 0) return
  const agree = same(first.derived, local[0]!.derived) && same(first.source, local[0]!.source)
  if (!agree || !isChain(local) || !isChain(cross)) {
    const why = `the safety databases offered for chain ${chain.id} contradict themselves; begin without --datadir.sync-endpoint`
    return yield* new SupervisorError({ method: "start", reason: new BadConfiguration({ why }) })
  }
  const { hash, number, timestamp } = first.derived
  // Its parent is before the beginning: nobody asks for it.
  const sealed = { hash, number, timestamp, parentHash: hash, logs: [], executing: [] }
  yield* chain.shared.ledger.decide(() => ({
    result: undefined,
    changes: [
      {
        chainId: chain.id,
        logs: { keep: 0, append: [sealed] },
        local: { keep: 0, append: local },
        cross: { keep: 0, append: cross },
        crossUnsafe: cross.at(-1)!.derived
      }
    ]
  }))
  chain.indexTarget = local.at(-1)!.derived.number
  yield* Effect.logInfo("safety databases were taken over", { chain: chain.id, upTo: chain.indexTarget })
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
