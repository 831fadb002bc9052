/**
 * What a supervisor tells the console, beside its counters.
 */
import type { Status as Told } from "@ephor/cli"
import { DependencySet, type Supervisor } from "@ephor/safety"
import type { BlockId } from "@ephor/types"
import { Clock, Effect } from "effect"

/** What it supervises, in words. */
export const roleOf = ({ dependencySet }: Supervisor.Service): string => {
  const chains = DependencySet.chains(dependencySet)
  return `supervisor of ${chains.length === 1 ? "chain" : "chains"} ${chains.join(", ")}`
}

/** A head that has not come yet is the zero block. */
const headOf = (block: BlockId & { readonly timestamp?: number }): Told.Head | undefined =>
  block.number === 0 && /^0x0*$/.test(block.hash)
    ? undefined
    : { hash: block.hash, number: block.number, timestamp: block.timestamp }

const supervision = Effect.fnUntraced(function* (supervisor: Supervisor.Service) {
  const { invalidations, isStopped, l1, messages, waits } = yield* supervisor.overview
  const finalizedL1 = yield* Effect.option(supervisor.finalizedL1)
  const told: Told.Supervision = {
    chains: DependencySet.chains(supervisor.dependencySet).map((chainId) => ({
      chainId,
      waits: waits[chainId],
      l1: l1[chainId]?.number
    })),
    messages,
    invalidations: invalidations.map(({ block, chainId, why }) => ({ chainId, ...block, why })),
    nodes: yield* supervisor.nodes,
    finalizedL1: finalizedL1._tag === "Some" ? finalizedL1.value.number : undefined,
    isFailsafe: yield* supervisor.failsafe,
    isStopped
  }
  return told
})

/** Gathers what a supervisor knows. */
export const make = Effect.fnUntraced(function* (supervisor: Supervisor.Service) {
  let lastHeads = ""
  let lastEventTime = yield* Clock.currentTimeMillis
  const ladders = Effect.gen(function* () {
    const { chains } = yield* supervisor.syncStatus
    const told: ReadonlyArray<Told.Ladder> = Object.entries(chains).map(([chainId, chain]) => ({
      chainId,
      heads: {
        localUnsafe: headOf(chain.localUnsafe),
        crossUnsafe: headOf(chain.crossUnsafe),
        localSafe: headOf(chain.localSafe),
        crossSafe: headOf(chain.safe),
        finalized: headOf(chain.finalized)
      }
    }))
    const heads = JSON.stringify(chains)
    if (heads !== lastHeads) lastEventTime = yield* Clock.currentTimeMillis
    lastHeads = heads
    return told
  }).pipe(
    // Before the first blocks of a chain there is nothing to tell of it.
    Effect.orElseSucceed((): ReadonlyArray<Told.Ladder> => [])
  )
  return Effect.gen(function* () {
    const told = yield* ladders
    const parts: Told.Parts = { ladders: told, lastEventTime, supervision: yield* supervision(supervisor) }
    return { ...(yield* supervisor.counters), ...parts }
  })
})
