/**
 * Generates the writing function of a layout. In the code, `w` is the writer, `v` the value, `p` where a run
 * of fixed-size parts goes, `out` the bytes it goes to, and `stop` is thrown to give up.
 */
import { loadRun, parseHex, runLimit, spellRun } from "../codec/Hex.ts"
import { compareKeys, fixedSize } from "../binary/Sizes.ts"
import { flattenFields, inline } from "./Parts.ts"
import { type Context, giveUp, Source } from "./Source.ts"
import type { Bounds, Enum, Field, Layout, List, Probe } from "../layout/Layout.ts"

/** A part to be written: a value, or a constant. */
interface Part {
  readonly layout: Layout
  readonly value: string
  readonly constant?: string
}

/** The source of a function that writes `layout`. */
export const writerSource = (layout: Layout, context: Context): Function => {
  const source = new Source()
  new WriteGenerator(source, context).top(layout)
  return source.make("w, v", "")
}

class WriteGenerator {
  private readonly source: Source
  private readonly context: Context
  private readonly stop: string

  constructor(source: Source, context: Context) {
    this.source = source
    this.context = context
    this.stop = `throw ${source.object(giveUp)}`
  }

  /** The layout that the function is for, even if it would stand alone elsewhere. */
  top(layout: Layout): void {
    switch (layout._tag) {
      case "Struct":
        return this.run(this.fields(layout.fields, "v"))
      case "Tuple":
        return this.run(this.items(layout.items, "v"))
      case "Enum":
        return this.cases(layout, "v")
      case "Probe":
        return this.probe(layout, "v")
      default:
        return this.write(layout, "v")
    }
  }

  private write(layout: Layout, value: string): void {
    this.run(this.flatten(layout, value))
  }

  private flatten(layout: Layout, value: string): ReadonlyArray<Part> {
    if (layout._tag === "Struct" && inline(layout)) return this.fields(layout.fields, value)
    if (layout._tag === "Tuple" && inline(layout)) return this.items(layout.items, value)
    if (layout._tag === "Mapped") {
      return this.flatten(layout.inner(), this.source.hold(`${this.source.object(layout)}.to(${value})`))
    }
    return [{ layout, value }]
  }

  private items(items: ReadonlyArray<Layout>, value: string): ReadonlyArray<Part> {
    return items.flatMap((item, i) => this.flatten(item, this.source.hold(`${value}[${i}]`)))
  }

  private fields(fields: ReadonlyArray<Field>, value: string): ReadonlyArray<Part> {
    flattenFields(fields.filter((field) => field.optional))
    return fields.flatMap(({ constant, layout, name }): ReadonlyArray<Part> => {
      if (constant !== undefined) return [{ layout, value, constant }]
      return this.flatten(layout, this.source.hold(`${value}[${JSON.stringify(name)}]`))
    })
  }

  /** Writes parts in order; neighbours of fixed size share one reservation. */
  private run(all: ReadonlyArray<Part>): void {
    let i = 0
    while (i < all.length) {
      const first = i
      let size = 0
      for (; i < all.length; i++) {
        const one = fixedSize(all[i]!.layout)
        if (one === undefined || !this.inPlace(all[i]!) || (i > first && (size + one) * 4 > runLimit)) break
        size += one
      }
      if (i > first) this.fixed(all.slice(first, i), size)
      else this.part(all[i++]!)
    }
  }

  private inPlace({ constant, layout }: Part): boolean {
    if (constant !== undefined || layout._tag === "Bool") return true
    if (layout._tag === "FixedHex") return layout.size * 4 <= runLimit
    return layout._tag === "UInt" && layout.form === "number" && layout.bits <= 64
  }

  private fixed(all: ReadonlyArray<Part>, size: number): void {
    const { source } = this
    const [p, out] = [source.hold(`w.reserve(${size})`), source.hold("w.bytes")]
    let offset = 0
    const texts: Array<{ readonly part: Part; readonly size: number; readonly at: string }> = []
    for (const part of all) {
      const at = `${p} + ${offset}`
      const count = fixedSize(part.layout)!
      if (part.constant !== undefined) this.constant(parseHex(part.constant), out, at)
      else if (part.layout._tag === "FixedHex") texts.push({ part, size: count, at })
      else if (part.layout._tag === "Bool") source.add(`${out}[${at}] = ${part.value} ? 1 : 0`)
      else this.integer(part.value, count, out, at)
      offset += count
    }
    if (texts.length === 0) return
    const tests = texts.map(({ part, size: count }) => `${part.value}.length !== ${count * 2 + 2}`)
    const total = texts.reduce((sum, { size: count }) => sum + count * 2 + 2, 0)
    const whole = texts.map(({ part }) => part.value).join(" + ")
    source.add(`if (${tests.join(" || ")} || !${source.object(loadRun)}(${whole}, ${total})) ${this.stop}`)
    let from = 0
    const spells = texts.map(({ at, size: count }) => {
      const spell = `${source.object(spellRun)}(${from}, ${count}, ${out}, ${at})`
      from += count + 1
      return spell
    })
    source.add(`if ((${spells.join(" | ")}) !== 0) ${this.stop}`)
  }

