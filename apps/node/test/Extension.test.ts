// @effect-diagnostics missingLayerContext:off -- what does not compile is the point here
import { assert, describe, it } from "@effect/vitest"
import { Subsystem } from "@ephor/overseer"
import { Data, Effect, Layer } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Extension from "../src/Extension.ts"
import { temporary } from "./processes.ts"

class Listener extends Subsystem.Service<Listener, { readonly _tag: "Hear" }>()("test/Listener") {}
const ListenerLive = Listener.toLayer(Effect.succeed({ message: () => Effect.void }))

class NoOracle extends Data.TaggedError("NoOracle")<{ readonly message: string }> {}

describe("Extension", () => {
  it("takes layers that need its own subsystems, and no others", () => {
    assert.deepStrictEqual(Extension.make({ subsystems: [Listener], layer: ListenerLive }).subsystems, [
      Listener
    ])
    // @ts-expect-error Listener is not among the subsystems, so nobody creates its address
    Extension.make({ layer: ListenerLive })
  })

  it.effect("turns what a layer fails with into one sentence", () =>
    Effect.gen(function* () {
      const { layer } = Extension.make({
        layer: Layer.effectDiscard(Effect.fail(new NoOracle({ message: "no oracle today" })))
      })
      const error = yield* Effect.flip(Layer.build(layer as Layer.Layer<never, Extension.ExtensionError>))
      assert.strictEqual(error.message, "a layer of the extension failed: no oracle today")
    }).pipe(Effect.scoped)
  )

  it.effect("refuses modules that are missing, broken or no extension", () =>
    Effect.gen(function* () {
      using folder = temporary()
      const module = (name: string, text: string) => {
        const path = join(folder.path, name)
        writeFileSync(path, text)
        return path
      }
      const refusal = (path: string) =>
        Effect.map(Effect.flip(Extension.load(path)), (error) => error.message)
      assert.include(yield* refusal("/no/such.ts"), "the extension /no/such.ts cannot be loaded")
      assert.include(
        yield* refusal(module("broken.mjs", "throw new Error('boom')")),
        "cannot be loaded: boom"
      )
      assert.include(
        yield* refusal(module("other.mjs", "export default 7")),
        "has no default export made by Extension.make"
      )
    })
  )
})
