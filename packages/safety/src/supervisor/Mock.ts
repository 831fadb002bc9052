/** Answers of the right shape without anything behind them. */
import { Effect } from "effect"
import { chains, type DependencySet } from "../DependencySet.ts"
import type { Service } from "../Supervisor.ts"

const hash = `0x${"0".repeat(64)}` as const
const block = { hash, number: 0 }
const ref = { ...block, parentHash: hash, timestamp: 0 }
const pair = { source: block, derived: block }

const l2 = { ...ref, l1origin: block, sequenceNumber: 0 }
const status = {
  currentL1: ref,
  headL1: ref,
  finalizedL1: ref,
  unsafe: l2,
  crossUnsafe: l2,
  localSafe: l2,
  crossSafe: l2,
  finalized: l2
}

/** A supervisor that accepts everything and knows nothing: every head is the zero block. */
export const mockService = (dependencySet: DependencySet): Service => {
  const ids = Object.keys(dependencySet.dependencies)
  let failsafe = false
  const at = (value: typeof block) => () => Effect.succeed(value)
  const heads = { localUnsafe: ref, localSafe: block, crossUnsafe: block, safe: block, finalized: block }
  const progress = {
    chainIds: chains(dependencySet),
    currentL1: block,
    safeTimestamp: 0,
    localSafeTimestamp: 0,
    finalizedTimestamp: 0
  }
  return {
    dependencySet,
    syncStatus: Effect.succeed({
      minSyncedL1: ref,
      safeTimestamp: 0,
      finalizedTimestamp: 0,
      chains: Object.fromEntries(ids.map((id) => [id, heads]))
    }),
    localUnsafe: at(block),
    crossUnsafe: at(block),
    localSafe: () => Effect.succeed(pair),
    crossSafe: () => Effect.succeed(pair),
    finalized: at(block),
    finalizedL1: Effect.succeed(ref),
    crossDerivedToSource: () => Effect.succeed(ref),
    allSafeDerivedAt: () => Effect.succeed(Object.fromEntries(ids.map((id) => [id, block]))),
    superRootAtTimestamp: (timestamp) =>
      Effect.succeed({ crossSafeDerivedFrom: block, timestamp, superRoot: hash, chains: [] }),
    superRootAt: () => Effect.succeed({ ...progress, optimistic: {} }),
    superNodeStatus: Effect.succeed({
      ...progress,
      chains: Object.fromEntries(ids.map((id) => [id, status]))
    }),
    derivations: () => Effect.succeed({ local: [], cross: [] }),
    checkAccessList: () => Effect.void,
    failsafe: Effect.sync(() => failsafe),
    setFailsafe: (enabled) =>
      Effect.sync(() => {
        failsafe = enabled
      }),
    start: Effect.void,
    stop: Effect.void,
    addNode: () => Effect.void,
    rewind: () => Effect.void,
    nodes: Effect.succeed({}),
    counters: Effect.succeed({ executingMessages: 0, invalidatedBlocks: 0 }),
    overview: Effect.succeed({ waits: {}, l1: {}, messages: [], invalidations: [], isStopped: false }),
    join: Effect.never
  }
}
