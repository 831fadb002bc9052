/** A relay whose disk is full says so and ends; with room it goes on where it was. */
import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import { Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import { BlockSource, Publisher, Relay } from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import { dagOf } from "./dag.ts"
import { quick } from "./support/quick.ts"
import { quietly } from "./support/quietly.ts"

describe("a relay without room", () => {
  it.live("fails with a sentence, and goes on where it was when there is room", () =>
    Effect.gen(function* () {
      const dag = dagOf(120)
      const memory = yield* BlockSource.makeMemory({ committeeSize: 4, gcDepth: 60 })
      const put = Effect.fnUntraced(function* ({ blocks, commit }: (typeof dag.rounds)[number]) {
        yield* memory.accept(blocks)
        yield* memory.commit([commit])
      })
      for (const round of dag.rounds) yield* put(round)
      const api = yield* Effect.provideService(
        Publisher.makeApi({ heartbeatMs: 50, identity: "origin" }),
        BlockSource.BlockSource,
        memory.source
      )
      const inner = Context.get(yield* Layer.build(Layer.fresh(Store.layerMemory)), Store.Store)
      let isFull = false
      const full = new Store.StoreError({
        operation: "batch",
        path: "/data",
        reason: new Store.StoreFull({ why: "no byte is left" })
      })
      const relay = Effect.provide(
        Relay.make({
          identity: "one",
          peers: [{ name: "origin", connect: Effect.succeed(api) }],
          subscriber: quick
        }),
        [
          NodeBlockVerifier.layerMysticeti({ committee: dag.committee }),
          Layer.succeed(Store.Store, {
            ...inner,
            batch: (writes) => (isFull ? Effect.fail(full) : inner.batch(writes))
          })
        ]
      )
      const indices = (made: Effect.Success<typeof relay>, count: number) =>
        made.commitsAfter(0).pipe(
          Stream.take(count),
          Stream.map(({ commitIndex }) => commitIndex),
          Stream.runCollect
        )
      const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1)
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(relay, scope)
      assert.deepStrictEqual(Array.from(yield* indices(first, 110)), upTo(110))
      isFull = true
      for (let i = 0; i < 80; i++) yield* put(dag.next())
      const why = yield* Effect.flip(first.failure)
      assert.include(why.message, "the disk is full: no byte is left")
      yield* Scope.close(scope, Exit.void)
      isFull = false
      const second = yield* relay
      assert.isAtLeast((yield* second.source.tip).highestCommitIndex, 110)
      assert.deepStrictEqual(Array.from(yield* indices(second, 190)), upTo(190))
    }).pipe(Effect.scoped, quietly)
  )
})
