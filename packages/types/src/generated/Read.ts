/**
 * Generates the reading function of a layout. In the code, `b` is the input, `at` the next byte, `end` the
 * byte behind the last one, `r` the reader, and `stop` is thrown to give up.
 */
import { depthLimit, noBytes } from "../codec/Cursor.ts"
import { parseHex } from "../codec/Hex.ts"
import { compareKeys, fixedSize, minimumSize } from "../binary/Sizes.ts"
import { type Context, giveUp, Source } from "./Source.ts"
import type { Bounds, Case, Enum, Layout, List, Probe, Struct } from "../layout/Layout.ts"
import { flatten, flattenFields, inline, type Part } from "./Parts.ts"

/** An object of literals and fields, as source text. */
const objectSource = (entries: ReadonlyArray<readonly [name: string, expression: string]>): string =>
  // A plain `__proto__` in a literal would be the prototype.
  `{ ${entries.map(([name, value]) => `${name === "__proto__" ? `["__proto__"]` : JSON.stringify(name)}: ${value}`).join(", ")} }`

/** The source of a function that reads `layout`. */
export const readerSource = (layout: Layout, context: Context): Function => {
  const source = new Source()
  const generator = new ReadGenerator(source, context)
  source.add("const b = r.bytes", "const end = r.end", "let at = r.at")
  const value = generator.top(layout)
  return source.make("r", `r.at = at; return ${value}`)
}

class ReadGenerator {
  private readonly source: Source
  private readonly context: Context
  private readonly stop: string

  constructor(source: Source, context: Context) {
    this.source = source
    this.context = context
    this.stop = `throw ${source.object(giveUp)}`
  }

  /** The layout that the function is for, even if it would stand alone elsewhere. */
  top(layout: Layout): string {
    if (layout._tag === "Struct") return this.struct(layout)
    if (layout._tag === "Tuple") return this.tuple(layout.items)
    if (layout._tag === "Enum") return this.cases(layout)
    if (layout._tag === "Probe") return this.probe(layout)
    return this.value(layout)
  }

  private struct(layout: Struct): string {
    const values = this.run(flattenFields(layout.fields))
    return this.fields(layout.fields, layout.literals, values)
  }

  private tuple(items: ReadonlyArray<Layout>): string {
    const values = this.run(items.flatMap(flatten))
    return `[${items.map((item) => this.build(item, values)).join(", ")}]`
  }

  /** Reads a value of any layout; the expression may be used once. */
  private value(layout: Layout): string {
    return this.build(layout, this.run(flatten(layout)))
  }

  /** Puts the values of parts together again. */
  private build(layout: Layout, values: Iterator<string>): string {
    if (layout._tag === "Struct" && inline(layout)) return this.fields(layout.fields, layout.literals, values)
    if (layout._tag === "Tuple" && inline(layout)) {
      return `[${layout.items.map((item) => this.build(item, values)).join(", ")}]`
    }
    if (layout._tag === "Mapped")
      return `${this.source.object(layout)}.from(${this.build(layout.inner(), values)})`
    return values.next().value as string
  }

  private fields(fields: Struct["fields"], literals: Struct["literals"], values: Iterator<string>): string {
    const entries = literals.map(([name, value]) => [name, this.literal(value)] as const)
    const own = fields.flatMap(({ constant, layout, name }) =>
      constant === undefined ? [[name, this.build(layout, values)] as const] : []
    )
    return objectSource([...entries, ...own])
  }

  private literal(value: unknown): string {
    return typeof value === "string" ? JSON.stringify(value) : this.source.object(value)
  }

