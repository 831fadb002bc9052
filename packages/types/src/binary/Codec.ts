/**
 * The entry points that every binary wire form has, made from its compiler.
 */
import { Effect, Result, Schema, SchemaAST, SchemaIssue, SchemaTransformation } from "effect"
import { type CodecError, toCodecError } from "../codec/CodecError.ts"
import { Reader, Writer } from "../codec/Cursor.ts"
import { type Layout, layoutOf } from "../layout/Layout.ts"

/** A compiled layout. */
export interface Wire<A = any> {
  readonly read: (reader: Reader) => A
  readonly write: (writer: Writer, value: A) => void
}

/** Anything with a `Type`: schemas of this package need no services. */
export type AnySchema<A> = Schema.Schema<A>

/** What a wire form offers for a schema. */
export interface BinaryCodec {
  readonly encode: <A>(schema: AnySchema<A>) => (value: A) => Uint8Array
  readonly decode: <A>(schema: AnySchema<A>) => (bytes: Uint8Array) => A
  readonly decodeResult: <A>(schema: AnySchema<A>) => (bytes: Uint8Array) => Result.Result<A, CodecError>
  readonly decodeEffect: <A>(schema: AnySchema<A>) => (bytes: Uint8Array) => Effect.Effect<A, CodecError>
  readonly toCodec: <A>(schema: AnySchema<A>) => Schema.Codec<A, Uint8Array>
  readonly wire: <A>(schema: AnySchema<A>) => Wire<A>
}

// Most values are small and encoding never suspends, so one writer serves all; a nested encode takes a fresh
// one.
const keptCapacity = 1 << 20
let spare: Writer | undefined = new Writer(4096)

const take = (): Writer => {
  const writer = spare ?? new Writer()
  spare = undefined
  writer.at = 0
  return writer
}

const giveBack = (writer: Writer): void => {
  if (writer.bytes.length <= keptCapacity) spare = writer
}

interface Entry {
  readonly encode: (value: any) => Uint8Array
  readonly decode: (bytes: Uint8Array) => any
  readonly decodeResult: (bytes: Uint8Array) => Result.Result<any, CodecError>
  readonly decodeEffect: (bytes: Uint8Array) => Effect.Effect<any, CodecError>
  readonly wire: Wire
}

/** The entry points of the wire form `name`, compiled once per schema on first use. */
export const makeBinary = (name: string, compile: (layout: Layout) => Wire): BinaryCodec => {
  const entries = new WeakMap<SchemaAST.AST, Entry>()
  const entryOf = ({ ast }: { readonly ast: SchemaAST.AST }): Entry => {
    let entry = entries.get(ast)
    if (entry === undefined) {
      entry = makeEntry(name, compile(layoutOf(ast)))
      entries.set(ast, entry)
    }
    return entry
  }
  return {
    encode: (schema) => entryOf(schema).encode,
    decode: (schema) => entryOf(schema).decode,
    decodeResult: (schema) => entryOf(schema).decodeResult,
    decodeEffect: (schema) => entryOf(schema).decodeEffect,
    wire: (schema) => entryOf(schema).wire,
    toCodec: (schema) => toCodec(schema, entryOf(schema))
  }
}

const makeEntry = (name: string, wire: Wire): Entry => {
  const decode = (bytes: Uint8Array) => {
    try {
      const reader = new Reader(bytes)
      reader.spellsAhead = true
      const value = wire.read(reader)
      reader.finish()
      return value
    } catch (error) {
      throw toCodecError(error, name, "decode")
    }
  }
  const decodeResult = (bytes: Uint8Array): Result.Result<any, CodecError> => {
    try {
      return Result.succeed(decode(bytes))
    } catch (error) {
      return Result.fail(toCodecError(error, name, "decode"))
    }
  }
  const encode = (value: any) => {
    const writer = take()
    try {
      wire.write(writer, value)
    } catch (error) {
      giveBack(writer)
      throw toCodecError(error, name, "encode")
    }
    const bytes = writer.finish()
    giveBack(writer)
    return bytes
  }
  const decodeEffect = (bytes: Uint8Array) => Effect.suspend(() => Effect.fromResult(decodeResult(bytes)))
  return { encode, decode, decodeResult, decodeEffect, wire }
}

const toCodec = <A>(schema: AnySchema<A>, entry: Entry): Schema.Codec<A, Uint8Array> =>
  Schema.Uint8Array.pipe(
    Schema.decodeTo(
      Schema.toType(schema),
      SchemaTransformation.transformEffect<any, Uint8Array>({
        decode: (bytes, options) => {
          const result = entry.decodeResult(bytes)
          return Result.isSuccess(result)
            ? Effect.succeed(result.success)
            : Effect.fail(new SchemaIssue.InvalidValue({ message: result.failure.message }, bytes, options))
        },
        encode: (value, options) => {
          try {
            return Effect.succeed(entry.encode(value))
          } catch (error) {
            const { message } = toCodecError(error, "value", "encode")
            return Effect.fail(new SchemaIssue.InvalidValue({ message }, value, options))
          }
        }
      })
    )
    // The transformation is typed by `any`: the layout is that of `schema`.
  ) as unknown as Schema.Codec<A, Uint8Array>
