/** Structs and enums in JSON: what has named fields. */
import { Fault, within } from "../codec/CodecError.ts"
import type { Enum, Field, Struct } from "../layout/Layout.ts"
import { type Compile, isRecord, type JsonForm, malformed } from "./Form.ts"

const fieldsForm = (fields: ReadonlyArray<Field>, compile: Compile) => {
  const forms = fields.map((field) => compile(field.layout))
  const readInto = (json: Record<string, unknown>, out: Record<string, unknown>) => {
    fields.forEach(({ constant, key, layout, name, optional }, i) => {
      try {
        const given = Object.hasOwn(json, key) ? json[key] : undefined
        if (constant !== undefined) {
          if (given !== constant) throw malformed(constant)
        } else if (optional && (given === undefined || (given === null && layout._tag !== "Option"))) return
        else if (given === undefined && layout._tag !== "Option") throw malformed(`the key ${key}`)
        else out[name] = forms[i]!.read(given)
      } catch (error) {
        throw within(error, key)
      }
    })
    return out
  }
  const write = (value: Record<string, unknown>) => {
    const out: Record<string, unknown> = {}
    fields.forEach(({ constant, key, name, optional }, i) => {
      const given = value[name]
      if (optional && given === undefined) return
      try {
        out[key] = constant ?? forms[i]!.write(given)
      } catch (error) {
        throw within(error, name)
      }
    })
    return out
  }
  return { readInto, write }
}

/** An object with its fields. */
export const struct = (layout: Struct, compile: Compile): JsonForm => {
  const { readInto, write } = fieldsForm(layout.fields, compile)
  const literals = Object.fromEntries(layout.literals)
  return {
    read: (json) => {
      if (!isRecord(json)) throw malformed("an object")
      return readInto(json, { ...literals })
    },
    write
  }
}

/** An object with one key, which names the case. */
export const cases = (layout: Enum, compile: Compile): JsonForm => {
  const known = layout.cases.map((one) => one.name).join(", ")
  const byName = new Map(
    layout.cases.map((one) => [one.name, { one, ...fieldsForm(one.fields, compile) }] as const)
  )
  const find = (name: unknown) => {
    const found = byName.get(name as string)
    if (found === undefined) throw new Fault("UnknownVariant", `a case among ${known}`)
    return found
  }
  return {
    read: (json) => {
      const names = isRecord(json) ? Object.keys(json) : []
      if (names.length !== 1) throw malformed(`an object with one key among ${known}`)
      const name = names[0]!
      const payload = (json as Record<string, unknown>)[name]
      const { one, readInto } = find(name)
      try {
        if (one.form === "empty") {
          if (payload !== null) throw malformed("null")
          return { _tag: name }
        }
        if (one.form === "value") return readInto({ value: payload }, { _tag: name })
        if (!isRecord(payload)) throw malformed("an object")
        return readInto(payload, { _tag: name })
      } catch (error) {
        throw within(error, name)
      }
    },
    write: (value) => {
      const { one, write } = find(value._tag)
      const payload = write(value)
      return { [one.name]: one.form === "empty" ? null : one.form === "value" ? payload.value : payload }
    }
  }
}
