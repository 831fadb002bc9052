/**
 * The vocabulary in which nouns say what they look like on a wire: leaf schemas (`U32`, `Bytes`, `Bits`,
 * ...), and constructors for what the syntax tree of a schema cannot say by itself. One declaration carries
 * all four wire forms; `Scale`, `Bcs`, `Proto` and `Json` read it.
 *
 * Cases of a union are one uniform thing: `{ _tag: "Name", value: payload }`, or `{ _tag: "Name" }` without
 * payload; several payload parts are a tuple in `value`. In JSON they are `{"Name": payload}` and
 * `{"Name": null}`. Unions of our own that Rust does not have may name their parts instead: every field beside
 * `_tag` is then payload, in order, and the JSON payload is an object.
 */
import { Schema } from "effect"
import {
  type Bounds,
  type Constant,
  type IntegerForm,
  type IntegerJson,
  keys,
  type Layout,
  layoutOf
} from "../layout/Layout.ts"

/**
 * Attaches a layout to a schema; it takes the place of whatever would be derived. Annotate last, after all
 * checks.
 */
export const layout =
  (value: Layout) =>
  <S extends Schema.Top>(self: S): S["Rebuild"] =>
    self.annotate({ [keys.layout]: value })

type Bits = 8 | 16 | 32 | 64 | 128 | 256

const integer = (
  bits: Bits,
  form: IntegerForm,
  json: IntegerJson = form === "number" ? "number" : "text",
  compact = false
): Layout => ({ _tag: "UInt", bits, form, json, compact })

const largest = (bits: Bits) => (bits >= 53 ? Number.MAX_SAFE_INTEGER : 2 ** bits - 1)

/** A safe-integer number that is an unsigned integer of `bits` on binary wires. */
export const natural = (
  identifier: string,
  options: { readonly bits: Bits; readonly json?: IntegerJson; readonly compact?: boolean }
) =>
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: largest(options.bits) })).annotate({
    identifier,
    [keys.layout]: integer(options.bits, "number", options.json, options.compact)
  })

/**
 * A bigint that is an unsigned integer of `bits` on binary wires, and decimal text in JSON unless told
 * otherwise.
 */
export const bigNatural = (
  identifier: string,
  options: { readonly bits: Bits; readonly json?: IntegerJson; readonly compact?: boolean }
) =>
  Schema.BigInt.check(
    Schema.isBetweenBigInt({ minimum: 0n, maximum: (1n << BigInt(options.bits)) - 1n })
  ).annotate({
    identifier,
    [keys.layout]: integer(options.bits, "bigint", options.json, options.compact)
  })

/** Exactly `size` bytes, as lower-case `0x` text inside. */
export const fixedHex = (size: number, identifier: string) =>
  Schema.TemplateLiteral(["0x", Schema.String])
    .check(
      Schema.isPattern(new RegExp(`^0x[0-9a-f]{${size * 2}}$`), {
        expected: `${size} bytes as 0x-prefixed lower-case hex`
      })
    )
    .annotate({ identifier, [keys.layout]: { _tag: "FixedHex", size } satisfies Layout })

/**
 * A decimal text without leading zeros, below 2^256: `u256` on binary wires. In JSON it is the same text, or
 * a quantity; both are accepted on reading.
 */
export const decimal = (identifier: string, json: "text" | "quantity" = "text") =>
  Schema.String.check(
    Schema.isPattern(/^(0|[1-9][0-9]{0,77})$/, { expected: "a number as decimal text" })
  ).annotate({
    identifier,
    [keys.layout]: integer(256, "decimal", json)
  })

/** An unsigned byte. */
export const U8 = natural("U8", { bits: 8 })
/** An unsigned 16-bit integer. */
export const U16 = natural("U16", { bits: 16 })
/** An unsigned 32-bit integer. */
export const U32 = natural("U32", { bits: 32 })
/** An unsigned 64-bit integer with all 64 bits in use; decimal text in JSON. */
export const U64 = bigNatural("U64", { bits: 64 })
/** An unsigned 128-bit integer; decimal text in JSON. */
export const U128 = bigNatural("U128", { bits: 128 })
/**
 * A u64 of the Polkadot family that is a count or a time: a safe-integer number inside, decimal text in
 * JSON.
 */
export const Count = natural("Count", { bits: 64, json: "text" })
/** A u64 of the DAG family: a safe-integer number inside and in JSON. */
export const SafeU64 = natural("SafeU64", { bits: 64 })
/** An unsigned 32-bit integer in SCALE's compact form; decimal text in JSON. */
export const CompactU32 = natural("CompactU32", { bits: 32, json: "text", compact: true })
/** An unsigned 128-bit integer in SCALE's compact form; decimal text in JSON. */
export const CompactU128 = bigNatural("CompactU128", { bits: 128, compact: true })

