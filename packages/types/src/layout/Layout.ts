/**
 * From a schema to a layout: the one walk over the schema's syntax tree that all wire forms share. A layout
 * says what a value consists of (integers of a width, bytes, fields, cases); each wire form turns layouts
 * into readers and writers.
 */
import { SchemaAST } from "effect"

/** How an integer looks inside: a safe-integer number, a bigint, or decimal text. */
export type IntegerForm = "number" | "bigint" | "decimal"
/** How an integer is printed in JSON: as a number, as decimal text, or as `0x` hex without leading zeros. */
export type IntegerJson = "number" | "text" | "quantity"

/** An unsigned integer. */
export interface UInt {
  readonly _tag: "UInt"
  readonly bits: 8 | 16 | 32 | 64 | 128 | 256
  readonly form: IntegerForm
  readonly json: IntegerJson
  /** SCALE writes it in its compact form; other wires do not care. */
  readonly compact: boolean
}
/** A fixed number of bytes, as `0x` text inside. */
export interface FixedHex {
  readonly _tag: "FixedHex"
  readonly size: number
}
/** How many items or bytes there may be, where that is bounded. */
export interface Bounds {
  readonly minimum: number
  readonly maximum: number
}
/** Bytes of free length. */
export interface Bytes extends Partial<Bounds> {
  readonly _tag: "Bytes"
  /** `Uint8Array` inside, or `0x` text. */
  readonly form: "bytes" | "text"
}
/** A field of a struct or of a case. */
export interface Field {
  /** Name inside. */
  readonly name: string
  /** Name in JSON. */
  readonly key: string
  readonly layout: Layout
  /** The key may be missing inside. */
  readonly optional: boolean
  /** Field number in protobuf; `"oneof"` when the cases of a union stand in the message itself. */
  readonly tag?: number | "oneof"
  /** Hex that always stands here on the wire and is not part of the value inside. */
  readonly constant?: string
}
/** Fields in order. */
export interface Struct {
  readonly _tag: "Struct"
  readonly fields: ReadonlyArray<Field>
  /** Properties that never reach a wire: `[name, value]`. */
  readonly literals: ReadonlyArray<readonly [string, unknown]>
}
/** A case of a union. */
export interface Case {
  readonly name: string
  readonly index: number
  /** The payload: nothing, the lone field `value`, or named fields in order. */
  readonly fields: ReadonlyArray<Field>
  readonly form: "empty" | "value" | "fields"
}
/** A union whose cases have names and numbers. */
export interface Enum {
  readonly _tag: "Enum"
  readonly cases: ReadonlyArray<Case>
}
/** Any number of items, unless it is bounded. */
export interface List extends Partial<Bounds> {
  readonly _tag: "List"
  readonly item: Layout
  /** Items are pairs with strictly ascending first members. */
  readonly sorted: boolean
}
/** An object whose keys are data. Only JSON has such a thing. */
export interface Dictionary {
  readonly _tag: "Dictionary"
  readonly key: Layout
  readonly item: Layout
}
/** A value whose wire is that of another one. */
export interface Mapped {
  readonly _tag: "Mapped"
  readonly inner: () => Layout
  /** From the value inside to the value of `inner`. */
  readonly to: (value: any) => unknown
  readonly from: (value: any) => unknown
}
/** A union whose member is told by looking at the bytes, as for `CandidateDescriptor`. */
export interface Probe {
  readonly _tag: "Probe"
  readonly members: () => ReadonlyArray<Layout>
  /** Which member a value inside is. */
  readonly ofValue: (value: any) => number
  /** Which member starts at `at`; `undefined` if there is too little to tell. */
  readonly ofBytes: (bytes: Uint8Array, at: number, end: number) => number | undefined
  /** Which member a JSON object is. */
  readonly ofJson: (json: Record<string, unknown>) => number
}
/** What a value consists of. */
export type Layout =
  | UInt
  | FixedHex
  | Bytes
  | Struct
  | Enum
  | List
  | Dictionary
  | Mapped
  | Probe
  | { readonly _tag: "Bool" }
  | { readonly _tag: "Text" }
  | { readonly _tag: "Bits" }
  | { readonly _tag: "Words"; readonly words: ReadonlyArray<string> }
  | { readonly _tag: "Option"; readonly item: Layout }
  | { readonly _tag: "Tuple"; readonly items: ReadonlyArray<Layout> }
  | { readonly _tag: "Lazy"; readonly get: () => Layout }

/** Annotation keys that carry what the syntax tree cannot say. */
export const keys = {
  layout: "@ephor/types/layout",
  names: "@ephor/types/names",
  keyNames: "@ephor/types/keyNames",
  tags: "@ephor/types/tags",
  constants: "@ephor/types/constants",
  indices: "@ephor/types/indices",
  sorted: "@ephor/types/sorted",
  bounds: "@ephor/types/bounds"
} as const

/**
 * A run of bytes that stands in front of a field (or, without `before`, at the end) and is no part of the
 * value.
 */
export interface Constant {
  readonly before: string
  readonly key: string
  readonly hex: string
}

