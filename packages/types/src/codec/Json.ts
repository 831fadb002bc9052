/**
 * JSON as each family prints it: Rust names and decimal text for the Polkadot family, camelCase and plain
 * numbers for the OP family, `0x` quantities for receipts. Reading accepts hex in either case, unknown keys,
 * and `null` or a missing key for what may be absent; it refuses numbers that are not exact.
 */
import { Effect, Result, Schema, SchemaAST, SchemaIssue, SchemaTransformation } from "effect"
import type { AnySchema } from "../binary/Codec.ts"
import { isRecord, type JsonForm } from "../json/Form.ts"
import { compileJson } from "../json/JsonForm.ts"
import { parseNumbers } from "../json/Numbers.ts"
import { compilePattern, type MatchText } from "../json/Pattern.ts"
import { compileText } from "../json/Text.ts"
import { layoutOf } from "../layout/Layout.ts"
import { type CodecError, Fault, toCodecError } from "./CodecError.ts"

/**
 * JSON as JavaScript values. A number that a double cannot hold is a `bigint`; `print` and `read` keep it
 * exact.
 */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | ReadonlyArray<Json>
  | { readonly [key: string]: Json }

const compile = compileJson()
const forms = new WeakMap<SchemaAST.AST, JsonForm>()
const formOf = ({ ast }: { readonly ast: SchemaAST.AST }): JsonForm => {
  let form = forms.get(ast)
  if (form === undefined) {
    form = compile(layoutOf(ast))
    forms.set(ast, form)
  }
  return form
}

/** Whether JSON is an object: neither a list nor null. */
export const isObject: (json: unknown) => json is Record<string, unknown> = isRecord

/** The JSON value of a value. Throws `CodecError` for a value that does not fit its type. */
export const encode = <A>(schema: AnySchema<A>): ((value: A) => Json) => {
  const form = formOf(schema)
  return (value) => {
    try {
      return form.write(value) as Json
    } catch (error) {
      throw toCodecError(error, "JSON", "encode")
    }
  }
}

/** The value that a JSON value stands for. Throws `CodecError` if it is not one of this type. */
export const decode = <A>(schema: AnySchema<A>): ((json: unknown) => A) => {
  const form = formOf(schema)
  return (json) => {
    try {
      return form.read(json)
    } catch (error) {
      throw toCodecError(error, "JSON", "decode")
    }
  }
}

/** As `decode`, with the failure as a value. */
export const decodeResult = <A>(schema: AnySchema<A>): ((json: unknown) => Result.Result<A, CodecError>) => {
  const form = formOf(schema)
  return (json) => {
    try {
      return Result.succeed(form.read(json))
    } catch (error) {
      return Result.fail(toCodecError(error, "JSON", "decode"))
    }
  }
}

/** As `decode`, with the failure in the error channel. */
export const decodeEffect = <A>(schema: AnySchema<A>): ((json: unknown) => Effect.Effect<A, CodecError>) => {
  const decodeOne = decodeResult(schema)
  return (json) => Effect.suspend(() => Effect.fromResult(decodeOne(json)))
}

/**
 * A schema codec between the value and its JSON value: what an RPC definition takes as params and results.
 */
export const toCodec = <A>(schema: AnySchema<A>): Schema.Codec<A, unknown> => {
  const decodeOne = decodeResult(schema)
  const encodeOne = encode(schema)
  return Schema.Unknown.pipe(
    Schema.decodeTo(
      Schema.toType(schema),
      SchemaTransformation.transformEffect<any, unknown>({
        decode: (json, options) => {
          const result = decodeOne(json)
          return Result.isSuccess(result)
            ? Effect.succeed(result.success)
            : Effect.fail(new SchemaIssue.InvalidValue({ message: result.failure.message }, json, options))
        },
        encode: (value, options) => {
          try {
            return Effect.succeed(encodeOne(value))
          } catch (error) {
            const { message } = toCodecError(error, "JSON", "encode")
            return Effect.fail(new SchemaIssue.InvalidValue({ message }, value, options))
          }
        }
      })
    )
    // The transformation is typed by `any`: the layout is that of `schema`.
  ) as unknown as Schema.Codec<A, unknown>
}

// `JSON.rawJSON` came with ES2025 and is not in our `lib` yet.
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }

/** More digits than any integer of ours has: such a number is never exact, and is not made a bigint. */
const mostDigits = 78
const wideInteger = /^-?[0-9]{16,}$/
const isWide = (token: string): boolean => wideInteger.test(token) && !Number.isSafeInteger(Number(token))
const exact = (token: string): number | bigint =>
  token.length > mostDigits + (token.startsWith("-") ? 1 : 0) ? Number(token) : BigInt(token)

// Putting numbers aside makes reading slower, so it is done only where a wide integer can be.
const maybeWide = /(?:^|[:,[\s])-?[0-9]{16}/

/**
 * JSON text to a value, with `exact` of its digits in the place of each number that `isAside` picks by its token. The
 * cost is linear in the length of the text, whatever is in it. Throws `SyntaxError`, also for more than `most` of them.
 */
export const readNumbers: (
  text: string,
  isAside: (token: string) => boolean,
  exact: (token: string) => unknown,
  most?: number
) => unknown = parseNumbers

/** The text of JSON in which bigints are plain digits. */
export const print = (json: Json, space?: number): string => {
  try {
    return JSON.stringify(json, undefined, space)
  } catch {
    const raw = (_key: string, value: unknown) =>
      typeof value === "bigint" ? rawJSON(value.toString()) : value
    return JSON.stringify(json, raw, space)
  }
}

/**
 * JSON text as values; integers beyond 2^53 - 1 become bigints instead of being rounded, up to 78 digits (more are
 * rounded, and fit no type). Throws `CodecError`.
 */
export const read = (text: string): Json => {
  try {
    return maybeWide.test(text) ? (parseNumbers(text, isWide, exact) as Json) : JSON.parse(text)
  } catch {
    throw toCodecError(new Fault("Malformed", "JSON text"), "JSON", "decode")
  }
}

const compileOneText = compileText()
const patterns = new WeakMap<SchemaAST.AST, { readonly match: MatchText | undefined }>()
const patternOf = ({ ast }: { readonly ast: SchemaAST.AST }): MatchText | undefined => {
  let pattern = patterns.get(ast)
  if (pattern === undefined) {
    pattern = { match: compilePattern(layoutOf(ast)) }
    patterns.set(ast, pattern)
  }
  return pattern.match
}

/** The JSON text of a value, lossless for 64-bit numbers. Throws `CodecError`. */
export const stringify = <A>(schema: AnySchema<A>): ((value: A, space?: number) => string) => {
  const encodeOne = encode(schema)
  const printOne = compileOneText(layoutOf(schema.ast))
  return (value, space) => {
    if (space === undefined) {
      try {
        return printOne(value)
      } catch {
        // Out of the ordinary: the long way either prints it or says what is wrong.
      }
    }
    return print(encodeOne(value), space)
  }
}

/** The value that JSON text stands for, lossless for 64-bit numbers. Throws `CodecError`. */
export const parse = <A>(schema: AnySchema<A>): ((text: string) => A) => {
  const decodeOne = decode(schema)
  const form = formOf(schema)
  const matchOne = patternOf(schema)
  return (text) => {
    const matched = matchOne?.(text)
    if (matched !== undefined) return matched
    // No integer that was rounded is accepted, so what is accepted was read exactly.
    try {
      return form.read(JSON.parse(text))
    } catch {
      return decodeOne(read(text))
    }
  }
}
