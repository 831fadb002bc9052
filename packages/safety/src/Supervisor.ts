/**
 * The supervisor: watches the nodes of several chains, checks the messages between the chains, tells the nodes what is
 * safe, and has blocks replaced that break the rules.
 */
import { Cause, Context, Deferred, Effect, Latch, Layer, type Redacted, Scope, Stream } from "effect"
import type { Store } from "@ephor/store/Store"
import type { Endpoint } from "@ephor/json-rpc/Endpoint"
import type { Connection } from "@ephor/supervisor-protocol/ManagedNode"
import type { BlockId, BlockRef, ChainId, DerivedIdPair, SafetyLevel, Timestamp } from "@ephor/types"
import * as AccessListCheck from "./AccessListCheck.ts"
import * as DependencySet from "./DependencySet.ts"
import { type DerivationDb, marker } from "./DerivationDb.ts"
import { type Shared, stateOf } from "./supervisor/ChainContext.ts"
import { type ChainWorker, makeChainWorker } from "./chain/ChainWorker.ts"
import { makeLedger } from "./supervisor/Ledger.ts"
import { attach, type NodeConfig } from "./node/Attachment.ts"
import type { Seed } from "./chain/Activation.ts"
import { type Connect, makeOperating } from "./supervisor/Operating.ts"
import { mockService } from "./supervisor/Mock.ts"
import { makeVerify } from "./supervisor/Verifying.ts"
import { L1 } from "./L1.ts"
import * as LinkCheck from "./LinkCheck.ts"
import type { RollupConfigSet } from "./RollupConfig.ts"
import { BadConfiguration, Crashed, SupervisorError } from "./SupervisorError.ts"
import { defaults, type Options } from "./SupervisorOptions.ts"
import type { SuperNodeStatus, SuperRootAtTimestamp } from "./SuperNode.ts"
import type { Counters, Overview, SuperRoot, SyncStatus } from "./SyncStatus.ts"
import { makeService } from "./supervisor/Answers.ts"

export { defaults, type Options } from "./SupervisorOptions.ts"
export { family } from "./supervisor/Tables.ts"
export type { NodeConfig } from "./node/Attachment.ts"
export type { Connect } from "./supervisor/Operating.ts"
export type { Seed } from "./chain/Activation.ts"

