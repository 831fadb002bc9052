/**
 * Straight-line code for whole layouts: one function that reads a value and one that writes it, with integers
 * and hashes in place, one check of the remaining room per run of fixed-size parts, and no bookkeeping for
 * faults. Whatever is not as it should be makes the code give up, and the closures of `binary.ts` run again
 * from the same place to say what was wrong; so they alone decide what is accepted and how a fault reads.
 * Where code cannot be generated (a browser with a strict content policy) the closures are all there is.
 */
import type { Reader, Writer } from "../codec/Cursor.ts"
import type { BinaryRules } from "../binary/Leaves.ts"
import type { Wire } from "../binary/Codec.ts"
import { readerSource } from "./Read.ts"
import { writerSource } from "./Write.ts"
import type { Context, Unit } from "./Source.ts"
import type { Layout } from "../layout/Layout.ts"

/**
 * The generated code of layouts, falling back to their closures. `closures` must be total: it is what runs
 * when anything is out of the ordinary.
 */
export const compileGenerated = (
  rules: BinaryRules,
  closures: (layout: Layout) => Wire
): ((layout: Layout) => Wire) => {
  const units = new WeakMap<Layout, Unit>()
  const wires = new WeakMap<Layout, Wire>()
  const unit = (layout: Layout): Unit => {
    let found = units.get(layout)
    if (found === undefined) {
      found = lazyUnit(layout, context)
      units.set(layout, found)
    }
    return found
  }
  const context: Context = { rules, closures, unit }
  return (layout) => {
    let wire = wires.get(layout)
    if (wire === undefined) {
      const slow = closures(layout)
      wire = mayGenerate() ? withFallback(unit(layout), slow) : slow
      wires.set(layout, wire)
    }
    return wire
  }
}

const mayGenerate = (): boolean => {
  try {
    // oxlint-disable-next-line no-new-func -- asks whether it is allowed
    return new Function("return true")() === true
  } catch {
    return false
  }
}

/** Many values are only ever read or only ever written, so each side is compiled when it is first called. */
const lazyUnit = (layout: Layout, context: Context): Unit => {
  const unit = {
    read: (reader: Reader): any => {
      unit.read = readerSource(layout, context) as Unit["read"]
      return unit.read(reader)
    },
    write: (writer: Writer, value: any): void => {
      unit.write = writerSource(layout, context) as Unit["write"]
      unit.write(writer, value)
    }
  }
  return unit
}

const withFallback = (unit: Unit, slow: Wire): Wire => ({
  read: (reader) => {
    const { at, depth } = reader
    try {
      return unit.read(reader)
    } catch {
      reader.at = at
      reader.depth = depth
      return slow.read(reader)
    }
  },
  write: (writer, value) => {
    const { at } = writer
    try {
      unit.write(writer, value)
    } catch {
      writer.at = at
      slow.write(writer, value)
    }
  }
})
