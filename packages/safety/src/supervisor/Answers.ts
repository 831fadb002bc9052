/** What a supervisor answers, from the contexts of its chains. */
import { Deferred, Effect, Metric, Result } from "effect"
import type { ChainId, DerivedIdPair, Timestamp } from "@ephor/types"
import * as AccessListCheck from "../AccessListCheck.ts"
import type { DerivationEntry } from "../DerivationDb.ts"
import type { Verdict } from "../Fault.ts"
import { type ChainContext, idOf, type Shared, stateOf } from "./ChainContext.ts"
import { finalizedBlock } from "../chain/Finality.ts"
import { type Operating } from "./Operating.ts"
import * as queries from "./Queries.ts"
import { superRootAtTimestamp } from "./SuperRoots.ts"
import { superNodeStatus } from "./SuperStatus.ts"
import * as Metrics from "../Metrics.ts"
import { crossUnsafeHead, localSafeHead } from "../Promotion.ts"
import { checkAccessListMethod, Failsafe, NotReady, SupervisorError } from "../SupervisorError.ts"
import type { Config, Service } from "../Supervisor.ts"
import type { Overview } from "../SyncStatus.ts"

/** Everything about one chain that is read from memory. */
const makeChainQueries = (contexts: ReadonlyMap<ChainId, ChainContext>) => {
  const ofChain =
    <A>(name: string, read: (chain: ChainContext) => Verdict<A>) =>
    (id: ChainId): Effect.Effect<A, SupervisorError> =>
      Effect.suspend(() =>
        queries.fromVerdict(`supervisor_${name}`, Result.flatMap(queries.findChain(contexts, id), read))
      )
  const pair = (entry: DerivationEntry): DerivedIdPair => ({
    source: idOf(entry.source),
    derived: idOf(entry.derived)
  })
  return {
    localUnsafe: ofChain("localUnsafe", (chain) =>
      Result.map(queries.known(chain, "local-unsafe block", stateOf(chain).logs.at(-1)), idOf)
    ),
    crossUnsafe: ofChain("crossUnsafe", (chain) =>
      Result.map(queries.known(chain, "cross-unsafe block", crossUnsafeHead(stateOf(chain))), idOf)
    ),
    localSafe: ofChain("localSafe", (chain) =>
      Result.map(queries.known(chain, "local-safe block", localSafeHead(stateOf(chain))), pair)
    ),
    crossSafe: ofChain("crossSafe", (chain) =>
      Result.map(queries.known(chain, "cross-safe block", stateOf(chain).cross.at(-1)), pair)
    ),
    derivations: ofChain("derivations", (chain) => Result.succeed(stateOf(chain))),
    finalized: ofChain("finalized", (chain) =>
      Result.map(queries.known(chain, "finalized block", finalizedBlock(chain)?.derived), idOf)
    )
  }
}

const overviewOf = (shared: Shared, contexts: ReadonlyMap<ChainId, ChainContext>): Overview => {
  const chains = [...contexts.values()]
  return {
    waits: Object.fromEntries(chains.flatMap(({ id, wait }) => (wait === undefined ? [] : [[id, wait]]))),
    l1: Object.fromEntries(
      chains.flatMap(({ currentL1, id }) => (currentL1 === undefined ? [] : [[id, idOf(currentL1)]]))
    ),
    messages: Array.from(shared.messages, ([from, row]) =>
      Array.from(row, ([to, count]) => ({ from, to, count }))
    ).flat(),
    invalidations: [...shared.invalidations],
    isStopped: shared.stopped
  }
}

/** The service over running workers. */
export const makeService = (
  { dependencySet }: Config,
  shared: Shared,
  contexts: ReadonlyMap<ChainId, ChainContext>,
  operating: Operating,
  accepted: (entries: ReadonlyArray<string>) => Effect.Effect<void>,
  failed: Deferred.Deferred<never, SupervisorError>
): Service => {
  const world: AccessListCheck.CheckedWorld = {
    ...shared.ledger.world,
    strictIngress: shared.options.strictIngress,
    finalized: (id) => {
      const chain = contexts.get(id)
      return chain === undefined ? undefined : finalizedBlock(chain)?.derived
    }
  }
  return {
    dependencySet,
    ...makeChainQueries(contexts),
    syncStatus: Effect.suspend(() => queries.syncStatus(contexts)),
    finalizedL1: Effect.suspend(() => {
      const block = shared.ledger.finalizedL1()
      if (block !== undefined) return Effect.succeed(block)
      const reason = new NotReady({ why: "finality of L1 is not initialized: not found" })
      return Effect.fail(new SupervisorError({ method: "supervisor_finalizedL1", reason }))
    }),
    crossDerivedToSource: (id, derived) =>
      Effect.suspend(() =>
        queries.fromVerdict(
          "supervisor_crossDerivedToSource",
          Result.flatMap(queries.findChain(contexts, id), (chain) => queries.derivedToSource(chain, derived))
        )
      ),
    allSafeDerivedAt: (source) =>
      Effect.suspend(() =>
        queries.fromVerdict("supervisor_allSafeDerivedAt", queries.allSafeDerivedAt(contexts, source))
      ),
    superRootAtTimestamp: Effect.fn("Supervisor.superRootAtTimestamp")((timestamp: Timestamp) =>
      queries.superRootAt(contexts, timestamp)
    ),
    superRootAt: Effect.fn("Supervisor.superRootAt")((timestamp: Timestamp) =>
      superRootAtTimestamp(contexts, timestamp)
    ),
    superNodeStatus: superNodeStatus(contexts),
    checkAccessList: Effect.fn("Supervisor.checkAccessList")(function* (entries, minSafety, descriptor) {
      const method = checkAccessListMethod
      if (shared.failsafe) return yield* new SupervisorError({ method, reason: new Failsafe() })
      const checked = AccessListCheck.check(world, entries, minSafety, descriptor)
      if (Result.isSuccess(checked)) return yield* accepted(entries)
      yield* Metric.update(Metrics.accessListFailures, 1)
      return yield* new SupervisorError({ method, reason: checked.failure })
    }),
    failsafe: Effect.sync(() => shared.failsafe),
    setFailsafe: (enabled) =>
      Effect.sync(() => {
        shared.failsafe = enabled
      }),
    ...operating,
    nodes: Effect.sync(() => Object.fromEntries(shared.connections)),
    counters: Effect.sync(() => ({
      executingMessages: shared.executingMessages,
      invalidatedBlocks: shared.invalidatedBlocks
    })),
    overview: Effect.sync(() => overviewOf(shared, contexts)),
    join: Deferred.await(failed)
  }
}
