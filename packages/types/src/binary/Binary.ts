/**
 * The part that SCALE and BCS have in common: fields in order, fixed-width little-endian integers, counted
 * lists. They differ in how lengths and case numbers are written, which `BinaryRules` says.
 */
import { Fault, within } from "../codec/CodecError.ts"
import { parseHex } from "../codec/Hex.ts"
import {
  type BinaryRules,
  bits,
  bool,
  checkCount,
  counted,
  fixedHex,
  fixedInteger,
  hexBytes,
  rawBytes,
  text
} from "./Leaves.ts"
import { compareKeys, minimumSize } from "./Sizes.ts"
import type { Wire } from "./Codec.ts"
import { fieldsWire, type FieldList } from "./Fields.ts"
import { compileGenerated } from "../generated/Generated.ts"
import type { Case, Enum, Field, Layout, List, Mapped, Probe, Struct } from "../layout/Layout.ts"

/** A compiler of layouts under the given rules; each layout is compiled once. */
export const compileBinary = (rules: BinaryRules): ((layout: Layout) => Wire) =>
  compileGenerated(rules, compileClosures(rules))

/** Layouts as closures: what says where and why a value is refused, and what runs without generated code. */
export const compileClosures = (rules: BinaryRules): ((layout: Layout) => Wire) => {
  const cache = new WeakMap<Layout, Wire>()
  const compile = (layout: Layout): Wire => {
    let wire = cache.get(layout)
    if (wire === undefined) {
      wire = make(layout)
      cache.set(layout, wire)
    }
    return wire
  }
  const make = (layout: Layout): Wire => {
    switch (layout._tag) {
      case "UInt":
        return layout.compact && rules.compactOf !== undefined
          ? rules.compactOf(layout.bits, layout.form)
          : fixedInteger(layout)
      case "Bool":
        return bool
      case "FixedHex":
        return fixedHex(layout.size)
      case "Bytes":
        return layout.form === "bytes" ? counted(rules, rawBytes, layout) : counted(rules, hexBytes, layout)
      case "Text":
        return counted(rules, text)
      case "Bits":
        return bits(rules)
      case "Words":
        return words(rules, layout.words)
      case "Option":
        return option(compile(layout.item))
      case "List":
        return list(rules, layout, compile(layout.item), minimumSize(layout.item))
      case "Dictionary":
        throw new Error("an object whose keys are data has no binary form: use sorted pairs")
      case "Tuple":
        return tuple(layout.items.map(compile))
      case "Struct":
        return struct(rules, layout, compile)
      case "Enum":
        return cases(rules, layout, compile)
      case "Mapped":
        return mapped(layout, compile)
      case "Probe":
        return probe(layout, compile)
      case "Lazy":
        return lazy(() => compile(layout.get()))
    }
  }
  return compile
}

const words = (rules: BinaryRules, all: ReadonlyArray<string>): Wire<string> => ({
  read: (reader) => {
    const at = reader.at
    const word = all[rules.readIndex(reader)]
    if (word === undefined)
      throw new Fault("UnknownVariant", `one of the ${all.length} cases ${all.join(", ")}`, at)
    return word
  },
  write: (writer, value) => {
    const index = all.indexOf(value)
    if (index < 0) throw new Fault("UnknownVariant", `one of ${all.join(", ")}`)
    rules.writeIndex(writer, index)
  }
})

const option = (item: Wire): Wire => ({
  read: (reader) => {
    const byte = reader.u8()
    if (byte > 1) throw new Fault("NotCanonical", "an option tag of 0 or 1", reader.at - 1)
    return byte === 0 ? null : item.read(reader)
  },
  write: (writer, value) => {
    if (value === null) return writer.u8(0)
    writer.u8(1)
    item.write(writer, value)
  }
})

const list = (rules: BinaryRules, layout: List, item: Wire, itemSize: number): Wire<ReadonlyArray<any>> => {
  const { sorted } = layout
  if (sorted && rules.name !== "SCALE") throw new Error(`maps have no ${rules.name} layout here`)
  const inOrder = (out: ReadonlyArray<any>, i: number, at?: number) => {
    if (sorted && i > 0 && compareKeys(out[i - 1][0], out[i][0]) >= 0) {
      throw new Fault("NotCanonical", "keys in strictly ascending order", at)
    }
  }
  return {
    read: (reader) => {
      const at = reader.at
      const count = rules.readLength(reader)
      checkCount(layout, count, at)
      if (count * Math.max(1, itemSize) > reader.end - reader.at) {
        throw new Fault("Truncated", `room for ${count} items, ${reader.end - reader.at} bytes left`, at)
      }
      const out: Array<any> = []
      try {
        for (let i = 0; i < count; i++) {
          const start = reader.at
          out.push(item.read(reader))
          if (sorted) inOrder(out, i, start)
        }
      } catch (error) {
        throw within(error, sorted ? Math.max(0, out.length - 1) : out.length)
      }
      return out
    },
    write: (writer, value) => {
      checkCount(layout, value.length)
      rules.writeLength(writer, value.length)
      let i = 0
      try {
        for (; i < value.length; i++) {
          inOrder(value, i)
          item.write(writer, value[i])
        }
      } catch (error) {
        throw within(error, i)
      }
    }
  }
}

