/**
 * Generates a function that prints a value as JSON text in one go, without the object in between. As with
 * `generated.ts` it gives up whenever a value is out of the ordinary, and the closures of `json.ts` take over:
 * they alone decide what is written and how a fault reads.
 */
import { toHex } from "../codec/Hex.ts"
import { inline } from "../generated/Parts.ts"
import { giveUp, Source } from "../generated/Source.ts"
import type { Enum, Field, Layout, Probe, UInt } from "../layout/Layout.ts"

/** Prints a value, or throws anything when it gives up. */
export type PrintText = (value: any) => string

/** Printers of layouts, each compiled when it is first called. */
export const compileText = (): ((layout: Layout) => PrintText) => {
  const printers = new WeakMap<Layout, { print: PrintText }>()
  const compile = (layout: Layout): { print: PrintText } => {
    const known = printers.get(layout)
    if (known !== undefined) return known
    const printer = {
      print: (value: any): string => {
        printer.print = textSource(layout, compile)
        return printer.print(value)
      }
    }
    printers.set(layout, printer)
    return printer
  }
  return (layout) => {
    const printer = compile(layout)
    return (value) => printer.print(value)
  }
}

type Compile = (layout: Layout) => { readonly print: PrintText }

const textSource = (layout: Layout, compile: Compile): PrintText => {
  const generator = new TextGenerator(compile)
  generator.value(layout, "v", true)
  return generator.make()
}

class TextGenerator {
  private readonly source = new Source()
  private readonly compile: Compile
  private readonly stop: string
  /** What is known of the text and was not written to the code yet. */
  private pending = ""

  constructor(compile: Compile) {
    this.compile = compile
    this.stop = `throw ${this.source.object(giveUp)}`
    this.source.add(`let s = ""`)
  }

  make(): PrintText {
    this.flush()
    return this.source.make("v", "return s") as PrintText
  }

  private flush(): void {
    if (this.pending !== "") this.source.add(`s += ${JSON.stringify(this.pending)}`)
    this.pending = ""
  }

  /** Code that may run or not, or more than once: what was known before belongs in front of it. */
  private code(...lines: ReadonlyArray<string>): void {
    this.flush()
    this.source.add(...lines)
  }

  private dynamic(expression: string): void {
    const known = this.pending === "" ? "" : `${JSON.stringify(this.pending)} + `
    this.pending = ""
    this.source.add(`s += ${known}${expression}`)
  }

  private check(test: string): void {
    this.source.add(`if (!(${test})) ${this.stop}`)
  }

  /** Prints a value of a layout; `top` if the function is for it. */
  value(layout: Layout, value: string, top = false): void {
    if (!top && !inline(layout)) return this.unit(layout, value)
    switch (layout._tag) {
      case "UInt":
        return this.integer(layout, value)
      case "Bool":
        this.check(`typeof ${value} === "boolean"`)
        return this.dynamic(value)
      case "FixedHex":
        return this.quoted(new RegExp(`^0x[0-9a-f]{${layout.size * 2}}$`), value)
      case "Bytes":
        if (layout.form === "text") return this.quoted(/^0x[0-9a-f]*$/, value)
        return this.dynamic(`"\\"" + ${this.source.object(toHex)}(${value}) + "\\""`)
      case "Bits":
        return this.quoted(/^[01]*$/, value)
      case "Text":
        this.check(`typeof ${value} === "string"`)
        return this.dynamic(`JSON.stringify(${value})`)
      case "Words":
        this.check(`typeof ${value} === "string" && ${this.source.object(layout.words)}.includes(${value})`)
        return this.dynamic(`JSON.stringify(${value})`)
      case "Option":
        return this.option(layout.item, value)
      case "List":
        return this.list(layout.item, value)
      case "Dictionary":
        // The order of keys and their repetitions are left to the closures.
        throw giveUp
      case "Tuple":
        return this.tuple(layout.items, value)
      case "Struct":
        return this.fields(layout.fields, value)
      case "Enum":
        return this.cases(layout, value)
      case "Mapped": {
        const inner = this.source.hold(`${this.source.object(layout)}.to(${value})`)
        return this.value(layout.inner(), inner, top)
      }
      case "Probe":
        return this.probe(layout, value)
      case "Lazy": {
        // The layout refers to itself, so it is there by the time that the function is called.
        const { compile } = this
        const print = (one: unknown) => compile(layout.get()).print(one)
        return this.dynamic(`${this.source.object(print)}(${value})`)
      }
    }
  }

