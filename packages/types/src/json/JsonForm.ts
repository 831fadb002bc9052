/**
 * Readers and writers of JSON values, compiled from layouts.
 */
import { Fault } from "../codec/CodecError.ts"
import { depthLimit } from "../codec/Cursor.ts"
import { checkCount } from "../binary/Leaves.ts"
import type { Bounds, Layout, Mapped, Probe } from "../layout/Layout.ts"
import { dictionary, list, option, tuple } from "./Collections.ts"
import { type Compile, isRecord, type JsonForm, malformed } from "./Form.ts"
import { cases, struct } from "./Records.ts"
import { bits, bool, bytes, fixedHex, hexText, integer, text, words } from "./Scalars.ts"

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

const make = (layout: Layout, compile: Compile): JsonForm => {
  switch (layout._tag) {
    case "UInt":
      return integer(layout)
    case "Bool":
      return bool
    case "FixedHex":
      return fixedHex(layout.size)
    case "Bytes":
      return layout.form === "bytes" ? within(layout, bytes) : hexText
    case "Text":
      return text
    case "Bits":
      return bits
    case "Words":
      return words(layout.words)
    case "Option":
      return option(compile(layout.item))
    case "List":
      return within(layout, list(compile(layout.item)))
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

/** What is read keeps to its bounds. */
const within = (bounds: Partial<Bounds>, form: JsonForm): JsonForm =>
  bounds.maximum === undefined
    ? form
    : {
        read: (json) => {
          const value = form.read(json)
          checkCount(bounds, value.length)
          return value
        },
        write: form.write
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