const tuple = (items: ReadonlyArray<Wire>): Wire<ReadonlyArray<any>> => ({
  read: (reader) => {
    const out: Array<any> = []
    try {
      for (const item of items) out.push(item.read(reader))
    } catch (error) {
      throw within(error, out.length)
    }
    return out
  },
  write: (writer, value) => {
    let i = 0
    try {
      for (; i < items.length; i++) items[i]!.write(writer, value[i])
    } catch (error) {
      throw within(error, i)
    }
  }
})

/** Writes and checks a constant, whose bytes are no part of the value. */
const constant = (hex: string): Wire => {
  const bytes = parseHex(hex)
  return {
    read: (reader) => {
      const at = reader.take(bytes.length)
      for (let i = 0; i < bytes.length; i++) {
        if (reader.bytes[at + i] !== bytes[i]) throw new Fault("NotCanonical", `the bytes ${hex}`, at)
      }
    },
    write: (writer) => writer.raw(bytes)
  }
}

const fieldList = (
  rules: BinaryRules,
  fields: ReadonlyArray<Field>,
  literals: FieldList["literals"],
  compile: (layout: Layout) => Wire
): FieldList => ({
  literals,
  fields: fields.map(({ constant: bytes, layout, name, optional }) => {
    if (optional) throw new Error(`${rules.name} has no missing keys: declare ${name} with Schema.NullOr`)
    const hidden = bytes !== undefined
    return { name, hidden, wire: hidden ? constant(bytes) : compile(layout) }
  })
})

const struct = (rules: BinaryRules, layout: Struct, compile: (layout: Layout) => Wire): Wire =>
  fieldsWire(fieldList(rules, layout.fields, layout.literals, compile))

const oneCase = (rules: BinaryRules, one: Case, compile: (layout: Layout) => Wire): Wire =>
  fieldsWire(fieldList(rules, one.fields, [["_tag", one.name]], compile))

const cases = (rules: BinaryRules, layout: Enum, compile: (layout: Layout) => Wire): Wire => {
  const byIndex = new Map<number, Wire>()
  const byName = new Map<string, readonly [number, Wire]>()
  const known = layout.cases.map((one) => `${one.name} (${one.index})`).join(", ")
  for (const one of layout.cases) {
    const wire = oneCase(rules, one, compile)
    byIndex.set(one.index, wire)
    byName.set(one.name, [one.index, wire])
  }
  return {
    read: (reader) => {
      const at = reader.at
      const wire = byIndex.get(rules.readIndex(reader))
      if (wire === undefined) throw new Fault("UnknownVariant", `a case among ${known}`, at)
      return wire.read(reader)
    },
    write: (writer, value) => {
      const found = byName.get(value._tag)
      if (found === undefined) throw new Fault("UnknownVariant", `a case among ${known}`)
      rules.writeIndex(writer, found[0])
      found[1].write(writer, value)
    }
  }
}

const mapped = (layout: Mapped, compile: (layout: Layout) => Wire): Wire => {
  const inner = compile(layout.inner())
  return {
    read: (reader) => layout.from(inner.read(reader)),
    write: (writer, value) => inner.write(writer, layout.to(value))
  }
}

const probe = (layout: Probe, compile: (layout: Layout) => Wire): Wire => {
  const members = layout.members().map(compile)
  return {
    read: (reader) => {
      // Too short to tell: any member reports where the input ends.
      const which = layout.ofBytes(reader.bytes, reader.at, reader.end) ?? 0
      return members[which]!.read(reader)
    },
    write: (writer, value) => members[layout.ofValue(value)]!.write(writer, value)
  }
}

const lazy = (get: () => Wire): Wire => {
  let wire: Wire | undefined
  return {
    read: (reader) => {
      reader.enter()
      const value = (wire ??= get()).read(reader)
      reader.leave()
      return value
    },
    write: (writer, value) => (wire ??= get()).write(writer, value)
  }
}