  private constant(bytes: Uint8Array, out: string, at: string): void {
    if (bytes.every((byte) => byte === 0)) this.source.add(`${out}.fill(0, ${at}, ${at} + ${bytes.length})`)
    else bytes.forEach((byte, i) => this.source.add(`${out}[${at} + ${i}] = ${byte}`))
  }

  private integer(value: string, size: number, out: string, at: string): void {
    const { source } = this
    const byte = (i: number, from: string, shift: number) =>
      `${out}[${at} + ${i}] = ${shift === 0 ? from : `${from} >>> ${shift}`}`
    const word = (i: number, from: string) => [0, 1, 2, 3].map((k) => byte(i + k, from, k * 8))
    if (size === 8) {
      source.add(`if (!Number.isSafeInteger(${value}) || ${value} < 0) ${this.stop}`)
      const high = source.hold(`Math.floor(${value} / 0x100000000)`)
      source.add(...word(0, `(${value} >>> 0)`), ...word(4, high))
      return
    }
    const whole = size === 4 ? `${value} >>> 0` : `(${value} & ${size === 2 ? 0xffff : 0xff})`
    source.add(`if (${whole} !== ${value}) ${this.stop}`)
    source.add(...(size === 4 ? word(0, value) : [0, 1].slice(0, size).map((k) => byte(k, value, k * 8))))
  }

  /** A part whose size depends on its value. */
  private part({ layout, value }: Part): void {
    const { context, source } = this
    switch (layout._tag) {
      case "Bytes":
        return layout.form === "bytes"
          ? this.bytes(layout, value)
          : this.call(context.closures(layout), value)
      case "Option":
        source.add(`if (${value} === null) w.u8(0)`, "else { w.u8(1)")
        this.write(layout.item, value)
        return source.add("}")
      case "List":
        return this.list(layout, value)
      case "Enum":
        return inline(layout) ? this.cases(layout, value) : this.call(context.unit(layout), value)
      case "Probe":
        return inline(layout) ? this.probe(layout, value) : this.call(context.unit(layout), value)
      case "Struct":
      case "Tuple":
        return this.call(context.unit(layout), value)
      case "Lazy": {
        // The layout refers to itself, so it is there by the time that the function is called.
        const { get } = layout
        return this.call(
          { write: (writer: never, one: never) => context.unit(get()).write(writer, one) },
          value
        )
      }
      default:
        return this.call(context.closures(layout), value)
    }
  }

  private call(writer: unknown, value: string): void {
    this.source.add(`${this.source.object(writer)}.write(w, ${value})`)
  }

  /** A length or a case number: one byte as a rule. */
  private short(kind: "Length" | "Index", value: string): void {
    const { rules } = this.context
    const { byte, fits } = rules.short[kind]
    const long = `${this.source.object(rules)}.write${kind}(w, ${value})`
    this.source.add(
      `if (${fits(value)}) { const q = w.reserve(1); w.bytes[q] = ${byte(value)} } else ${long}`
    )
  }

  /** A count, unless it is beyond its bounds. */
  private count({ maximum, minimum }: Partial<Bounds>, value: string): void {
    const count = this.source.hold(`${value}.length`)
    if (minimum !== undefined && maximum !== undefined)
      this.source.add(`if (${count} < ${minimum} || ${count} > ${maximum}) ${this.stop}`)
    this.short("Length", count)
  }

  private bytes(bounds: Partial<Bounds>, value: string): void {
    this.count(bounds, value)
    this.source.add(`w.raw(${value})`)
  }

  private list(layout: List, value: string): void {
    const { source } = this
    const { item, sorted } = layout
    if (sorted && this.context.rules.name !== "SCALE") throw giveUp
    const i = source.name()
    this.count(layout, value)
    source.add(`for (let ${i} = 0; ${i} < ${value}.length; ${i}++) {`)
    const one = source.hold(`${value}[${i}]`)
    if (sorted) {
      const order = `${source.object(compareKeys)}(${value}[${i} - 1][0], ${one}[0])`
      source.add(`if (${i} > 0 && ${order} >= 0) ${this.stop}`)
    }
    this.write(item, one)
    source.add("}")
  }

  private cases({ cases }: Enum, value: string): void {
    this.source.add(`switch (${value}._tag) {`)
    for (const { fields, index, name } of cases) {
      this.source.add(`case ${JSON.stringify(name)}: {`)
      this.short("Index", String(index))
      this.run(this.fields(fields, value))
      this.source.add("break", "}")
    }
    this.source.add(`default: ${this.stop}`, "}")
  }

  private probe(layout: Probe, value: string): void {
    this.source.add(`switch (${this.source.object(layout)}.ofValue(${value})) {`)
    layout.members().forEach((member, i) => {
      this.source.add(`case ${i}: {`)
      this.write(member, value)
      this.source.add("break", "}")
    })
    this.source.add(`default: ${this.stop}`, "}")
  }
}
