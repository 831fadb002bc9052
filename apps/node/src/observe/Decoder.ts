/**
 * How `observe` shows transactions: as bytes, or as a module of the user's decodes them.
 */
import { toHex } from "@ephor/types"
import { Effect, Schema } from "effect"
import { isAbsolute, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { ObserveError } from "./Committee.ts"

/** The fields of a line that hold one transaction. */
export type Decoder = (transaction: Uint8Array) => Decoded

/** Its bytes, what they mean, or why that is not known. */
export interface Decoded {
  readonly bytes?: string
  readonly value?: unknown
  readonly fault?: string
}

/** As they are. */
export const bytes: Decoder = (transaction) => ({ bytes: toHex(transaction) })

const faultOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

/** JSON knows no bigint and no bytes: text of decimal digits, and hexadecimal text. */
const printable = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, one: unknown) =>
      typeof one === "bigint" ? one.toString() : one instanceof Uint8Array ? toHex(one) : one
    ) ?? "null"
  )

/** Decodes with a function of somebody else's: what it throws is told beside the bytes, and stops nothing. */
export const of =
  (decode: (bytes: Uint8Array) => unknown): Decoder =>
  (transaction) => {
    try {
      return { value: printable(decode(transaction)) }
    } catch (cause) {
      return { bytes: toHex(transaction), fault: faultOf(cause) }
    }
  }

/** A decoder out of what a module exports, if it is a function of bytes or a schema over bytes. */
export const from = (exported: unknown): Decoder | undefined => {
  if (Schema.isSchema(exported))
    return of(Schema.decodeUnknownSync(exported as Schema.Codec<unknown, unknown>))
  return typeof exported === "function" ? of(exported as (bytes: Uint8Array) => unknown) : undefined
}

/** Loads a module whose default export is a function of bytes, or a schema over bytes. */
export const load = Effect.fn("Decoder.load")(function* (path: string) {
  const file = isAbsolute(path) ? path : resolve(path)
  const module = yield* Effect.tryPromise({
    try: (): Promise<{ readonly default?: unknown }> => import(pathToFileURL(file).href),
    catch: (cause) => new ObserveError({ message: `the decoder ${file} cannot be loaded: ${faultOf(cause)}` })
  })
  const decode = from(module.default)
  if (decode === undefined) {
    return yield* new ObserveError({
      message: `the decoder ${file} has no default export that is a function of bytes or an Effect schema over bytes`
    })
  }
  return decode
})
