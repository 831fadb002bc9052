// @effect-diagnostics missingLayerContext:off -- what does not compile is the point here
import { assert, describe, it } from "@effect/vitest"
import type { Chain } from "@ephor/chain"
import * as Messages from "@ephor/overseer"
import { Overseer, Subsystem } from "@ephor/overseer"
import { Context, Effect, type Layer, Logger } from "effect"
import * as L from "effect/Layer"

class Store extends Context.Service<Store, { readonly path: string }>()("test/Store") {}
type Ping = { readonly _tag: "Ping" }
class Third extends Subsystem.Service<Third, Ping>()("test/Third") {}
class Right extends Subsystem.Service<Right, Ping>()("test/Right", {
  sends: () => [Third],
  sendsNow: () => ["test/Left"]
}) {}
class Left extends Subsystem.Service<Left, Ping>()("test/Left", { sends: () => [Right, Third] }) {}
const ping: Ping = { _tag: "Ping" }

describe("wiring, in the types", () => {
  const left = Left.toLayer(
    Effect.gen(function* () {
      yield* Store
      return { leaf: () => Third.send(ping), message: () => Right.send(ping) }
    })
  )
  const right = Right.toLayer(Effect.succeed({ message: () => Third.send(ping) }))

  it("what handlers need is what the layer requires, whichever handler needs it", () => {
    const needs: Layer.Layer<never, never, Left | Right | Third | Store | Overseer.Overseer> = left
    // @ts-expect-error the leaf handler sends to Third
    const withoutThird: Layer.Layer<never, never, Left | Right | Store | Overseer.Overseer> = left
    // @ts-expect-error the handlers are built with a Store
    const withoutStore: Layer.Layer<never, never, Left | Right | Third | Overseer.Overseer> = left
    assert.isTrue([needs, withoutThird, withoutStore].every((layer) => layer === left))
  })

  it("a subsystem that is not listed stays a requirement", () => {
    const complete: Layer.Layer<never, never, Chain.Chain> = L.provide(right, Overseer.layer([Right, Third]))
    // @ts-expect-error Third is not listed
    const missing: Layer.Layer<never, never, Chain.Chain> = L.provide(right, Overseer.layer([Right]))
    // @ts-expect-error nobody provides a chain
    const noChain: Layer.Layer<never> = complete
    assert.isTrue([complete, missing, noChain].every(L.isLayer))
  })

  it("a subsystem sends to itself, and to whom it declares by class or by name", () => {
    const declared = Right.toLayer(
      Effect.as(Right.sendNow(ping), { leaf: () => Left.sendNow(ping), message: () => Third.send(ping) })
    )
    assert.isTrue(L.isLayer(declared))
  })

  it("a subsystem cannot send to whom it does not declare", () => {
    class Alone extends Subsystem.Service<Alone, Ping>()("test/Alone") {}
    // @ts-expect-error Third declares nobody
    const inHandler = Third.toLayer(Effect.succeed({ message: () => Left.send(ping) }))
    // @ts-expect-error nor while it is built
    const inBuild = Third.toLayer(Effect.as(Left.sendNow(ping), { message: () => Effect.void }))
    const onLeaf = { leaf: () => Alone.ask(() => ping), message: () => Effect.void }
    // @ts-expect-error nor on a leaf, nor by asking, nor if it declares others
    const asking = Right.toLayer(Effect.succeed(onLeaf))
    assert.isTrue([inHandler, inBuild, asking].every(L.isLayer))
  })

  it("messages are checked, and every kind has to be handled", () => {
    // @ts-expect-error no such message
    const wrong = Left.send({ _tag: "Pong" })
    // @ts-expect-error no case for Ping
    const incomplete = Left.match({})
    assert.isTrue(Effect.isEffect(wrong) && typeof incomplete === "function")
  })
})

describe("wiring, as a graph", () => {
  it("edges that never wait close no cycle", () => {
    const wiring = Overseer.graph([Left, Right, Third])
    assert.deepStrictEqual(Overseer.cycles(wiring), [])
    assert.deepStrictEqual(Overseer.cycles(wiring, "all"), [["test/Left", "test/Right"]])
  })

  it("subsystems that wait for each other are found, whoever is alone is not", () => {
    class X extends Subsystem.Service<X, Ping>()("test/X", { sends: (): Subsystem.Edges => [Y, Third] }) {}
    class Y extends Subsystem.Service<Y, Ping>()("test/Y", { sends: (): Subsystem.Edges => [Z] }) {}
    class Z extends Subsystem.Service<Z, Ping>()("test/Z", { sends: (): Subsystem.Edges => [X] }) {}
    class Self extends Subsystem.Service<Self, Ping>()("test/Self", {
      sends: (): Subsystem.Edges => [Self]
    }) {}
    const wiring = Overseer.graph([Third, X, Self, Y, Z])
    assert.sameDeepMembers([...Overseer.cycles(wiring)], [["test/X", "test/Y", "test/Z"], ["test/Self"]])
  })

  it.effect("a cycle is logged when the overseer is built", () => {
    class X extends Subsystem.Service<X, Ping>()("test/X", { sends: (): Subsystem.Edges => [Y] }) {}
    class Y extends Subsystem.Service<Y, Ping>()("test/Y", { sends: (): Subsystem.Edges => [X] }) {}
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => lines.push(String(message)))])
    return Effect.gen(function* () {
      yield* L.build(Overseer.layerManual([X, Y]))
      assert.lengthOf(lines, 1)
      assert.include(lines[0], "test/X, test/Y")
    }).pipe(Effect.provide(logger))
  })

  it("edges to addresses outside of the list are told", () => {
    assert.deepStrictEqual(Overseer.unconnected([Left]), [
      ["test/Left", "test/Right"],
      ["test/Left", "test/Third"]
    ])
  })

  it("draws itself", () => {
    const text = Overseer.toMermaid(Overseer.graph([Left, Right]))
    assert.include(text, "Left")
    assert.match(text, /-->\|"?now"?\|/)
  })
})

describe("wiring of the overseer protocol", () => {
  const addresses = Object.values(Messages).filter(
    (value): value is Overseer.AddressClass & typeof value =>
      typeof value === "function" && "options" in value
  )

  it("has seventeen addresses, each with its own name", () => {
    assert.strictEqual(new Set(addresses.map(({ key }) => key)).size, 17)
  })

  it("has no circle of waiting", () => {
    assert.deepStrictEqual(Overseer.cycles(Overseer.graph(addresses)), [])
    assert.deepStrictEqual(Overseer.unconnected(addresses), [])
  })
})
