import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import { Overseer, Signal, Subsystem } from "@ephor/overseer"
import { Effect, Layer } from "effect"

class Watcher extends Subsystem.Service<Watcher, never>()("test/Watcher") {}

const say = Signal.match({
  ActiveLeaves: ({ activated, deactivated }) =>
    [
      ...(activated === null ? [] : [`+${ChainScript.name(activated.hash)}`]),
      ...deactivated.map((hash) => `-${ChainScript.name(hash)}`)
    ].join(" "),
  BlockFinalized: ({ hash }) => `final ${ChainScript.name(hash)}`,
  Conclude: () => "conclude"
})

/** What a subsystem is told, and which leaves are active in the end, when a chain goes through a script. */
const follow = Effect.fnUntraced(function* (script: string) {
  const said: Array<string> = []
  const watcher = Watcher.toLayer(
    Effect.succeed({
      signal: (signal) => Effect.sync(() => said.push(say(signal))),
      message: () => Effect.void
    })
  )
  const chain = Chain.layerMemory({ genesis: ChainScript.genesis })
  return yield* Effect.gen(function* () {
    yield* ChainScript.run(yield* Chain.Chain, script)
    yield* Effect.repeat(Effect.yieldNow, { times: 100 })
    const leaves = yield* (yield* Overseer.Overseer).leaves
    return { said: [...said], leaves: leaves.map(({ hash }) => ChainScript.name(hash)) }
  }).pipe(
    Effect.provide(watcher.pipe(Layer.provideMerge(Overseer.layer([Watcher])), Layer.provideMerge(chain)))
  )
})

describe("Overseer on a chain", () => {
  it.effect("follows imports, forks and finality", () =>
    Effect.gen(function* () {
      const { leaves, said } = yield* follow("g-a-b-c, a-d; finalize b")
      assert.deepStrictEqual(said, ["+a", "+b -a", "+c -b", "+d", "final b", "-d"])
      assert.deepStrictEqual(leaves, ["c"])
    })
  )

  it.effect("follows a replacement", () =>
    Effect.gen(function* () {
      const { leaves, said } = yield* follow("g-a-b-c; invalidate b")
      assert.deepStrictEqual(said, ["+a", "+b -a", "+c -b", "+b' -c"])
      assert.deepStrictEqual(leaves, ["b'"])
    })
  )

  it.effect("goes back to the parent of a block that was found invalid", () =>
    Effect.gen(function* () {
      const { leaves, said } = yield* follow("g-a-b-c; blacklist b")
      assert.deepStrictEqual(said, ["+a", "+b -a", "+c -b", "+a -c"])
      assert.deepStrictEqual(leaves, ["a"])
    })
  )
})
