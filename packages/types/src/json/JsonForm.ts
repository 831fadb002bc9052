/**
 * Readers and writers of JSON values, compiled from layouts.
 */
import { Fault, within } from "../codec/CodecError.ts"
import { depthLimit } from "../codec/Cursor.ts"
import { parseHex, isHex, toHex } from "../codec/Hex.ts"
import type { Enum, Field, Layout, Mapped, Probe, Struct, UInt } from "../layout/Layout.ts"

/** A compiled layout. */
export interface JsonForm {
  readonly read: (json: unknown) => any
  readonly write: (value: any) => unknown
}

/** A compiler of layouts; each layout is compiled once. */
export const compileJson = (): ((layout: Layout) => JsonForm) => {
  const cache = new WeakMap<Layout, JsonForm>()
  const compile = (layout: Layout): JsonForm => {
    let form = cache.get(layout)
    if (form === undefined) {
      form = make(layout, compile)
      cache.set(layout, form)
    }
    return form
  }
  return compile
}

type Compile = (layout: Layout) => JsonForm

const make = (layout: Layout, compile: Compile): JsonForm => {
  switch (layout._tag) {
    case "UInt":
      return integer(layout)
    case "Bool":
      return bool
    case "FixedHex":
      return fixedHex(layout.size)
    case "Bytes":
      return layout.form === "bytes" ? bytes : hexText
    case "Text":
      return text
    case "Bits":
      return bits
    case "Words":
      return words(layout.words)
    case "Option":
      return option(compile(layout.item))
    case "List":
      return list(compile(layout.item))
    case "Dictionary":
      return dictionary(compile(layout.key), compile(layout.item))
    case "Tuple":
      return tuple(layout.items.map(compile))
    case "Struct":
      return struct(layout, compile)
    case "Enum":
      return cases(layout, compile)
    case "Mapped":
      return mapped(layout, compile)
    case "Probe":
      return probe(layout, compile)
    case "Lazy":
      return lazy(() => compile(layout.get()))
  }
}

const lazy = (get: () => JsonForm): JsonForm => {
  let form: JsonForm | undefined
  let depth = 0
  return {
    read: (json) => {
      if (depth >= depthLimit) throw new Fault("TooDeep", `at most ${depthLimit} nested values`)
      depth++
      try {
        return (form ??= get()).read(json)
      } finally {
        depth--
      }
    },
    write: (value) => (form ??= get()).write(value)
  }
}

const malformed = (expected: string): Fault => new Fault("Malformed", expected)

const integer = ({ bits: width, form, json: printed }: UInt): JsonForm => {
  const limit = (1n << BigInt(width)) - 1n
  const safe = width >= 53 ? Number.MAX_SAFE_INTEGER : Number(limit)
  const expected =
    printed === "number"
      ? `an integer from 0 to ${form === "number" ? safe : limit}`
      : printed === "text"
        ? "an integer as decimal text"
        : "an integer as 0x-prefixed hex without leading zeros"
  const exact = (json: unknown): bigint | number => {
    if (printed === "number") {
      if (typeof json === "number" && Number.isSafeInteger(json)) return json
      if (typeof json === "bigint") return json
    } else if (typeof json === "string") {
      const text = printed === "text" || form === "decimal"
      if (text && /^(0|[1-9][0-9]{0,77})$/.test(json)) return BigInt(json)
      const quantity = printed === "quantity" || form === "decimal"
      if (quantity && /^0[xX](0|[1-9a-fA-F][0-9a-fA-F]{0,63})$/.test(json)) return BigInt(json)
    }
    throw malformed(expected)
  }
  const print = (value: bigint | number): unknown => {
    if (printed === "number") return Number.isSafeInteger(Number(value)) ? Number(value) : value
    return printed === "text" ? value.toString() : `0x${value.toString(16)}`
  }
  return {
    read: (json) => {
      const value = exact(json)
      if (value < 0 || value > (form === "number" ? safe : limit)) throw new Fault("OutOfRange", expected)
      return form === "number" ? Number(value) : form === "bigint" ? BigInt(value) : value.toString()
    },
    write: (value) => {
      const number = form === "decimal" ? BigInt(value) : value
      const whole = typeof number === "bigint" || Number.isSafeInteger(number)
      if (!whole || number < 0 || number > (form === "number" ? safe : limit))
        throw new Fault("OutOfRange", expected)
      return print(number)
    }
  }
}

