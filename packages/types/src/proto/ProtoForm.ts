/**
 * Readers and writers of protobuf messages, compiled from layouts whose fields carry numbers.
 */
import { Fault, within } from "../codec/CodecError.ts"
import { Reader, type Writer } from "../codec/Cursor.ts"
import type { Wire } from "../binary/Codec.ts"
import type { Enum, Field, Layout, Struct } from "../layout/Layout.ts"
import {
  boolField,
  bytesField,
  delimited,
  hexField,
  integerField,
  inWindow,
  readNumber,
  type Single,
  skip,
  textField,
  varint,
  wordsField,
  writeDelimited,
  writeKey
} from "./Fields.ts"

type Window = readonly [at: number, end: number]

/** One property of a message: what it makes of the occurrences of its tags. */
interface Member {
  readonly name: string
  readonly tags: ReadonlyArray<number>
  /** Takes an occurrence; false if its wire type is not ours, so that it is skipped as unknown. */
  readonly accept: (state: State, reader: Reader, tag: number, type: number) => boolean
  readonly finish: (state: State, reader: Reader) => unknown
  readonly write: (writer: Writer, value: any) => void
}
interface State {
  seen: boolean
  value: unknown
  windows: Array<Window>
  tag: number
}

/** A compiler of struct layouts to messages; each layout is compiled once. */
export const compileProto = (): ((layout: Layout) => Wire) => {
  const cache = new WeakMap<Layout, Wire>()
  const compile = (layout: Layout): Wire => {
    const known = cache.get(layout)
    if (known !== undefined) return known
    const wire = compileMessage(layout, compile)
    cache.set(layout, wire)
    return wire
  }
  return compile
}

const compileMessage = (layout: Layout, compile: (layout: Layout) => Wire): Wire => {
  if (layout._tag === "Lazy") {
    return {
      read: (reader) => {
        reader.enter()
        const value = compile(layout.get()).read(reader)
        reader.leave()
        return value
      },
      write: (writer, value) => compile(layout.get()).write(writer, value)
    }
  }
  if (layout._tag !== "Struct") throw new Error(`a protobuf message is a struct, not ${layout._tag}`)
  return message(layout, compile)
}

const singleOf = (layout: Layout, compile: (layout: Layout) => Wire): Single => {
  switch (layout._tag) {
    case "UInt":
      return integerField(layout)
    case "Bool":
      return boolField
    case "FixedHex":
      return hexField(layout.size)
    case "Bytes":
      return layout.form === "bytes" ? bytesField : hexField(undefined)
    case "Text":
      return textField
    case "Words":
      return wordsField(layout.words)
    case "Struct":
    case "Lazy": {
      const read = (reader: Reader) => compile(layout).read(reader)
      const write = (writer: Writer, value: any) => compile(layout).write(writer, value)
      return { type: delimited, read, write, isZero: () => false, message: true }
    }
    default:
      throw new Error(`protobuf has no field for ${layout._tag}`)
  }
}

const writeSingle = (writer: Writer, tag: number, single: Single, value: unknown): void => {
  writeKey(writer, tag, single.type)
  if (single.type === varint) single.write(writer, value)
  else writeDelimited(writer, () => single.write(writer, value))
}

/** Reads the windows of a delimited value: the last one, or all of them merged if it is a message. */
const readWindows = (reader: Reader, single: Single, windows: ReadonlyArray<Window>): unknown => {
  const [at, end] = windows[windows.length - 1]!
  if (!single.message || windows.length === 1) return inWindow(reader, at, end, () => single.read(reader))
  const merged = new Uint8Array(windows.reduce((length, [from, to]) => length + to - from, 0))
  let offset = 0
  for (const [from, to] of windows) {
    merged.set(reader.bytes.subarray(from, to), offset)
    offset += to - from
  }
  const whole = new Reader(merged)
  whole.depth = reader.depth
  return single.read(whole)
}

const takeWindow = (reader: Reader): Window => {
  const length = readNumber(reader)
  const at = reader.take(length)
  return [at, at + length]
}

/** A field that occurs once: absent means zero, or null where presence is explicit. */
const singleMember = (name: string, tag: number, single: Single, nullable: boolean): Member => ({
  name,
  tags: [tag],
  accept: (state, reader, _tag, type) => {
    if (type !== single.type) return false
    state.seen = true
    if (type === varint) state.value = single.read(reader)
    else state.windows.push(takeWindow(reader))
    return true
  },
  finish: (state, reader) => {
    if (state.windows.length > 0) return readWindows(reader, single, state.windows)
    if (state.seen) return state.value
    // The zero value is what empty content reads as; a hash has none and says so.
    return nullable ? null : zeroOf(single, reader.at)
  },
  write: (writer, value) => {
    if (nullable ? value !== null && value !== undefined : !single.isZero(value)) {
      writeSingle(writer, tag, single, value)
    }
  }
})

const zeroOf = (single: Single, at: number): unknown => {
  const empty = new Reader(single.type === varint ? new Uint8Array(1) : new Uint8Array(0))
  try {
    return single.read(empty)
  } catch (error) {
    if (error instanceof Fault) throw new Fault("Truncated", `a field that is there (${error.expected})`, at)
    throw error
  }
}

