/** A supervisor of two chains, as most tests of it begin. */
import type { Store } from "@ephor/store"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { L1, Supervisor } from "../../src/index.ts"
import { makeL1, makeL2, persistentStore, rollupConfig, type TestL1, type TestL2 } from "../world.ts"

/** An L1, the chains 901 and 902 on it, and a store that outlives supervisors. */
export const makeWorld = Effect.gen(function* () {
  const l1 = makeL1()
  const a = yield* makeL2("901", l1)
  const b = yield* makeL2("902", l1)
  return { l1, a, b, store: yield* persistentStore }
})
/** See `makeWorld`. */
export type World = Effect.Success<typeof makeWorld>

/** The configuration of a supervisor of these chains. */
export const configOf = (
  l1: TestL1,
  chains: ReadonlyArray<Pick<TestL2, "chainId" | "genesis" | "node">>
): Supervisor.Config => ({
  dependencySet: { dependencies: Object.fromEntries(chains.map(({ chainId }) => [chainId, {}])) },
  rollupConfigs: Object.fromEntries(chains.map((l2) => [l2.chainId, rollupConfig(l1, l2)])),
  nodes: chains.map(({ node }) => ({ node }))
})

/** What a supervisor runs on, where that is not the world's own. */
export interface Ground {
  readonly store?: Layer.Layer<Store.Store>
  readonly l1?: Partial<L1.Options>
}

/** Starts a supervisor of both chains; `stop` ends it, the store stays. */
export const start = Effect.fnUntraced(function* (
  { a, b, l1, store }: World,
  config: Partial<Supervisor.Config> = {},
  ground: Ground = {}
) {
  const scope = yield* Scope.make()
  const stop = Scope.close(scope, Exit.void)
  yield* Effect.addFinalizer(() => stop)
  const context = yield* Layer.buildWithScope(
    Supervisor.layer({ ...configOf(l1, [a, b]), ...config }).pipe(
      Layer.provide(Layer.fresh(L1.layer(l1.source, ground.l1))),
      Layer.provide(ground.store ?? store)
    ),
    scope
  )
  return { supervisor: Context.get(context, Supervisor.Supervisor), stop }
})

/** Whether something names a block. */
export const is = (block: { readonly hash: string }) => (id: { readonly hash: string }) =>
  id.hash === block.hash