  /** Reads parts in order; neighbours of fixed size share one check of what is left. */
  private run(all: ReadonlyArray<Part>): Iterator<string> {
    const values: Array<string> = []
    let i = 0
    while (i < all.length) {
      let size = 0
      const first = i
      for (; i < all.length; i++) {
        const one = fixedSize(all[i]!.layout)
        if (one === undefined) break
        size += one
      }
      if (i > first) {
        this.source.add(`if (end - at < ${size}) ${this.stop}`)
        let offset = 0
        for (const one of all.slice(first, i)) {
          const value = this.fixed(one, offset)
          if (value !== undefined) values.push(value)
          offset += fixedSize(one.layout)!
        }
        this.source.add(`at += ${size}`)
      } else values.push(this.part(all[i++]!))
    }
    return values.values()
  }

  /** A part of fixed size at an offset from `at`, whose bytes are there. */
  private fixed({ constant, layout }: Part, offset: number): string | undefined {
    const { source } = this
    const byte = (i: number) => `b[at + ${offset + i}]`
    if (constant !== undefined) return this.constant(parseHex(constant), offset)
    if (layout._tag === "FixedHex") return source.hold(`r.hex(at + ${offset}, ${layout.size})`)
    if (layout._tag === "Bool") {
      const value = source.hold(byte(0))
      source.add(`if (${value} > 1) ${this.stop}`)
      return `${value} === 1`
    }
    if (layout._tag === "UInt" && layout.form === "number" && layout.bits <= 64) {
      if (layout.bits === 8) return source.hold(byte(0))
      if (layout.bits === 16) return source.hold(`${byte(0)} | ${byte(1)} << 8`)
      const word = (i: number) =>
        `(${byte(i)} | ${byte(i + 1)} << 8 | ${byte(i + 2)} << 16 | ${byte(i + 3)} << 24) >>> 0`
      if (layout.bits === 32) return source.hold(word(0))
      const high = source.hold(word(4))
      source.add(`if (${high} > 0x1fffff) ${this.stop}`)
      return source.hold(`${high} * 0x100000000 + (${word(0)})`)
    }
    source.add(`r.at = at + ${offset}`)
    return source.hold(`${source.object(this.context.closures(layout))}.read(r)`)
  }

  private constant(bytes: Uint8Array, offset: number): undefined {
    if (bytes.every((byte) => byte === 0)) {
      const i = this.source.name()
      const end = `at + ${offset + bytes.length}`
      this.source.add(
        `for (let ${i} = at + ${offset}; ${i} < ${end}; ${i}++) if (b[${i}] !== 0) ${this.stop}`
      )
      return
    }
    const tests = Array.from(bytes, (byte, i) => `b[at + ${offset + i}] !== ${byte}`)
    this.source.add(`if (${tests.join(" || ")}) ${this.stop}`)
  }

  /** A part whose size is only known when it is read. */
  private part({ layout }: Part): string {
    switch (layout._tag) {
      case "Bytes":
        return layout.form === "bytes" ? this.bytes(layout) : this.closure(layout)
      case "Words":
        return this.words(layout.words)
      case "Option":
        return this.option(layout.item)
      case "List":
        return this.list(layout)
      case "Enum":
        return inline(layout) ? this.cases(layout) : this.unit(layout)
      case "Probe":
        return inline(layout) ? this.probe(layout) : this.unit(layout)
      case "Struct":
      case "Tuple":
        return this.unit(layout)
      case "Lazy":
        return this.lazy(layout.get)
      default:
        return fixedSize(layout) === undefined ? this.closure(layout) : this.value(layout)
    }
  }

  private call(reader: string): string {
    this.source.add("r.at = at")
    const value = this.source.hold(`${reader}.read(r)`)
    this.source.add("at = r.at")
    return value
  }

  private closure(layout: Layout): string {
    return this.call(this.source.object(this.context.closures(layout)))
  }

  private unit(layout: Layout): string {
    return this.call(this.source.object(this.context.unit(layout)))
  }

  private lazy(get: () => Layout): string {
    // The layout refers to itself, so it is there by the time that the function is called.
    const { context } = this
    const later = { read: (reader: never) => context.unit(get()).read(reader) }
    this.source.add(`if (++r.depth > ${depthLimit}) ${this.stop}`)
    const value = this.call(this.source.object(later))
    this.source.add("r.depth--")
    return value
  }