// Adding a check moves later annotations from the node to the check, so all of them are asked, the last one
// first.
const lookup = <A>(ast: SchemaAST.AST, key: string): A | undefined => {
  for (let i = (ast.checks?.length ?? 0) - 1; i >= 0; i--) {
    const found = ast.checks![i]!.annotations?.[key]
    if (found !== undefined) return found as A
  }
  return ast.annotations?.[key] as A | undefined
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const cache = new WeakMap<SchemaAST.AST, Layout>()

/** The layout of the type side of a schema. The same node always gives the same layout object. */
export const layoutOf = (ast: SchemaAST.AST): Layout => {
  const node = SchemaAST.toType(ast)
  const known = cache.get(node)
  if (known !== undefined) return known
  const plain = lookup<Layout>(node, keys.layout) ?? derive(node)
  const bounds = lookup<Bounds>(node, keys.bounds)
  const layout = bounds !== undefined && isCounted(plain) ? { ...plain, ...bounds } : plain
  cache.set(node, layout)
  return layout
}

const isCounted = (layout: Layout): layout is Bytes | List =>
  layout._tag === "Bytes" || layout._tag === "List"

/** Whether so many items, or bytes, are as many as may be. */
export const isWithin = ({ maximum, minimum }: Partial<Bounds>, count: number): boolean =>
  count >= (minimum ?? 0) && count <= (maximum ?? Number.POSITIVE_INFINITY)

const refuse = (ast: SchemaAST.AST): never => {
  const name = SchemaAST.resolveIdentifier(ast) ?? ast._tag
  throw new Error(`${name} has no wire layout: annotate it with one of the leaves of Wire`)
}

const derive = (ast: SchemaAST.AST): Layout => {
  switch (ast._tag) {
    case "Boolean":
      return { _tag: "Bool" }
    case "String":
      return { _tag: "Text" }
    case "Arrays":
      return deriveArray(ast)
    case "Objects":
      return deriveStruct(ast)
    case "Union":
      return deriveUnion(ast)
    case "Suspend":
      return { _tag: "Lazy", get: () => layoutOf(ast.thunk()) }
    default:
      return refuse(ast)
  }
}

const deriveArray = (ast: SchemaAST.Arrays): Layout => {
  if (ast.elements.length > 0 && ast.rest.length === 0) {
    return { _tag: "Tuple", items: ast.elements.map(layoutOf) }
  }
  if (ast.elements.length > 0 || ast.rest.length !== 1) return refuse(ast)
  return { _tag: "List", item: layoutOf(ast.rest[0]!), sorted: lookup<boolean>(ast, keys.sorted) ?? false }
}

const isLiteral = (ast: SchemaAST.AST): ast is SchemaAST.Literal => ast._tag === "Literal"

const fieldsOf = (ast: SchemaAST.Objects): ReadonlyArray<Field> => {
  const snake = lookup<string>(ast, keys.names) === "snake"
  const keyNames = lookup<Record<string, string>>(ast, keys.keyNames)
  const tags = lookup<Record<string, number | "oneof">>(ast, keys.tags)
  const constants = lookup<ReadonlyArray<Constant>>(ast, keys.constants) ?? []
  return ast.propertySignatures.flatMap(({ name, type }): ReadonlyArray<Field> => {
    if (typeof name !== "string") return refuse(ast)
    const before = constants.filter((constant) => constant.before === name).map(constantField)
    if (isLiteral(type)) return before
    const tag = tags?.[name]
    return [
      ...before,
      {
        name,
        key: keyNames?.[name] ?? (snake ? snakeCase(name) : name),
        layout: layoutOf(type),
        optional: SchemaAST.isOptional(type),
        ...(tag === undefined ? {} : { tag })
      }
    ]
  })
}

const constantField = ({ hex, key }: Constant): Field => ({
  name: key,
  key,
  layout: { _tag: "FixedHex", size: (hex.length - 2) / 2 },
  optional: false,
  constant: hex
})

const deriveStruct = (ast: SchemaAST.Objects): Layout => {
  const index = ast.indexSignatures[0]
  if (index !== undefined) {
    if (ast.propertySignatures.length > 0 || ast.indexSignatures.length > 1) return refuse(ast)
    return { _tag: "Dictionary", key: layoutOf(index.parameter), item: layoutOf(index.type) }
  }
  return {
    _tag: "Struct",
    fields: fieldsOf(ast),
    literals: ast.propertySignatures.flatMap(({ name, type }) =>
      isLiteral(type) ? [[String(name), type.literal] as const] : []
    )
  }
}

const isNullable = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Null" || (ast._tag === "Union" && ast.types.some(isNullable))

/**
 * What may be there in an option. Nothing that may be `null` itself: inside, both would be one, and come out as other bytes
 * than they came in. What is suspended is looked at when it is there.
 */
const contentOf = (ast: SchemaAST.AST): Layout => {
  if (ast._tag === "Suspend") return { _tag: "Lazy", get: () => contentOf(SchemaAST.toType(ast.thunk())) }
  if (isNullable(ast)) {
    throw new Error("an option of an option has no wire layout: put the inner one into a struct")
  }
  return layoutOf(ast)
}

const deriveUnion = (ast: SchemaAST.Union): Layout => {
  const members = ast.types.filter((member) => member._tag !== "Null")
  if (members.length === 1 && ast.types.length === 2) return { _tag: "Option", item: contentOf(members[0]!) }
  if (ast.types.every(isLiteral)) {
    return { _tag: "Words", words: ast.types.map((member) => String(member.literal)) }
  }
  const indices = lookup<Record<string, number>>(ast, keys.indices)
  const cases = ast.types.map((member, position): Case => {
    if (member._tag !== "Objects") return refuse(ast)
    const tag = member.propertySignatures.find(({ name }) => name === "_tag")?.type
    if (tag === undefined || !isLiteral(tag)) return refuse(ast)
    const name = String(tag.literal)
    const fields = fieldsOf(member)
    const lone = fields.length === 1 && fields[0]!.name === "value"
    const form = fields.length === 0 ? "empty" : lone ? "value" : "fields"
    return { name, index: indices?.[name] ?? position, fields, form }
  })
  return { _tag: "Enum", cases }
}
