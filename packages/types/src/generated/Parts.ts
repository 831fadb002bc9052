/**
 * How layouts are cut into functions and parts.
 */
import { giveUp } from "./Source.ts"
import type { Field, Layout } from "../layout/Layout.ts"

// Beyond this many parts a layout becomes a function of its own, so that code does not grow with every place
// in which a layout is used.
const partsLimit = 24

/** How many parts a layout has, counted up to where it no longer matters. */
const parts = (layout: Layout): number => {
  const total = (layouts: ReadonlyArray<Layout>) => {
    let sum = 0
    for (const one of layouts) {
      if (sum > partsLimit) return sum
      sum += parts(one)
    }
    return sum
  }
  switch (layout._tag) {
    case "Tuple":
      return total(layout.items)
    case "Struct":
      return total(layout.fields.map((field) => field.layout))
    case "Enum":
      return (
        layout.cases.length + total(layout.cases.flatMap((one) => one.fields.map((field) => field.layout)))
      )
    case "List":
    case "Option":
      return 1 + parts(layout.item)
    case "Mapped":
      return parts(layout.inner())
    case "Probe":
      return total(layout.members())
    default:
      return 1
  }
}

/** Whether the code for a layout stands where the layout does, and not in a function of its own. */
export const inline = (layout: Layout): boolean => parts(layout) <= partsLimit

/** A part that stands by itself on the wire; a constant is no part of the value. */
export interface Part {
  readonly layout: Layout
  readonly constant?: string
}

/** The parts of nested structs and tuples, one after the other. */
export const flatten = (layout: Layout): ReadonlyArray<Part> => {
  if (layout._tag === "Struct" && inline(layout)) return flattenFields(layout.fields)
  if (layout._tag === "Tuple" && inline(layout)) return layout.items.flatMap(flatten)
  if (layout._tag === "Mapped") return flatten(layout.inner())
  return [{ layout }]
}

/** The parts of the fields of a struct or of a case. */
export const flattenFields = (fields: ReadonlyArray<Field>): ReadonlyArray<Part> =>
  fields.flatMap(({ constant, layout, optional }) => {
    // The closures say why this does not work.
    if (optional) throw giveUp
    return constant === undefined ? flatten(layout) : [{ layout, constant }]
  })
