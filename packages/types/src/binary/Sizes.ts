/**
 * What can be said about the size of a value on a binary wire before it is read, and the order of map keys.
 */
import type { Layout } from "../layout/Layout.ts"

/** The fewest bytes that a value can take: what bounds the length of a list by what is left of the input. */
export const minimumSize = (layout: Layout): number => {
  const total = (sizes: ReadonlyArray<number>) => sizes.reduce((sum, size) => sum + size, 0)
  switch (layout._tag) {
    case "UInt":
      return layout.compact ? 1 : layout.bits / 8
    case "FixedHex":
      return layout.size
    case "Tuple":
      return total(layout.items.map(minimumSize))
    case "Struct":
      return total(layout.fields.map((field) => minimumSize(field.layout)))
    case "Mapped":
      return minimumSize(layout.inner())
    default:
      return 1
  }
}

/** The size of what SCALE and BCS do not take apart any further, if every value has the same. */
export const fixedSize = (layout: Layout): number | undefined => {
  switch (layout._tag) {
    case "UInt":
      return layout.compact ? undefined : layout.bits / 8
    case "FixedHex":
      return layout.size
    case "Bool":
      return 1
    default:
      return undefined
  }
}

/** Order of map keys: numbers by value, text by code unit, tuples member by member. */
export const compareKeys = (left: unknown, right: unknown): number => {
  if (Array.isArray(left) && Array.isArray(right)) {
    for (let i = 0; i < left.length; i++) {
      const order = compareKeys(left[i], right[i])
      if (order !== 0) return order
    }
    return 0
  }
  return (left as number) < (right as number) ? -1 : (left as number) > (right as number) ? 1 : 0
}