/** Shape of the supervisor. Heads are `Uninitialized` before the chain's first block of interop was seen. */
export interface Service {
  readonly dependencySet: DependencySet.DependencySet
  /** All heads of all chains at one moment. */
  readonly syncStatus: Effect.Effect<SyncStatus, SupervisorError>
  /** The last block whose logs are indexed. */
  readonly localUnsafe: (chain: ChainId) => Effect.Effect<BlockId, SupervisorError>
  readonly crossUnsafe: (chain: ChainId) => Effect.Effect<BlockId, SupervisorError>
  /** The last block derived from L1, with its L1 block. */
  readonly localSafe: (chain: ChainId) => Effect.Effect<DerivedIdPair, SupervisorError>
  readonly crossSafe: (chain: ChainId) => Effect.Effect<DerivedIdPair, SupervisorError>
  /** The last block that is final because its L1 block is. */
  readonly finalized: (chain: ChainId) => Effect.Effect<BlockId, SupervisorError>
  readonly finalizedL1: Effect.Effect<BlockRef, SupervisorError>
  /** The L1 block with which an L2 block became cross-safe. */
  readonly crossDerivedToSource: (
    chain: ChainId,
    derived: BlockId
  ) => Effect.Effect<BlockRef, SupervisorError>
  /** The last local-safe block of each chain as of an L1 block. */
  readonly allSafeDerivedAt: (
    source: BlockId
  ) => Effect.Effect<{ readonly [id: ChainId]: BlockId }, SupervisorError>
  /** The outputs of all chains at a time in seconds; asks the nodes. */
  readonly superRootAtTimestamp: (timestamp: Timestamp) => Effect.Effect<SuperRoot, SupervisorError>
  /** What op-supernode tells about a time in seconds: all of it from one moment; asks the nodes for outputs. */
  readonly superRootAt: (timestamp: Timestamp) => Effect.Effect<SuperRootAtTimestamp>
  /** All heads in the words of op-node; asks the nodes for L1 origins. */
  readonly superNodeStatus: Effect.Effect<SuperNodeStatus>
  /** Everything that is local-safe and cross-safe, entry by entry. */
  readonly derivations: (
    chain: ChainId
  ) => Effect.Effect<{ readonly local: DerivationDb; readonly cross: DerivationDb }, SupervisorError>
  /** Succeeds if all messages of an access list exist, are executable then, and are at least that safe. */
  readonly checkAccessList: (
    entries: ReadonlyArray<string>,
    minSafety: SafetyLevel,
    descriptor: AccessListCheck.ExecutingDescriptor
  ) => Effect.Effect<void, SupervisorError>
  /** Whether access lists are turned down. It goes on with an invalid block, and off by `setFailsafe` only. */
  readonly failsafe: Effect.Effect<boolean>
  readonly setFailsafe: (enabled: boolean) => Effect.Effect<void>
  /** Stops the work until `start`: inputs wait, questions are answered. `Redundant` if it is so already. */
  readonly stop: Effect.Effect<void, SupervisorError>
  readonly start: Effect.Effect<void, SupervisorError>
  /** Supervises one more node, until the end. `NotAttached` if it does not answer, or is of another chain. */
  readonly addNode: (
    endpoint: Endpoint,
    jwtSecret: Redacted.Redacted<Uint8Array>
  ) => Effect.Effect<void, SupervisorError>
  /** Takes what is above a block of a chain out of the databases, for the nodes to tell anew. Works while stopped. */
  readonly rewind: (chain: ChainId, to: BlockId) => Effect.Effect<void, SupervisorError>
  /** Whether each node can be reached, and tells what happens, by the name of the node. */
  readonly nodes: Effect.Effect<{ readonly [name: string]: Connection }>
  readonly counters: Effect.Effect<Counters>
  /** What happens between the chains, for a person who looks on. */
  readonly overview: Effect.Effect<Overview>
  /** Never succeeds; fails when the supervisor can not go on (the store failed, or a fiber crashed). */
  readonly join: Effect.Effect<never, SupervisorError>
}

/** The supervisor of a set of chains. */
export class Supervisor extends Context.Service<Supervisor, Service>()("@ephor/safety/Supervisor") {}

/** What a supervisor is made of. */
export interface Config {
  readonly dependencySet: DependencySet.DependencySet
  /** One for each chain of the dependency set, and for no other. */
  readonly rollupConfigs: RollupConfigSet
  /** Any number per chain. A node of a chain that is not in the set is left alone. */
  readonly nodes: ReadonlyArray<NodeConfig>
  /** Where a chain of which the store knows nothing takes its safety databases from, as from another supervisor. */
  readonly seed?: Seed | undefined
  /** How `addNode` opens a node; without it none can be added. */
  readonly connect?: Connect | undefined
  readonly options?: Partial<Options> | undefined
}

/** Whether the rollup configurations are those of the dependency set. */
export const validate = ({
  dependencySet,
  rollupConfigs
}: Pick<Config, "dependencySet" | "rollupConfigs">): Effect.Effect<void, SupervisorError> => {
  const wanted = DependencySet.chains(dependencySet)
  const given = Object.keys(rollupConfigs)
  const missing = wanted.filter((id) => !given.includes(id))
  const extra = given.filter((id) => !wanted.includes(id))
  const why =
    wanted.length === 0
      ? "the dependency set is empty: name at least one chain"
      : missing.length > 0
        ? `no rollup config for chains ${missing.join(", ")} of the dependency set`
        : extra.length > 0
          ? `rollup configs for chains ${extra.join(", ")}, which are not in the dependency set`
          : undefined
  return why === undefined
    ? Effect.void
    : Effect.fail(new SupervisorError({ method: "start", reason: new BadConfiguration({ why }) }))
}

