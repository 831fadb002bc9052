/** The L1 of a devnet as a development chain of this process, which can be stopped and started again. */
import type * as Retention from "@ephor/chain/Retention"
import { DevChain } from "@ephor/devchain"
import * as NodeEthRpcServer from "@ephor/execution/NodeEthRpcServer"
import * as NodeStore from "@ephor/store/NodeStore"
import type { ChainId } from "@ephor/types"
import { Context, Effect, Exit, Layer, Scope, Semaphore } from "effect"
import * as DataDirectory from "../DataDirectory.ts"
import { host } from "./NodeCommands.ts"

/** What the L1 is made of. */
export interface Options {
  readonly chainId: ChainId
  readonly genesisTime: number
  readonly blockTimeMs: number
  readonly path: string
  readonly historyBlocks: Retention.HistoryBlocks
}

/** An L1 that can be stopped. */
export interface SwitchedL1 {
  readonly url: string
  readonly isRunning: Effect.Effect<boolean>
  /** Stops it, or starts it where it was, at the same address. */
  readonly toggle: Effect.Effect<void, { readonly message: string }>
}

const layerOf = ({ blockTimeMs, chainId, genesisTime, historyBlocks, path }: Options, port: number) =>
  Layer.fresh(
    NodeEthRpcServer.layer({ host, port, chainId }).pipe(
      Layer.provide(
        DevChain.layerL1({
          chainId,
          genesisTime,
          blockTimeMs,
          finalityDepth: 2,
          chainLimits: { historyBlocks }
        })
      ),
      Layer.provide(NodeStore.layer({ path, contents: DataDirectory.l1 }))
    )
  )

/** Starts it; it ends with the scope. */
export const start = Effect.fnUntraced(function* (options: Options) {
  const outer = yield* Effect.scope
  const one = yield* Semaphore.make(1)
  const open = Effect.fnUntraced(function* (port: number) {
    const scope = yield* Scope.fork(outer)
    const context = yield* Layer.buildWithScope(layerOf(options, port), scope).pipe(
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    return { scope, url: Context.get(context, NodeEthRpcServer.NodeEthRpcServer).url }
  })
  const first = yield* open(0)
  const port = Number(new URL(first.url).port)
  let running: Scope.Closeable | undefined = first.scope
  const toggle = Effect.suspend(() => {
    const scope = running
    if (scope === undefined) return Effect.map(open(port), (opened) => void (running = opened.scope))
    running = undefined
    return Scope.close(scope, Exit.void)
  })
  const l1: SwitchedL1 = {
    url: first.url,
    isRunning: Effect.sync(() => running !== undefined),
    toggle: one.withPermits(1)(toggle)
  }
  return l1
})
