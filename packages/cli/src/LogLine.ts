/**
 * A line of the log as flat fields: one `message`, and beside it whatever was told with it, each under a name of its own.
 * Readers that keep the last of several fields of one name, or know no nesting, lose nothing.
 */
import { Cause, Logger, Predicate, References } from "effect"

/** What a field may hold. */
export type Value = string | number | boolean | null

/** Fields of a line in their order. */
export type Fields = { readonly [name: string]: Value }

/** Names that a line has of itself. What is told under one of them stands under `data.` and the name. */
const own = new Set(["timestamp", "level", "message", "fiber", "error", "cause"])

/** Fields of a line, and how deep what was told is looked into; the rest is JSON. */
const most = 64
const deepest = 3

const asJson = (value: unknown): string => {
  try {
    return (
      JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part)) ?? String(value)
    )
  } catch {
    return String(value)
  }
}

const scalarOf = (value: unknown): Value | undefined => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : String(value)
    case "object":
      return value === null ? null : undefined
    case "bigint":
    case "symbol":
      return String(value)
    default:
      return undefined
  }
}

/** Names without what would end them: white space, `=`, quotes. */
const nameOf = (name: string) => name.replaceAll(/["=]|[^!-~]/g, "_") || "_"

const isPlain = (value: unknown): value is { readonly [name: string]: unknown } =>
  Predicate.isObject(value) &&
  !Array.isArray(value) &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value))

/** Puts what was told under a name of its own. */
const put = (fields: Record<string, Value>, path: string, value: unknown, depth: number): void => {
  if (value === undefined || Object.keys(fields).length >= most) return
  const scalar = scalarOf(value)
  if (scalar === undefined && isPlain(value) && depth < deepest) {
    for (const [name, part] of Object.entries(value)) put(fields, `${path}.${nameOf(name)}`, part, depth + 1)
    return
  }
  let name = path
  while (name in fields || own.has(name)) name = `data.${name}`
  fields[name] = scalar ?? (value instanceof Error ? value.message : asJson(value))
}

const putAll = (fields: Record<string, Value>, told: { readonly [name: string]: unknown }) => {
  for (const [name, value] of Object.entries(told)) put(fields, nameOf(name), value, 1)
}

/** The fields of what was logged. */
export const fieldsOf = ({ cause, date, fiber, logLevel, message }: Logger.Options<unknown>): Fields => {
  const parts = Array.isArray(message) ? message : [message]
  const texts: Array<string> = []
  const fields: Record<string, Value> = {
    timestamp: date.toISOString(),
    level: logLevel.toUpperCase(),
    message: "",
    fiber: `#${fiber.id}`
  }
  for (const part of parts) {
    if (isPlain(part)) putAll(fields, part)
    else if (part instanceof Error) fields["error"] ??= part.message
    else if (Array.isArray(part)) put(fields, "list", part, 1)
    else texts.push(String(part))
  }
  fields["message"] = texts.join(" ")
  putAll(fields, fiber.getRef(References.CurrentLogAnnotations))
  const now = date.getTime()
  for (const [label, startedMs] of fiber.getRef(References.CurrentLogSpans))
    put(fields, nameOf(label), now - startedMs, 1)
  if (cause.reasons.length > 0) fields["cause"] = Cause.pretty(cause)
  return fields
}

/** A value in a line of logfmt: quoted where a reader would end it, or take it for something else. */
const quoted = (value: Value): string => {
  const text = value === null ? "null" : String(value)
  return text === "" || /["=\\]|[^!-~]/.test(text) ? JSON.stringify(text) : text
}

/** A line of logfmt. */
export const logfmt = (fields: Fields): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(" ")

/** Logs as logfmt. */
export const logfmtLogger: Logger.Logger<unknown, string> = Logger.make((options) =>
  logfmt(fieldsOf(options))
)

/** Logs as JSON, one object a line. */
export const jsonLogger: Logger.Logger<unknown, string> = Logger.make((options) =>
  JSON.stringify(fieldsOf(options))
)