  /** A length or a case number: one byte as a rule. */
  private short(kind: "Length" | "Index"): string {
    const { rules } = this.context
    const when = rules.short[kind].when("x")
    const value = rules.short[kind].value("x")
    const name = this.source.name()
    const long = `r.at = at; ${name} = ${this.source.object(rules)}.read${kind}(r); at = r.at`
    this.source.add(
      `if (at >= end) ${this.stop}`,
      `let ${name}`,
      when === "true"
        ? `{ const x = b[at++]; ${name} = ${value} }`
        : `{ const x = b[at]; if (${when}) { ${name} = ${value}; at++ } else { ${long} } }`
    )
    return name
  }

  /** A count beyond its bounds gives up. */
  private within({ maximum, minimum }: Partial<Bounds>, count: string): void {
    if (minimum === undefined || maximum === undefined) return
    this.source.add(`if (${count} < ${minimum} || ${count} > ${maximum}) ${this.stop}`)
  }

  private bytes(bounds: Partial<Bounds>): string {
    const length = this.short("Length")
    this.within(bounds, length)
    this.source.add(`if (${length} > end - at) ${this.stop}`)
    const value = this.source.hold(
      `${length} === 0 ? ${this.source.object(noBytes)} : new Uint8Array(b.buffer, b.byteOffset + at, ${length})`
    )
    this.source.add(`at += ${length}`)
    return value
  }

  private words(all: ReadonlyArray<string>): string {
    const index = this.short("Index")
    const word = this.source.hold(`${this.source.object(all)}[${index}]`)
    this.source.add(`if (${word} === undefined) ${this.stop}`)
    return word
  }

  private option(item: Layout): string {
    const name = this.source.name()
    this.source.add(`if (at >= end) ${this.stop}`, `let ${name} = null`, "if (b[at] === 0) at++")
    this.source.add(`else { if (b[at++] !== 1) ${this.stop}`)
    this.source.add(`${name} = ${this.value(item)} }`)
    return name
  }

  private list(layout: List): string {
    const { item, sorted } = layout
    if (sorted && this.context.rules.name !== "SCALE") throw giveUp
    const length = this.short("Length")
    this.within(layout, length)
    const least = Math.max(1, minimumSize(item))
    const [out, i] = [this.source.name(), this.source.name()]
    this.source.add(
      `if (${length} * ${least} > end - at) ${this.stop}`,
      `const ${out} = []`,
      `for (let ${i} = 0; ${i} < ${length}; ${i}++) {`
    )
    this.source.add(`${out}.push(${this.value(item)})`)
    if (sorted) {
      const compare = this.source.object(compareKeys)
      this.source.add(`if (${i} > 0 && ${compare}(${out}[${i} - 1][0], ${out}[${i}][0]) >= 0) ${this.stop}`)
    }
    this.source.add("}")
    return out
  }

  private cases({ cases }: Enum): string {
    const index = this.short("Index")
    const name = this.source.name()
    this.source.add(`let ${name}`, `switch (${index}) {`)
    for (const one of cases) this.oneCase(name, one)
    this.source.add(`default: ${this.stop}`, "}")
    return name
  }

  private oneCase(name: string, { fields, index, name: tag }: Case): void {
    this.source.add(`case ${index}: {`)
    const values = this.run(flattenFields(fields))
    this.source.add(`${name} = ${this.fields(fields, [["_tag", tag]], values)}`, "break", "}")
  }

  private probe(layout: Probe): string {
    const which = this.source.hold(`${this.source.object(layout)}.ofBytes(b, at, end)`)
    const name = this.source.name()
    this.source.add(`let ${name}`, `switch (${which}) {`)
    layout.members().forEach((member, i) => {
      this.source.add(`case ${i}: {`)
      this.source.add(`${name} = ${this.value(member)}`, "break", "}")
    })
    this.source.add(`default: ${this.stop}`, "}")
    return name
  }
}