const repeatedMember = (name: string, tag: number, single: Single): Member => ({
  name,
  tags: [tag],
  accept: (state, reader, _tag, type) => {
    const items = (state.value ??= []) as Array<unknown>
    if (type === delimited) {
      const [at, end] = takeWindow(reader)
      try {
        inWindow(reader, at, end, () => {
          if (single.type === delimited) items.push(single.read(reader))
          else while (reader.at < reader.end) items.push(single.read(reader))
        })
      } catch (error) {
        throw within(error, items.length)
      }
      return true
    }
    if (type !== single.type) return false
    items.push(single.read(reader))
    return true
  },
  finish: (state) => state.value ?? [],
  write: (writer, value: ReadonlyArray<unknown>) => {
    if (value.length === 0) return
    if (single.type === varint) {
      writeKey(writer, tag, delimited)
      writeDelimited(writer, () => value.forEach((item) => single.write(writer, item)))
    } else value.forEach((item) => writeSingle(writer, tag, single, item))
  }
})

/** The cases of a union as fields of the message: the last one that occurs is the value. */
const oneofMember = (
  name: string,
  union: Enum,
  nullable: boolean,
  compile: (layout: Layout) => Wire
): Member => {
  const nothing: Layout = { _tag: "Struct", fields: [], literals: [] }
  const cases = union.cases.map(({ fields, form, index, name: _tag }) => {
    if (form === "fields") throw new Error(`the case ${_tag} of a oneof has more than one payload`)
    const payload = form === "value"
    return { _tag, tag: index, payload, single: singleOf(payload ? fields[0]!.layout : nothing, compile) }
  })
  return {
    name,
    tags: cases.map(({ tag }) => tag),
    accept: (state, reader, tag, type) => {
      const { single } = cases.find((one) => one.tag === tag)!
      if (type !== single.type) return false
      if (state.tag !== tag) state.windows = []
      state.tag = tag
      if (type === varint) state.value = single.read(reader)
      else state.windows.push(takeWindow(reader))
      return true
    },
    finish: (state, reader) => {
      const found = cases.find((one) => one.tag === state.tag)
      if (found === undefined) {
        if (nullable) return null
        throw new Fault("UnknownVariant", `one of ${cases.map(({ _tag }) => _tag).join(", ")}`, reader.at)
      }
      const { _tag, payload, single } = found
      const value = single.type === varint ? state.value : readWindows(reader, single, state.windows)
      return payload ? { _tag, value } : { _tag }
    },
    write: (writer, value) => {
      if (nullable && (value === null || value === undefined)) return
      const found = cases.find(({ _tag }) => _tag === value._tag)
      if (found === undefined)
        throw new Fault("UnknownVariant", `one of ${cases.map(({ _tag }) => _tag).join(", ")}`)
      writeSingle(writer, found.tag, found.single, found.payload ? value.value : {})
    }
  }
}

const memberOf = (field: Field, compile: (layout: Layout) => Wire): Member => {
  const { layout, name, tag } = field
  if (tag === undefined) throw new Error(`${name} has no protobuf number: give it one with Wire.message`)
  const nullable = layout._tag === "Option"
  const inner = nullable ? layout.item : layout
  if (tag === "oneof") {
    if (inner._tag !== "Enum") throw new Error(`${name} is a oneof but not a union`)
    return oneofMember(name, inner, nullable, compile)
  }
  if (inner._tag === "List") return repeatedMember(name, tag, singleOf(inner.item, compile))
  return singleMember(name, tag, singleOf(inner, compile), nullable || field.optional)
}

const message = (layout: Struct, compile: (layout: Layout) => Wire): Wire => {
  const members = layout.fields.map((field) => memberOf(field, compile))
  members.sort((left, right) => Math.min(...left.tags) - Math.min(...right.tags))
  const byTag = new Map<number, number>()
  members.forEach((member, i) => member.tags.forEach((tag) => byTag.set(tag, i)))
  const missing = new Set(layout.fields.filter((field) => field.optional).map((field) => field.name))
  const literals = Object.fromEntries(layout.literals)
  const read = (reader: Reader) => {
    const states = members.map((): State => ({ seen: false, value: undefined, windows: [], tag: -1 }))
    while (reader.at < reader.end) {
      const at = reader.at
      const key = readNumber(reader, 0xffff_ffff)
      const tag = Math.floor(key / 8)
      if (tag === 0) throw new Fault("Malformed", "a field number from 1", at)
      const i = byTag.get(tag)
      try {
        if (i === undefined || !members[i]!.accept(states[i]!, reader, tag, key & 7)) skip(reader, key & 7)
      } catch (error) {
        throw i === undefined ? error : within(error, members[i]!.name)
      }
    }
    const out: Record<string, unknown> = { ...literals }
    for (let i = 0; i < members.length; i++) {
      const { finish, name } = members[i]!
      try {
        const value = finish(states[i]!, reader)
        if (value !== null || !missing.has(name)) out[name] = value
      } catch (error) {
        throw within(error, name)
      }
    }
    return out
  }
  const write = (writer: Writer, value: Record<string, unknown>) => {
    for (const member of members) {
      try {
        member.write(writer, value[member.name])
      } catch (error) {
        throw within(error, member.name)
      }
    }
  }
  return { read, write }
}