const same = (check: (json: unknown) => boolean, expected: string): JsonForm => {
  const pass = (json: unknown) => {
    if (!check(json)) throw malformed(expected)
    return json
  }
  return { read: pass, write: pass }
}

const bool = same((json) => typeof json === "boolean", "true or false")
const text = same((json) => typeof json === "string", "text")
const bits = same((json) => typeof json === "string" && /^[01]*$/.test(json), "text of 0 and 1")

const words = (all: ReadonlyArray<string>): JsonForm =>
  same((json) => typeof json === "string" && all.includes(json), `one of ${all.join(", ")}`)

const fixedHex = (size: number): JsonForm => {
  const lower = new RegExp(`^0x[0-9a-f]{${size * 2}}$`)
  const form = same(
    (json) => typeof json === "string" && json.length === size * 2 + 2 && isHex(json),
    `${size} bytes as 0x-prefixed hex`
  )
  const isLower = (json: unknown) => typeof json === "string" && lower.test(json)
  return {
    read: (json) => (isLower(json) ? json : form.read(json).toLowerCase()),
    write: (value) => (isLower(value) ? value : form.write(value))
  }
}

const hexText: JsonForm = {
  read: (json) => {
    if (typeof json !== "string" || !isHex(json)) throw malformed("whole bytes as 0x-prefixed hex")
    return json.toLowerCase()
  },
  write: (value) => value
}

const bytes: JsonForm = { read: (json) => parseHex(hexText.read(json)), write: (value) => toHex(value) }

const option = (item: JsonForm): JsonForm => ({
  read: (json) => (json === null || json === undefined ? null : item.read(json)),
  write: (value) => (value === null ? null : item.write(value))
})

const each = (
  items: ReadonlyArray<unknown>,
  convert: (item: unknown, i: number) => unknown
): Array<unknown> => {
  const out: Array<unknown> = []
  try {
    for (const item of items) out.push(convert(item, out.length))
  } catch (error) {
    throw within(error, out.length)
  }
  return out
}

const list = (item: JsonForm): JsonForm => ({
  read: (json) => {
    if (!Array.isArray(json)) throw malformed("an array")
    return each(json, item.read)
  },
  write: (value) => each(value, item.write)
})

const tuple = (items: ReadonlyArray<JsonForm>): JsonForm => ({
  read: (json) => {
    if (!Array.isArray(json) || json.length !== items.length) throw malformed(`an array of ${items.length}`)
    return each(json, (item, i) => items[i]!.read(item))
  },
  write: (value) => each(value, (item, i) => items[i]!.write(item))
})

const isRecord = (json: unknown): json is Record<string, unknown> =>
  typeof json === "object" && json !== null && !Array.isArray(json)

/** Two spellings of one key (a chain id in decimal and in hex) are two claims about one thing. */
const dictionary = (key: JsonForm, item: JsonForm): JsonForm => {
  const eachEntry = (
    entries: object,
    convert: (name: string, value: unknown) => readonly [string, unknown]
  ) => {
    const out = new Map<string, unknown>()
    for (const [given, value] of Object.entries(entries)) {
      try {
        const [name, converted] = convert(given, value)
        if (out.has(name)) throw new Fault("NotCanonical", "each key once")
        out.set(name, converted)
      } catch (error) {
        throw within(error, given)
      }
    }
    return Object.fromEntries(out)
  }
  return {
    read: (json) => {
      if (!isRecord(json)) throw malformed("an object")
      return eachEntry(json, (name, value) => [key.read(name), item.read(value)])
    },
    write: (value) => eachEntry(value, (name, one) => [key.write(name) as string, item.write(one)])
  }
}

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

const struct = (layout: Struct, compile: Compile): JsonForm => {
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

const cases = (layout: Enum, compile: Compile): JsonForm => {
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

const mapped = (layout: Mapped, compile: Compile): JsonForm => {
  const inner = compile(layout.inner())
  return { read: (json) => layout.from(inner.read(json)), write: (value) => inner.write(layout.to(value)) }
}

const probe = (layout: Probe, compile: Compile): JsonForm => {
  const members = layout.members().map(compile)
  return {
    read: (json) => {
      if (!isRecord(json)) throw malformed("an object")
      return members[layout.ofJson(json)]!.read(json)
    },
    write: (value) => members[layout.ofValue(value)]!.write(value)
  }
}
