/** What is known about a type by its name, and families of types that have the same wires. */
import { Schema } from "effect"
import * as Scale from "../codec/Scale.ts"
import { blake2b256 } from "../Hashing.ts"
import * as Primitives from "../Primitives.ts"

/** A wire form. */
export type WireName = "scale" | "bcs" | "proto" | "json"

/** What is known about a type: its schema, the wires it has, and its hash if one is defined. */
export interface RegistryEntry {
  readonly name: string
  readonly schema: Schema.Schema<any>
  readonly wires: ReadonlySet<WireName>
  /** The hash that names a value of this type, or that others commit to. */
  readonly hash?: (value: any) => Primitives.Hash
}

type Definition =
  | Schema.Schema<any>
  | readonly [schema: Schema.Schema<any>, hash: (value: any) => Primitives.Hash]

/** Types that have the same wires, by name. */
export const family = (
  wires: ReadonlyArray<WireName>,
  definitions: { readonly [name: string]: Definition }
): ReadonlyArray<RegistryEntry> =>
  Object.entries(definitions).map(([name, definition]) =>
    "ast" in definition
      ? { name, schema: definition, wires: new Set(wires) }
      : { name, schema: definition[0], wires: new Set(wires), hash: definition[1] }
  )

/** The usual hash of the Polkadot family: BLAKE2b-256 of the SCALE bytes. */
export const scaleHashed = (schema: Schema.Schema<any>): Definition => [
  schema,
  (value) => blake2b256(Scale.encode(schema)(value))
]

/** A list of something. */
export const list = (item: Schema.Schema<any>) => Schema.Array(item)
