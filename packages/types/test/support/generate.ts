import type { Bounds, Layout } from "../../src/layout/Layout.ts"

/** A small seeded generator (mulberry32): the same seed gives the same values on every machine. */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

type Random = () => number
const below = (random: Random, limit: number) => Math.floor(random() * limit)
const hex = (random: Random, size: number) =>
  `0x${Array.from({ length: size }, () => below(random, 256).toString(16).padStart(2, "0")).join("")}`

const integer = (random: Random, bits: number, form: string): unknown => {
  // Half of the values are small or at a border, where encodings change their size.
  const borders = [
    0n,
    1n,
    63n,
    64n,
    127n,
    128n,
    16_383n,
    16_384n,
    (1n << 30n) - 1n,
    1n << 30n,
    (1n << 53n) - 1n
  ]
  const limit = form === "number" && bits > 53 ? (1n << 53n) - 1n : (1n << BigInt(bits)) - 1n
  const wide = BigInt(hex(random, 32)) & limit
  const border = borders[below(random, borders.length)]!
  const value = random() < 0.5 && border <= limit ? border : random() < 0.1 ? limit : wide
  return form === "number" ? Number(value) : form === "bigint" ? value : value.toString()
}

const within = ({ maximum = Number.POSITIVE_INFINITY, minimum = 0 }: Partial<Bounds>, count: number) =>
  Math.max(minimum, Math.min(maximum, count))

/** A random value of a layout. */
export const generate = (layout: Layout, random: Random): any => {
  switch (layout._tag) {
    case "UInt":
      return integer(random, layout.bits, layout.form)
    case "Bool":
      return random() < 0.5
    case "FixedHex":
      return hex(random, layout.size)
    case "Bytes": {
      const text = hex(random, within(layout, below(random, random() < 0.1 ? 300 : 6)))
      return layout.form === "text" ? text : new Uint8Array(Buffer.from(text.slice(2), "hex"))
    }
    case "Text":
      return Array.from({ length: below(random, 5) }, () =>
        String.fromCodePoint(0x20 + below(random, 0xd000))
      ).join("")
    case "Bits":
      return Array.from({ length: below(random, 20) }, () => below(random, 2)).join("")
    case "Words":
      return layout.words[below(random, layout.words.length)]
    case "Option":
      return random() < 0.4 ? null : generate(layout.item, random)
    case "List": {
      const items = Array.from({ length: within(layout, below(random, random() < 0.1 ? 70 : 4)) }, () =>
        generate(layout.item, random)
      )
      if (!layout.sorted) return items
      const byKey = new Map(items.map((item) => [JSON.stringify(item[0]), item]))
      const order = (a: any, b: any): number =>
        Array.isArray(a) ? order(a[0], b[0]) || order(a[1], b[1]) : a < b ? -1 : a > b ? 1 : 0
      return [...byKey.values()].sort((a, b) => order(a[0], b[0]))
    }
    case "Dictionary":
      return Object.fromEntries(
        Array.from({ length: below(random, 4) }, () => [
          generate(layout.key, random),
          generate(layout.item, random)
        ])
      )
    case "Tuple":
      return layout.items.map((item) => generate(item, random))
    case "Struct":
      return {
        ...Object.fromEntries(layout.literals),
        ...Object.fromEntries(
          layout.fields
            .filter((field) => field.constant === undefined && !(field.optional && random() < 0.5))
            .map((field) => [field.name, generate(field.layout, random)])
        )
      }
    case "Enum": {
      const one = layout.cases[below(random, layout.cases.length)]!
      const fields = one.fields.map((field) => [field.name, generate(field.layout, random)] as const)
      return { _tag: one.name, ...Object.fromEntries(fields) }
    }
    case "Mapped":
      return layout.from(generate(layout.inner(), random))
    case "Probe": {
      const members = layout.members()
      return generate(members[below(random, members.length)]!, random)
    }
    case "Lazy":
      return generate(layout.get(), random)
  }
}

/** Whether a layout contains bit vectors, whose padding is ignored on reading. */
export const hasBits = (layout: Layout): boolean => {
  switch (layout._tag) {
    case "Bits":
      return true
    case "Option":
    case "List":
    case "Dictionary":
      return hasBits(layout.item)
    case "Tuple":
      return layout.items.some(hasBits)
    case "Struct":
      return layout.fields.some((field) => hasBits(field.layout))
    case "Enum":
      return layout.cases.some((one) => one.fields.some((field) => hasBits(field.layout)))
    case "Mapped":
      return hasBits(layout.inner())
    case "Probe":
      return layout.members().some(hasBits)
    default:
      return false
  }
}
