/**
 * Any registered type between bytes, JSON and its hash: the rules behind `ephor-node codec`.
 */
import { Bcs, CodecError, fromHex, type Hash, isHex, Json, Proto, Registry, Scale, toHex } from "@ephor/types"
import { Predicate, Result, Schema } from "effect"
import { type Format, formats } from "./Format.ts"

/** A request that cannot be answered: unknown type or format, undecodable input, no hash defined. */
export class CodecCommandError extends Schema.TaggedError<CodecCommandError>()("CodecCommandError", {
  message: Schema.String
}) {}

export { type Format, formats } from "./Format.ts"

const binary = { scale: Scale, bcs: Bcs, proto: Proto }
const refuse = (message: string): never => {
  throw new CodecCommandError({ message })
}

/** Names of all types, sorted, with the forms that each one has. */
export const types = (): ReadonlyArray<{
  readonly name: string
  readonly formats: ReadonlyArray<Format>
  readonly hash: boolean
}> =>
  [...Registry.types.values()]
    .map(({ hash, name, wires }) => ({
      name,
      formats: formats.filter((format) => wires.has(format)),
      hash: hash !== undefined
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))

/** The entry of a type and the form to use: the one asked for, or the first that the type has. */
const lookup = (type: string, format: Format | undefined) => {
  const entry =
    Registry.types.get(type) ??
    refuse(`unknown type ${type}${suggestion(type)}; "codec types" lists them all`)
  const available = formats.filter((candidate) => entry.wires.has(candidate))
  const chosen = format ?? available[0]!
  return available.includes(chosen)
    ? { entry, format: chosen }
    : refuse(`type ${type} has no ${chosen} form; it has ${available.join(", ")}`)
}

const suggestion = (type: string): string => {
  const near = [...Registry.types.keys()].filter((name) =>
    name.toLowerCase().startsWith(type.toLowerCase().slice(0, 4))
  )
  return near.length === 0 ? "" : ` (did you mean ${near.slice(0, 3).join(", ")}?)`
}

/** A decoded value as text for people. */
export const print = (value: Json.Json): string => Json.print(value, 2)

/** Runs a request; everything that is wrong with it becomes one error. */
const attempt = <A>(run: () => A): Result.Result<A, CodecCommandError> =>
  Result.try({
    try: run,
    catch: (error) => {
      if (error instanceof CodecCommandError) return error
      if (error instanceof CodecError || error instanceof SyntaxError)
        return new CodecCommandError({ message: error.message })
      throw error
    }
  })

/** What comes in: bytes, or a JSON value. */
export type Input =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "Value"; readonly value: unknown }

/** Reads text as it is given on a command line: `0x` hex is bytes, anything else must be JSON. */
export const parseInput = (text: string): Result.Result<Input, CodecCommandError> =>
  attempt(() => {
    const trimmed = text.trim()
    if (isHex(trimmed)) return { _tag: "Bytes", bytes: fromHex(trimmed) }
    if (trimmed.startsWith("0x")) return refuse("the input starts with 0x but is not whole bytes of hex")
    try {
      return { _tag: "Value", value: Json.read(trimmed) }
    } catch {
      return refuse("the input is neither 0x hex nor JSON")
    }
  })

const toValue = (type: string, format: Format | undefined, input: Input): unknown => {
  const found = lookup(type, input._tag === "Value" ? "json" : format)
  if (input._tag === "Value") return Json.decode(found.entry.schema)(input.value)
  return found.format === "json"
    ? Json.parse(found.entry.schema)(new TextDecoder().decode(input.bytes))
    : binary[found.format].decode(found.entry.schema)(input.bytes)
}

/** The JSON value of bytes in a wire form. */
export const decode = (
  type: string,
  format: Format | undefined,
  input: Input
): Result.Result<Json.Json, CodecCommandError> =>
  attempt(() => Json.encode(lookup(type, format).entry.schema)(toValue(type, format, input)))

/** The bytes of a JSON value in a wire form, as hex; in the JSON form the bytes of its text. */
export const encode = (
  type: string,
  format: Format | undefined,
  input: Input
): Result.Result<`0x${string}`, CodecCommandError> =>
  attempt(() => {
    const found = lookup(type, format)
    const value = toValue(type, format, input)
    return toHex(
      found.format === "json"
        ? new TextEncoder().encode(Json.stringify(found.entry.schema)(value))
        : binary[found.format].encode(found.entry.schema)(value)
    )
  })

/** The hash that is defined for the type. */
export const hash = (
  type: string,
  format: Format | undefined,
  input: Input
): Result.Result<Hash, CodecCommandError> =>
  attempt(() => {
    const { entry } = lookup(type, format)
    const compute = entry.hash ?? refuse(`type ${type} has no hash of its own`)
    return compute(toValue(type, format, input))
  })

/** Answers one line of `codec batch` with one line. */
export const batchLine = (line: string): string => {
  const answer = Result.match(
    attempt(() => request(line)),
    {
      onSuccess: (success) => ({ ok: true, ...success }),
      onFailure: (failure) => ({ ok: false, error: failure.message })
    }
  )
  return Json.print(answer as Json.Json)
}

const request = (line: string): { readonly [key: string]: Json.Json } => {
  const parsed: unknown = Json.read(line)
  if (!Predicate.isObject(parsed)) return refuse("a request is a JSON object")
  const { data, format, op, type, value } = parsed as { readonly [key: string]: unknown }
  if (typeof type !== "string") return refuse('"type" should be the name of a type')
  if (format !== undefined && !formats.includes(format as Format))
    return refuse(`"format" should be one of ${formats.join(", ")}`)
  if (data !== undefined && (typeof data !== "string" || !isHex(data)))
    return refuse('"data" should be 0x hex')
  if (data === undefined && value === undefined) return refuse('"data" or "value" is missing')
  const input: Input =
    data === undefined ? { _tag: "Value", value } : { _tag: "Bytes", bytes: fromHex(data as string) }
  const form = format as Format | undefined
  switch (op) {
    case "decode":
      return { value: Result.getOrThrow(decode(type, form, input)) }
    case "encode":
      return { data: Result.getOrThrow(encode(type, form, input)) }
    case "hash":
      return { hash: Result.getOrThrow(hash(type, form, input)) }
    default:
      return refuse('"op" should be decode, encode or hash')
  }
}