/**
 * Bytes of free length with their count in front; `0x` text in JSON. Decoded bytes are a view of the input,
 * so the input must not be written to while they live.
 */
export const Bytes = Schema.Uint8Array.annotate({
  identifier: "Bytes",
  [keys.layout]: { _tag: "Bytes", form: "bytes" } satisfies Layout
})

/** Bytes of free length that are kept as `0x` text inside, too. */
export const HexText = Schema.TemplateLiteral(["0x", Schema.String])
  .check(Schema.isPattern(/^0x([0-9a-f]{2})*$/, { expected: "whole bytes as 0x-prefixed lower-case hex" }))
  .annotate({ identifier: "HexText", [keys.layout]: { _tag: "Bytes", form: "text" } satisfies Layout })

/** `BitVec<u8, Lsb0>`: text of `0` and `1`, index 0 first. */
export const Bits = Schema.String.check(
  Schema.isPattern(/^[01]*$/, { expected: "text of 0 and 1" })
).annotate({
  identifier: "Bits",
  [keys.layout]: { _tag: "Bits" } satisfies Layout
})

/**
 * Bounds a list, or bytes: schemas check it, and every wire refuses what is beyond when it has read the count. Rust draws
 * such bounds at decoding, too (`BoundedVec`), so that a value beyond them is no value of the type.
 */
export const bounded =
  (minimum: number, maximum: number) =>
  <S extends Schema.Schema<ReadonlyArray<any> | Uint8Array> & Schema.Top>(self: S): S["Rebuild"] =>
    self
      .check(
        Schema.makeFilter(
          ({ length }: { readonly length: number }) =>
            (length >= minimum && length <= maximum) || `${minimum} to ${maximum} of them`
        )
      )
      .annotate({ [keys.bounds]: { minimum, maximum } satisfies Bounds })

/** A struct whose JSON keys are the Rust names: `relayParent` is `relay_parent` there. */
export const record = <const Fields extends Schema.Struct.Fields>(
  fields: Fields,
  constants: ReadonlyArray<Constant> = []
): Schema.Struct<Fields> =>
  Schema.Struct(fields).annotate({ [keys.names]: "snake", [keys.constants]: constants })

/** Spells some keys of a struct differently in JSON: `{ chainId: "chainID" }`. */
export const spelled = <S extends Schema.Top>(
  self: S,
  names: { readonly [K in keyof S["Type"] & string]?: string }
): S["Rebuild"] => self.annotate({ [keys.keyNames]: names })

/** The number of a case of a union on the wire, and its payload if it has one. */
export type Variant = readonly [index: number, payload?: Schema.Top]

type CaseFields<V extends Variant> = V extends readonly [number, infer P extends Schema.Top]
  ? { readonly value: P }
  : {}

/**
 * A tagged union with explicit case numbers, as Rust enums have: `{ Seconded: [1, Hash], Free: [2] }` gives
 * `{ _tag: "Seconded", value: Hash } | { _tag: "Free" }`.
 */
export const variants = <const Cases extends { readonly [name: string]: Variant }>(
  cases: Cases
): Schema.TaggedUnion<{
  readonly [K in keyof Cases & string]: Schema.TaggedStruct<K, CaseFields<Cases[K]>>
}> => {
  const entries = Object.entries(cases)
  const fields = entries.map(([name, [, payload]]) => [name, payload === undefined ? {} : { value: payload }])
  const union = Schema.TaggedUnion(Object.fromEntries(fields) as Record<string, Schema.Struct.Fields>)
  const indices = Object.fromEntries(entries.map(([name, [index]]) => [name, index]))
  // `Object.fromEntries` forgets which name has which payload; the return type says it again.
  return union.annotate({ [keys.indices]: indices }) as never
}

/** A map as its wire has it: pairs in strictly ascending order of key. */
export const map = <K extends Schema.Top, V extends Schema.Top>(key: K, value: V) =>
  Schema.Array(Schema.Tuple([key, value])).annotate({ [keys.sorted]: true })

/**
 * Gives the fields of a struct their protobuf numbers. `"oneof"` marks a union whose cases are fields of this
 * message: their case numbers are the field numbers.
 */
export const message = <S extends Schema.Top>(
  self: S,
  tags: { readonly [K in Exclude<keyof S["Type"] & string, "_tag">]: number | "oneof" }
): S["Rebuild"] => self.annotate({ [keys.tags]: tags })

/** A schema whose wire is that of another schema, through a bijection of values. */
export const mapped =
  <Inner>(inner: Schema.Schema<Inner>) =>
  <S extends Schema.Top>(
    self: S,
    convert: { readonly to: (value: S["Type"]) => Inner; readonly from: (value: Inner) => S["Type"] }
  ): S["Rebuild"] =>
    self.annotate({
      [keys.layout]: { _tag: "Mapped", inner: () => layoutOf(inner.ast), ...convert } satisfies Layout
    })
