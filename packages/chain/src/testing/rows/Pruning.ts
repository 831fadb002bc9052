/** What every chain must do about history that it keeps no longer. */
import { assert } from "@effect/vitest"
import { Effect, Exit, Option, Scope } from "effect"
import type { Backend, Limits, Service } from "../../Chain.ts"
import type { ChainError } from "../../ChainError.ts"
import * as Script from "../ChainScript.ts"

type Check = (
  title: string,
  body: (chain: Service) => Effect.Effect<unknown, unknown, any>,
  backend?: Partial<Backend>,
  limits?: Partial<Limits>
) => void

/** A chain of so many blocks: `g-b1-b2-...`. */
export const line = (blocks: number): string =>
  ["g", ...Array.from({ length: blocks }, (_, index) => `b${index + 1}`)].join("-")

const until = <E>(condition: Effect.Effect<boolean, E>): Effect.Effect<void, E> =>
  Effect.gen(function* () {
    while (!(yield* condition)) yield* Effect.yieldNow
  })

/** Waits until history begins at a height: pruning runs in the background. */
export const prunedTo = (chain: Service, lowest: number): Effect.Effect<void> =>
  until(Effect.map(chain.history, (height) => height >= lowest))

/** Gives pruning that should not happen a chance to show. */
export const settled: Effect.Effect<void> = Effect.gen(function* () {
  for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
})

const limits: Partial<Limits> = { historyBlocks: 10, pruneBatchBlocks: 4, rememberedBlocks: 12 }

const refused = (effect: Effect.Effect<unknown, ChainError>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

/** Declares the tests. */
export const pruning = (check: Check): void => {
  check(
    "what is older than the history is gone, and answered as such",
    Effect.fnUntraced(function* (chain: Service) {
      yield* Script.run(chain, `${line(40)}; finalize b31`)
      // 31 - 10 is 21; whole batches of 4 from block 1 on end at 21.
      yield* prunedTo(chain, 21)
      assert.strictEqual(yield* chain.history, 21)
      for (const gone of [20, Script.hash("b20"), 12])
        assert.strictEqual(yield* refused(chain.block(gone)), "Pruned")
      assert.strictEqual(yield* refused(chain.content(Script.hash("b20"))), "Pruned")
      assert.strictEqual(yield* refused(chain.ancestors(Script.hash("b20"), 1)), "Pruned")
      assert.strictEqual(yield* refused(chain.descendants(Script.hash("b20"))), "Pruned")
      assert.strictEqual(yield* refused(chain.blockAt(41)), "Pruned")
      const { message } = yield* Effect.flip(chain.block(20))
      assert.match(message, /pruned history unavailable: block 20 is below block 21/)
      // What never was stays unknown, and so do the hashes of blocks that are too far below.
      assert.isTrue(Option.isNone(yield* chain.block(Script.hash("z"))))
      assert.isTrue(Option.isNone(yield* chain.block(41)))
      // Readers know what goes before it is gone: the last batch may still be on its way to the disk.
      yield* until(
        chain.block(Script.hash("b8")).pipe(
          Effect.map(Option.isNone),
          Effect.orElseSucceed(() => false)
        )
      )
      assert.strictEqual(yield* refused(chain.block(Script.hash("b9"))), "Pruned")
    }),
    {},
    limits
  )

  check(
    "what is kept is as it was, and so is the first block",
    Effect.fnUntraced(function* (chain: Service) {
      yield* Script.run(chain, `${line(40)}; finalize b31`)
      yield* prunedTo(chain, 21)
      for (const [name, parent, number] of [
        ["b21", "b20", 21],
        ["b31", "b30", 31],
        ["b40", "b39", 40]
      ] as const) {
        assert.deepStrictEqual(yield* chain.content(Script.hash(name)), Script.block(name, parent, number))
        assert.strictEqual(Option.getOrThrow(yield* chain.block(number)).hash, Script.hash(name))
        assert.strictEqual(Option.getOrThrow(yield* chain.blockAt(2 * number)).number, number)
      }
      assert.deepStrictEqual(yield* chain.content(Script.genesis.ref.hash), Script.genesis)
      assert.strictEqual(Option.getOrThrow(yield* chain.block(0)).number, 0)
      const below = yield* chain.ancestors(Script.hash("b24"), 10)
      assert.deepStrictEqual(
        below.map(({ number }) => number),
        [23, 22, 21]
      )
      assert.strictEqual((yield* chain.descendants(Script.hash("g"))).length, 20)
      // What happened long ago is accepted in silence, as if it was still there.
      yield* chain.import(Script.block("b20", "b19", 20))
      yield* chain.promote("Finalized", Script.hash("b20"))
      assert.strictEqual(yield* refused(chain.blacklist(Script.hash("b20"), "late")), "Finalized")
      yield* Script.run(chain, "b40-c")
      assert.strictEqual(yield* Script.heads(chain), "c b31 b31 b31 b31")
    }),
    {},
    limits
  )

  check(
    "history waits for whoever needs it, and goes on when nobody does",
    Effect.fnUntraced(function* (chain: Service) {
      const scope = yield* Scope.make()
      let from = 7
      yield* Scope.provide(chain.keep(Effect.sync(() => from)), scope)
      yield* Script.run(chain, `${line(40)}; finalize b31`)
      yield* prunedTo(chain, 5)
      yield* settled
      assert.strictEqual(yield* chain.history, 5)
      from = 13
      yield* Script.run(chain, "finalize b32")
      yield* prunedTo(chain, 13)
      yield* settled
      assert.strictEqual(yield* chain.history, 13)
      yield* Scope.close(scope, Exit.void)
      yield* Script.run(chain, "finalize b33")
      yield* prunedTo(chain, 21)
    }),
    {},
    limits
  )

  check(
    "an archive keeps everything",
    Effect.fnUntraced(function* (chain: Service) {
      yield* Script.run(chain, `${line(40)}; finalize b31`)
      yield* settled
      assert.strictEqual(yield* chain.history, 0)
      assert.deepStrictEqual(yield* chain.content(Script.hash("b1")), Script.block("b1", "g", 1))
    }),
    {},
    { ...limits, historyBlocks: "archive" }
  )

  check(
    "invalid blocks are forgotten where nothing can be added any more, and do not come back",
    Effect.fnUntraced(function* (chain: Service) {
      yield* Script.run(chain, "g-b1-b2, b1-x; blacklist x; b2-y; invalidate y; y'-b4-b5-b6")
      yield* Script.run(chain, "b6-b7-b8-b9-b10-b11-b12; finalize b9")
      assert.isTrue(yield* chain.isInvalidated(Script.hash("x")))
      yield* Script.run(chain, "finalize b11")
      assert.isFalse(yield* chain.isInvalidated(Script.hash("x")))
      assert.isFalse(yield* chain.isInvalidated(Script.hash("y")))
      for (const [name, parent, number] of [
        ["x", "b1", 2],
        ["y", "b2", 3]
      ] as const)
        assert.strictEqual(yield* refused(chain.import(Script.block(name, parent, number))), "UnknownParent")
    }),
    {},
    { historyBlocks: "archive", retainedBlocks: 8 }
  )
}
