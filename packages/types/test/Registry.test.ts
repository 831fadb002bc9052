import { assert, describe, it } from "@effect/vitest"
import type { SchemaAST } from "effect"
import * as types from "@ephor/types"
import { CodecError, CodecFault } from "@ephor/types"
import { type Layout, layoutOf } from "../src/layout/Layout.ts"

const { Registry } = types

const partsOf = (layout: Layout): ReadonlyArray<Layout> => {
  switch (layout._tag) {
    case "Option":
    case "List":
      return [layout.item]
    case "Tuple":
      return layout.items
    case "Dictionary":
      return [layout.key, layout.item]
    case "Struct":
      return layout.fields.map((field) => field.layout)
    case "Enum":
      return layout.cases.flatMap((one) => one.fields.map((field) => field.layout))
    case "Mapped":
      return [layout.inner()]
    case "Probe":
      return layout.members()
    case "Lazy":
      return [layout.get()]
    default:
      return []
  }
}

/** All layouts that registered types consist of, themselves included. */
const known = new Set<Layout>()
const visit = (layout: Layout): void => {
  if (known.has(layout)) return
  known.add(layout)
  partsOf(layout).forEach(visit)
}
for (const { schema } of Registry.types.values()) visit(layoutOf(schema.ast))

const isSchema = (value: unknown): value is { readonly ast: SchemaAST.AST } =>
  (typeof value === "object" || typeof value === "function") && value !== null && "ast" in value
/** Errors are no nouns. */
const others: ReadonlyArray<unknown> = [CodecError, CodecFault]

describe("the registry", () => {
  it("knows every noun of the package, by itself or as a part", () => {
    const nouns = Object.entries(types).flatMap(([name, value]) =>
      isSchema(value) && !others.includes(value) ? [[name, layoutOf(value.ast)] as const] : []
    )
    assert.isAbove(nouns.length, 190)
    assert.deepStrictEqual(
      nouns.flatMap(([name, layout]) => (known.has(layout) ? [] : [name])),
      []
    )
  })

  it("names each type once, with at least one wire", () => {
    assert.isAbove(Registry.types.size, 170)
    for (const [key, { name, wires }] of Registry.types) {
      assert.strictEqual(name, key)
      assert.isTrue(wires.size > 0, name)
    }
  })
})
