/**
 * Reading and writing the fields of a struct, one after the other. Where the engine allows it this is
 * generated as straight-line code, which V8 optimises struct by struct; elsewhere (a browser with a strict
 * content policy) a loop does the same, slower.
 */
import { within } from "../codec/CodecError.ts"
import type { Reader, Writer } from "../codec/Cursor.ts"
import type { Wire } from "./codec.ts"

/** The parts of a struct on a binary wire. */
export interface FieldList {
  /** Properties that stand in the value and not on the wire. */
  readonly literals: ReadonlyArray<readonly [name: string, value: unknown]>
  /** A hidden field stands on the wire and not in the value. */
  readonly fields: ReadonlyArray<{ readonly name: string; readonly hidden: boolean; readonly wire: Wire }>
}

/** The loop. */
export const interpretFields = ({ fields, literals }: FieldList): Wire => {
  const start = Object.fromEntries(literals)
  return {
    read: (reader: Reader) => {
      const out: Record<string, unknown> = { ...start }
      let i = 0
      try {
        for (; i < fields.length; i++) {
          const { hidden, name, wire } = fields[i]!
          const value = wire.read(reader)
          if (!hidden) out[name] = value
        }
      } catch (error) {
        throw within(error, fields[i]!.name)
      }
      return out
    },
    write: (writer: Writer, value: Record<string, unknown>) => {
      let i = 0
      try {
        for (; i < fields.length; i++) {
          const { name, wire } = fields[i]!
          wire.write(writer, value[name])
        }
      } catch (error) {
        throw within(error, fields[i]!.name)
      }
    }
  }
}

const guarded = (body: string) => `let i = 0
    try { ${body} } catch (error) { throw within(error, names[i]) }`

const sourceOf = ({ fields, literals }: FieldList): string => {
  const values = fields
    .map(({ hidden, name }, i) => (hidden ? [] : [`${JSON.stringify(name)}: v${i}`]))
    .flat()
  const constants = literals.map(([name], i) => `${JSON.stringify(name)}: literals[${i}][1]`)
  const reads = fields.map((_, i) => `i = ${i}; const v${i} = read${i}(reader)`)
  const writes = fields.map(({ name }, i) => `i = ${i}; write${i}(writer, value[${JSON.stringify(name)}])`)
  return `
  const names = fields.map(({ name }) => name)
  ${fields.map((_, i) => `const { read: read${i}, write: write${i} } = fields[${i}].wire`).join("\n  ")}
  return {
    read: (reader) => { ${guarded(`${reads.join("; ")}; return { ${[...constants, ...values].join(", ")} }`)} },
    write: (writer, value) => { ${guarded(writes.join("; "))} }
  }`
}

type Factory = (fields: FieldList["fields"], literals: FieldList["literals"], note: typeof within) => Wire

/**
 * The straight-line code, or the loop where code cannot be generated. Names come from schemas, never from
 * input.
 */
export const compileFields = (list: FieldList): Wire => {
  // In an object literal this name would be the prototype.
  if (
    [...list.fields, ...list.literals.map(([name]) => ({ name }))].some(({ name }) => name === "__proto__")
  ) {
    return interpretFields(list)
  }
  try {
    // oxlint-disable-next-line no-new-func -- this is the generator; the fallback is below
    const factory = new Function("fields", "literals", "within", sourceOf(list)) as Factory
    return factory(list.fields, list.literals, within)
  } catch {
    return interpretFields(list)
  }
}