  private unit(layout: Layout, value: string): void {
    this.dynamic(`${this.source.object(this.compile(layout))}.print(${value})`)
  }

  private quoted(pattern: RegExp, value: string): void {
    this.check(`typeof ${value} === "string" && ${this.source.object(pattern)}.test(${value})`)
    this.pending += `"`
    this.dynamic(value)
    this.pending += `"`
  }

  private integer({ bits, form, json }: UInt, value: string): void {
    if (form === "decimal") throw giveUp
    const limit =
      form === "number"
        ? bits >= 53
          ? Number.MAX_SAFE_INTEGER
          : 2 ** bits - 1
        : `${(1n << BigInt(bits)) - 1n}n`
    const whole = form === "number" ? `Number.isSafeInteger(${value})` : `typeof ${value} === "bigint"`
    this.check(`${whole} && ${value} >= 0 && ${value} <= ${limit}`)
    if (json === "number") return this.dynamic(value)
    this.pending += json === "text" ? `"` : `"0x`
    this.dynamic(json === "text" ? value : `${value}.toString(16)`)
    this.pending += `"`
  }

  private option(item: Layout, value: string): void {
    this.code(`if (${value} === null) s += "null"`, "else {")
    this.value(item, value)
    this.code("}")
  }

  private list(item: Layout, value: string): void {
    this.check(`Array.isArray(${value})`)
    const i = this.source.name()
    this.pending += "["
    this.code(`for (let ${i} = 0; ${i} < ${value}.length; ${i}++) {`, `if (${i} > 0) s += ","`)
    this.value(item, this.source.hold(`${value}[${i}]`))
    this.code("}")
    this.pending += "]"
  }

  private tuple(items: ReadonlyArray<Layout>, value: string): void {
    this.check(`Array.isArray(${value}) && ${value}.length === ${items.length}`)
    this.pending += "["
    items.forEach((item, i) => {
      if (i > 0) this.pending += ","
      this.value(item, this.source.hold(`${value}[${i}]`))
    })
    this.pending += "]"
  }

  private fields(fields: ReadonlyArray<Field>, value: string): void {
    // Objects put keys that look like indices first, and this one is the prototype.
    if (fields.some(({ key }) => /^[0-9]+$/.test(key) || key === "__proto__")) throw giveUp
    const firstRequired = fields.findIndex(({ optional }) => !optional)
    // Until a required field was printed only the code knows whether there is something to separate from.
    const comma = firstRequired === 0 ? undefined : this.source.name()
    if (comma !== undefined) this.source.add(`let ${comma} = ""`)
    this.pending += "{"
    fields.forEach((field, i) => {
      const given = this.source.hold(`${value}[${JSON.stringify(field.name)}]`)
      const dynamic = comma !== undefined && (firstRequired < 0 || i <= firstRequired)
      if (field.optional) this.code(`if (${given} !== undefined) {`)
      if (dynamic) this.dynamic(comma)
      this.pending += `${!dynamic && i > 0 ? "," : ""}${JSON.stringify(field.key)}:`
      if (field.constant === undefined) this.value(field.layout, given)
      else this.pending += JSON.stringify(field.constant)
      if (dynamic) this.source.add(`${comma} = ","`)
      if (field.optional) this.code("}")
    })
    this.pending += "}"
  }

  private cases({ cases }: Enum, value: string): void {
    this.code(`switch (${value}._tag) {`)
    for (const { fields, form, name } of cases) {
      this.code(`case ${JSON.stringify(name)}: {`)
      this.pending += `{${JSON.stringify(name)}:`
      if (form === "empty") this.pending += "null"
      else if (form === "fields") this.fields(fields, value)
      else if (fields[0]!.optional) throw giveUp
      else this.value(fields[0]!.layout, this.source.hold(`${value}.value`))
      this.pending += "}"
      this.code("break", "}")
    }
    this.code(`default: ${this.stop}`, "}")
  }

  private probe(layout: Probe, value: string): void {
    this.code(`switch (${this.source.object(layout)}.ofValue(${value})) {`)
    layout.members().forEach((member, i) => {
      this.code(`case ${i}: {`)
      this.value(member, value)
      this.code("break", "}")
    })
    this.code(`default: ${this.stop}`, "}")
  }
}
