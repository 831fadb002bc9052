/** Runs development chains on a store, and checks what must hold for all of them. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer, Option, Result, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { BlockRef } from "@ephor/types"
import * as Chain from "@ephor/chain/Chain"
import { subDagOf } from "@ephor/chain/DagBody"
import * as DevChain from "../../src/DevChain.ts"
import type * as RuntimeApi from "@ephor/chain/RuntimeApi"
import * as Store from "@ephor/store/Store"

export const word = (byte: string) => `0x${byte.repeat(32)}` as const
export const l1 = (number: number, timestamp: number): BlockRef => ({
  hash: word(number.toString(16).padStart(2, "0")),
  number,
  parentHash: number === 1 ? word("00") : word((number - 1).toString(16).padStart(2, "0")),
  timestamp
})
export const genesisTime = 1000
export const base: DevChain.Options = { chainId: "901", genesisTime, l1Genesis: l1(1, 900) }
export const seconds = (count: number) => TestClock.adjust(`${count} seconds`)

export type Services = Chain.Chain | RuntimeApi.RuntimeApi | DevChain.DevChain

/** Runs a chain on a store; the chain ends with the effect, the store does not. */
export const running = <A, E>(
  store: Store.Service,
  options: DevChain.Options,
  use: Effect.Effect<A, E, Services | Scope.Scope>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const services = yield* Layer.build(Layer.fresh(DevChain.layer(options)))
      return yield* Effect.provideContext(use, services)
    })
  ).pipe(Effect.provideService(Store.Store, store))

export const newStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), Context.get(Store.Store))

/** All canonical blocks from the first to the head. */
export const canonical = Effect.gen(function* () {
  const chain = yield* Chain.Chain
  const { number } = yield* chain.head("LocalUnsafe")
  const blocks: Array<Chain.ChainBlock> = []
  for (let at = 0; at <= number; at++) {
    const ref = Option.getOrThrow(yield* chain.block(at))
    blocks.push(yield* chain.content(ref.hash))
  }
  return blocks
})

export const subDag = (block: Chain.ChainBlock) => Result.getOrThrow(subDagOf(block.body))

/** What must hold for every chain that a committee made, whatever happened to it. */
export const checkCommits = (blocks: ReadonlyArray<Chain.ChainBlock>) => {
  const seen = new Set<string>()
  for (const [at, block] of blocks.entries()) {
    if (at === 0) continue
    const { commit, blocks: committed } = subDag(block)
    assert.strictEqual(commit.index, block.ref.number)
    assert.strictEqual(commit.previousDigest, at === 1 ? word("00") : subDag(blocks[at - 1]!).digest)
    for (const { ref } of committed) {
      assert.isFalse(seen.has(ref.digest), `block ${ref.round}/${ref.author} is committed twice`)
      seen.add(ref.digest)
    }
    assert.isAbove(block.ref.timestamp, blocks[at - 1]!.ref.timestamp)
  }
}
