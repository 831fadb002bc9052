/**
 * Reads small JSON messages by one regular expression derived from the layout: it matches the text exactly as
 * `stringify` (and every printer that keeps to the order of declaration) writes it, checks the parts on the
 * way, and captures them. Whatever else JSON may look like (spaces, another order, unknown keys, escapes)
 * does not match, and is read by `JSON.parse` and the closures of `json.ts`.
 */
import { Source } from "../generated/Source.ts"
import type { Field, Layout, Struct } from "../layout/Layout.ts"

/** The value that the text stands for; `undefined` if the text has to be read in full. */
export type MatchText = (text: string) => any

// Captures are slices of the text and keep it in memory.
const textLimit = 4096
const capturesLimit = 100

/** A reader by regular expression, if the layout is one of structs, hashes, integers and the like. */
export const compilePattern = (layout: Layout): MatchText | undefined => {
  if (layout._tag !== "Struct") return undefined
  const generator = new PatternGenerator()
  const shape = generator.struct(layout)
  if (shape === undefined || generator.captures > capturesLimit) return undefined
  try {
    return generator.make(shape)
  } catch {
    // Code cannot be generated here.
    return undefined
  }
}

/** A piece of the expression, how its captures become a value, and a capture that is there if it matched. */
interface Shape {
  readonly pattern: string
  readonly value: string
  readonly present: string
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")

class PatternGenerator {
  private readonly source = new Source()
  captures = 0

  make({ pattern, value }: Shape): MatchText {
    const expression = this.source.object(new RegExp(`^${pattern}$`))
    const { lines } = this.source
    lines.unshift(
      `if (v.length > ${textLimit}) return undefined`,
      `const m = ${expression}.exec(v)`,
      "if (m === null) return undefined"
    )
    return this.source.make("v", `return ${value}`) as MatchText
  }

  private capture(pattern: string, value: (capture: string) => string): Shape {
    const present = `m[${++this.captures}]`
    return { pattern, value: value(present), present }
  }

  private leaf(layout: Layout): Shape | undefined {
    switch (layout._tag) {
      case "FixedHex":
        return this.capture(`"(0x[0-9a-f]{${layout.size * 2}})"`, (text) => text)
      case "Bool":
        return this.capture("(true|false)", (text) => `${text} === "true"`)
      case "Text":
        // oxlint-disable-next-line no-control-regex -- JSON text must escape them
        return this.capture(`"([^"\\\\\\u0000-\\u001f]*)"`, (text) => text)
      case "UInt": {
        if (layout.form !== "number" || layout.json !== "number") return undefined
        const shape = this.capture("(0|[1-9][0-9]{0,14})", (text) => `+${text}`)
        if (layout.bits < 53) {
          const { present } = shape
          this.source.add(
            `if (${present} !== undefined && +${present} >= ${2 ** layout.bits}) return undefined`
          )
        }
        return shape
      }
      case "Struct":
        return this.struct(layout)
      default:
        return undefined
    }
  }

  /** The fields in order; those that are optional may be missing. */
  struct(layout: Struct): Shape | undefined {
    const shapes: Array<Shape> = []
    for (const field of layout.fields) {
      const shape = this.field(field)
      if (shape === undefined) return undefined
      shapes.push(shape)
    }
    const { fields, literals } = layout
    const names = [...fields.map(({ name }) => name), ...literals.map(([name]) => name)]
    if (shapes.length === 0 || names.includes("__proto__")) return undefined
    const pieces = fields.map((field, i) => fieldPattern(field, shapes[i]!, fields.length - 1 === i))
    const required = fields.findIndex(({ optional }) => !optional)
    return {
      pattern: `\\{${pieces.join("")}\\}`,
      value: this.object(layout, shapes),
      present: required < 0 ? "" : shapes[required]!.present
    }
  }

  private field({ constant, layout, optional }: Field): Shape | undefined {
    if (constant !== undefined) return undefined
    const shape = this.leaf(layout)
    // Without a part that is always there nothing tells whether it was.
    return shape?.present === "" && optional ? undefined : shape
  }

  private object({ fields, literals }: Struct, shapes: ReadonlyArray<Shape>): string {
    const constants = literals.map(([name, value]) => `${JSON.stringify(name)}: ${this.source.object(value)}`)
    const own = (all: ReadonlyArray<Field>) =>
      all.map((field) => `${JSON.stringify(field.name)}: ${shapes[fields.indexOf(field)]!.value}`)
    if (fields.every(({ optional }) => !optional)) return `{ ${[...constants, ...own(fields)].join(", ")} }`
    // Keys in the order of declaration, and none for what is missing.
    const make = fields.map((field, i) => {
      const { present, value } = shapes[i]!
      const set = `out[${JSON.stringify(field.name)}] = ${value}`
      return field.optional ? `if (${present} !== undefined) ${set}` : set
    })
    return `(() => { const out = { ${constants.join(", ")} }; ${make.join("; ")}; return out })()`
  }
}

/** A field with what separates it from the next one: a comma and another key, or the end of the object. */
const fieldPattern = ({ key, optional }: Field, { pattern }: Shape, last: boolean): string => {
  const separator = last ? "" : `(?:,(?=")|(?=\\}))`
  const whole = `${escape(JSON.stringify(key))}:${pattern}${separator}`
  return optional ? `(?:${whole})?` : whole
}
