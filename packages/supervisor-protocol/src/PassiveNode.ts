/**
 * A node that cannot be managed, as a `ManagedNode`: a plain op-node tells what it derives to whoever asks, and its
 * execution client has the blocks. It is followed by asking, answers look-ups, and obeys nothing: a reset is carried out if
 * it names blocks that the node has, since then only the telling begins anew, and nothing is ever replaced.
 */
import { Effect, Layer, type Scope, SubscriptionRef } from "effect"
import type { Client as RpcClient } from "@ephor/json-rpc/JsonRpcClient"
import type { ChainId } from "@ephor/types"
import { shared } from "./client/Events.ts"
import { type Connection, ManagedNode, type Service } from "./ManagedNode.ts"
import { InteropInactive, ManagedNodeError, Passive } from "./ManagedNodeError.ts"
import { anchorOf, type Beginning } from "./passive/Beginning.ts"
import { makeDeriving } from "./passive/Deriving.ts"
import { type ExecutionClient, makeExecution } from "./passive/Execution.ts"
import { makeHistory } from "./passive/History.ts"
import { makeLookups } from "./passive/Lookups.ts"
import { makeOpNode } from "./passive/OpNode.ts"
import { makeVerify } from "./passive/Targets.ts"
import { makeWatching } from "./passive/Watching.ts"

export type { Beginning } from "./passive/Beginning.ts"
export type { ExecutionBlock, ExecutionClient } from "./passive/Execution.ts"

/** Bounds of following. */
export interface Limits {
  /** Pause between two looks at the execution client and at op-node, in milliseconds. */
  readonly pollIntervalMs: number
  /** Longest such pause while one of them does not answer, in milliseconds. */
  readonly pollLimitMs: number
  /** Pause between two repetitions of what nobody acted upon, in milliseconds. */
  readonly repeatMs: number
  /** Blocks that are asked for at a time where many became safe at once. */
  readonly fetchAheadBlocks: number
  /** L1 blocks of which is remembered how far op-node was, where it has no database of safe heads. */
  readonly observations: number
}

/** A look every 500 ms, every 10 s at least; repetitions every second; 16 blocks at a time, 1024 L1 blocks. */
export const defaults: Limits = {
  pollIntervalMs: 500,
  pollLimitMs: 10_000,
  repeatMs: 1000,
  fetchAheadBlocks: 16,
  observations: 1024
}

/** What a node that is followed is made of. */
export interface Options {
  /** The execution client: blocks and receipts. */
  readonly execution: ExecutionClient
  /** The RPC of its op-node. Without one nothing is ever told to be safe. */
  readonly opNode?: RpcClient | undefined
  /** What is known of a chain before its node is asked. */
  readonly beginningOf: (chainId: ChainId) => Beginning | undefined
  readonly limits?: Partial<Limits> | undefined
}

/** The service of a node that is followed, until the scope closes. Nothing is asked before somebody listens. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, never, Scope.Scope> {
  const limits: Limits = { ...defaults, ...options.limits }
  const connection = yield* SubscriptionRef.make<Connection>("Disconnected")
  const execution = makeExecution(options.execution)
  const opNode = options.opNode === undefined ? undefined : makeOpNode(options.opNode)
  const beginning = Effect.map(execution.chainId, options.beginningOf)
  const lookups = makeLookups(execution, opNode, beginning)
  const history = opNode === undefined ? undefined : makeHistory(opNode, limits)
  const deriving =
    history === undefined ? undefined : makeDeriving({ execution, history, lookups, beginning, limits })
  const watching = makeWatching({ execution, history, deriving, connection, limits })
  const events = yield* shared((sink) =>
    Effect.andThen(
      Effect.all(
        [...watching.map((watch) => watch(sink)), ...(deriving === undefined ? [] : [deriving.run(sink)])],
        {
          concurrency: "unbounded",
          discard: true
        }
      ),
      Effect.never
    )
  )
  const verify = makeVerify(execution)
  const passive = (method: string) =>
    Effect.fail(new ManagedNodeError({ method, reason: new Passive({ endpoint: execution.url }) }))
  return {
    ...lookups.calls,
    isPassive: true,
    events,
    connection: SubscriptionRef.changes(connection),
    chainId: execution.chainId,
    anchorPoint: Effect.flatMap(beginning, (found) => {
      const method = "interop_anchorPoint"
      const isActive =
        typeof found?.interop_time === "number" && found.genesis.l2.timestamp >= found.interop_time
      return found !== undefined && isActive
        ? Effect.succeed(anchorOf(found))
        : Effect.fail(new ManagedNodeError({ method, reason: new InteropInactive() }))
    }),
    provideL1: (block) => deriving?.provide(block) ?? passive("interop_provideL1"),
    invalidateBlock: () => passive("interop_invalidateBlock"),
    reset: (heads) =>
      deriving === undefined ? passive("interop_reset") : deriving.restart(heads.localSafe, verify(heads)),
    resetPreInterop: deriving?.restart("Activation", Effect.void) ?? passive("interop_resetPreInterop"),
    // Heads are the supervisor's: the node has its own, and is not told.
    updateCrossUnsafe: () => Effect.void,
    updateCrossSafe: () => Effect.void,
    updateFinalized: () => Effect.void
  }
})

/** The node behind an execution client and its op-node. */
export const layer = (options: Options): Layer.Layer<ManagedNode> => Layer.effect(ManagedNode, make(options))
