import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import { Effect, Layer } from "effect"
import { Unsettled } from "@ephor/overseer"

const chain = Layer.fresh(Chain.layerMemory({ genesis: ChainScript.genesis }))

/** A chain by its script, and the blocks that are not settled at a leaf of it, as one word. */
const at = Effect.fnUntraced(function* (
  script: string,
  leaf: readonly [name: string, parent: string, number: number],
  options?: Unsettled.Options
) {
  const hub = yield* Chain.Chain
  yield* ChainScript.run(hub, script)
  const blocks = yield* Unsettled.at(hub, ChainScript.ref(...leaf), options)
  return blocks.map(({ hash }) => ChainScript.name(hash)).join("")
})

const long = "g-a-b-c-d-e-f-h-i-j-k-l-m-n; finalize b"

describe("Unsettled", () => {
  for (const [what, options, expected] of [
    ["all above the final block, lowest first", {}, "cdefhijklmn"],
    ["final ones, where they are wanted", { finalBlocks: 1 }, "bcdefhijklmn"],
    ["no further than said", { maxBlocks: 3 }, "lmn"],
    ["down to what is known", { isKnown: ({ hash }) => ChainScript.name(hash) === "k" }, "lmn"],
    ["nothing, if the leaf is known", { isKnown: () => true }, ""]
  ] satisfies ReadonlyArray<readonly [string, Unsettled.Options, string]>) {
    it.effect(what, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* at(long, ["n", "m", 13], options), expected)
      }).pipe(Effect.provide(chain))
    )
  }

  it.effect("a leaf whose ancestors the chain cannot tell, alone", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* at("g-a", ["z", "y", 7]), "z")
    }).pipe(Effect.provide(chain))
  )

  it.effect("a block is open while it may become final", () =>
    Effect.gen(function* () {
      const hub = yield* Chain.Chain
      yield* ChainScript.run(hub, "g-a-b-c-d; finalize a; blacklist c")
      const open = yield* Effect.forEach(["a", "b", "c", "d"], (name, index) =>
        Unsettled.isOpen(hub, { hash: ChainScript.hash(name), number: index + 1 })
      )
      assert.deepStrictEqual(open, [false, true, false, false])
    }).pipe(Effect.provide(chain))
  )
})