/** The end of a fiber that must not end, as the error that ends the supervisor. */
const ended = (what: string) => (cause: Cause.Cause<SupervisorError>) => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  return (
    error ?? new SupervisorError({ method: "run", reason: new Crashed({ what, cause: Cause.squash(cause) }) })
  )
}

const isAwaiting = (workers: ReadonlyMap<ChainId, ChainWorker>): boolean =>
  [...workers.values()].some(({ context }) => marker(stateOf(context).local) !== undefined)

/** Loads the databases and supervises the nodes for as long as the scope lives. */
export const make = Effect.fnUntraced(function* (
  config: Config
): Effect.fn.Return<Service, SupervisorError, Store | L1 | Scope.Scope> {
  yield* validate(config)
  const { connect, dependencySet, nodes, rollupConfigs, seed } = config
  const scope = yield* Effect.scope
  const options: Options = { ...defaults, ...config.options }
  const workers = new Map<ChainId, ChainWorker>()
  const shared: Shared = {
    ledger: yield* makeLedger(
      DependencySet.chains(dependencySet),
      LinkCheck.make(dependencySet, rollupConfigs)
    ),
    l1: yield* L1,
    options,
    wakeAll: () => workers.forEach((worker) => worker.wake()),
    stopped: false,
    running: yield* Latch.make(true),
    failsafe: options.failsafe,
    executingMessages: 0,
    invalidatedBlocks: 0,
    messages: new Map(DependencySet.chains(dependencySet).map((id) => [id, new Map()])),
    invalidations: [],
    connections: new Map()
  }
  const wakeWaiting = (id: ChainId) =>
    workers.forEach((worker) => {
      if (worker.context.waitsOn.has(id)) worker.wake()
    })
  for (const id of shared.ledger.chainIds) {
    workers.set(id, yield* makeChainWorker({ id, config: rollupConfigs[id]!, shared, wakeWaiting, seed }))
  }
  // A block that waits for its replacement turned the fail-safe on, and nobody has turned it off since.
  if (options.failsafeOnInvalidation && isAwaiting(workers)) shared.failsafe = true
  const failed = yield* Deferred.make<never, SupervisorError>()
  const supervised = (what: string, effect: Effect.Effect<void, SupervisorError, Scope.Scope>) =>
    effect.pipe(
      Effect.catchCause((cause) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
        const error = ended(what)(cause)
        return Effect.andThen(
          Effect.logError(`the supervisor can not go on: ${error.message}`),
          Deferred.fail(failed, error)
        )
      }),
      Effect.forkScoped,
      Effect.provideService(Scope.Scope, scope)
    )
  const listen = Effect.fnUntraced(function* (node: NodeConfig, name: string) {
    shared.connections.set(name, "Disconnected")
    yield* supervised(
      `the connection of node ${name}`,
      Stream.runForEach(node.node.connection, (state) =>
        Effect.sync(() => shared.connections.set(name, state))
      )
    )
    return yield* supervised(`the listener of node ${name}`, attach({ ...node, name }, workers, options))
  })
  for (const [id, { run }] of workers) yield* supervised(`the worker of chain ${id}`, run)
  for (const [position, node] of nodes.entries()) yield* listen(node, node.name ?? `#${position}`)
  const operating = yield* makeOperating(
    shared,
    workers,
    (node) => Effect.asVoid(listen(node, node.name)),
    connect
  )
  const contexts = new Map(Array.from(workers, ([id, { context }]) => [id, context]))
  const accepted = options.verifyAccessLists ? yield* makeVerify(contexts) : () => Effect.void
  return makeService(config, shared, contexts, operating, accepted, failed)
})

/** Supervises the given nodes; state is in the `Store`, so that a restart goes on where it was. */
export const layer = (config: Config): Layer.Layer<Supervisor, SupervisorError, Store | L1> =>
  Layer.effect(Supervisor, make(config))

/** Supervises nothing: accepts every access list, and every head is the zero block. For trying out clients. */
export const layerMock = (dependencySet: DependencySet.DependencySet): Layer.Layer<Supervisor> =>
  Layer.sync(Supervisor, () => mockService(dependencySet))
