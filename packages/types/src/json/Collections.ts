/** Options, arrays and dictionaries in JSON. */
import { Fault, within } from "../codec/CodecError.ts"
import { isRecord, type JsonForm, malformed } from "./Form.ts"

/** Something or `null`; a key that is not there counts as `null`. */
export const option = (item: JsonForm): JsonForm => ({
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

/** Things of one kind. */
export const list = (item: JsonForm): JsonForm => ({
  read: (json) => {
    if (!Array.isArray(json)) throw malformed("an array")
    return each(json, item.read)
  },
  write: (value) => each(value, item.write)
})

/** So many things, each of its kind. */
export const tuple = (items: ReadonlyArray<JsonForm>): JsonForm => ({
  read: (json) => {
    if (!Array.isArray(json) || json.length !== items.length) throw malformed(`an array of ${items.length}`)
    return each(json, (item, i) => items[i]!.read(item))
  },
  write: (value) => each(value, (item, i) => items[i]!.write(item))
})

/** Two spellings of one key (a chain id in decimal and in hex) are two claims about one thing. */
export const dictionary = (key: JsonForm, item: JsonForm): JsonForm => {
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
