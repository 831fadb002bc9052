/**
 * One table of settings per binary. A setting is looked for as a flag, then in the environment, then in the `--config`
 * file, then it has its default; a value that does not fit is refused with one sentence that says where it came from.
 */
import { Effect, FileSystem, Option, Record, Redacted, Result, Schema } from "effect"
import { Flag } from "effect/cli"
import * as Secrets from "./Secrets.ts"

/** One setting: how it is called on the command line, what text it takes, what it is without anybody's word. */
export interface Setting<A> {
  readonly flag: string
  readonly description: string
  /** What a value looks like, for messages and help: `a port`, `a file`. */
  readonly expected: string
  readonly parse: (text: string) => Option.Option<A>
  readonly fallback: Option.Option<A>
  readonly boolean: boolean
}

/** A table of settings by their names in the configuration file. */
export type Table = { readonly [name: string]: Setting<unknown> }

/** The record that a table resolves to. */
export type Resolved<T extends Table> = {
  readonly [Name in keyof T]: T[Name] extends Setting<infer A> ? A : never
}

/** A setting is missing, unknown or does not fit. The message says which, where it was found and what was expected. */
export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", {
  message: Schema.String
}) {}

interface About {
  readonly description: string
}
interface AboutWithDefault<A> extends About {
  readonly default: A
}

const setting = <A>(
  flag: string,
  about: About | AboutWithDefault<A>,
  expected: string,
  parse: (text: string) => Option.Option<A>
): Setting<A> => ({
  flag,
  description: about.description,
  expected,
  parse,
  fallback: "default" in about ? Option.some(about.default) : Option.none(),
  boolean: false
})

/** Free text that is not empty. */
export const text = (flag: string, about: About | AboutWithDefault<string>): Setting<string> =>
  setting(flag, about, "text", (value) => (value === "" ? Option.none() : Option.some(value)))

/** Text that may be left out. */
export const optionalText = (flag: string, about: About): Setting<string | undefined> =>
  setting<string | undefined>(flag, { ...about, default: undefined }, "text", (value) =>
    value === "" ? Option.none() : Option.some(value)
  )

const pathOf = (value: string): Option.Option<string> =>
  value === "" || Secrets.isLike(value) ? Option.none() : Option.some(value)

/** The path of a file or directory. What looks like a secret is refused without being repeated. */
export const path = (flag: string, about: About | AboutWithDefault<string>): Setting<string> =>
  setting(flag, about, "the path of a file or directory", pathOf)

/** A path that may be left out. */
export const optionalPath = (flag: string, about: About): Setting<string | undefined> =>
  setting<string | undefined>(
    flag,
    { ...about, default: undefined },
    "the path of a file or directory",
    pathOf
  )

/** A comma-separated list of paths; the flag may be repeated. */
export const paths = (
  flag: string,
  about: About | AboutWithDefault<ReadonlyArray<string>>
): Setting<ReadonlyArray<string>> =>
  setting<ReadonlyArray<string>>(flag, about, "a comma-separated list of paths", (value) =>
    Option.all(value.split(",").map((item) => pathOf(item.trim())))
  )

/** A whole number within bounds. */
export const integer = (
  flag: string,
  about: (About | AboutWithDefault<number>) & { readonly minimum?: number; readonly maximum?: number }
): Setting<number> => {
  const minimum = about.minimum ?? 0
  const maximum = about.maximum ?? Number.MAX_SAFE_INTEGER
  const expected =
    about.maximum === undefined
      ? `a whole number from ${minimum} on`
      : `a whole number from ${minimum} to ${maximum}`
  return setting(flag, about, expected, (value) => {
    const number = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN
    return number >= minimum && number <= maximum ? Option.some(number) : Option.none()
  })
}

/** A TCP port; 0 lets the system choose. */
export const port = (flag: string, about: About | AboutWithDefault<number>): Setting<number> =>
  integer(flag, { ...about, maximum: 65_535 })

/** A URL of one of the given protocols. */
export const url = <A extends string | undefined = string>(
  flag: string,
  about: (About | AboutWithDefault<A>) & { readonly protocols: ReadonlyArray<string> }
): Setting<string | A> =>
  setting<string | A>(flag, about, `a URL with ${about.protocols.map((p) => `${p}//`).join(", ")}`, (value) =>
    URL.canParse(value) && about.protocols.includes(new URL(value).protocol)
      ? Option.some(value)
      : Option.none()
  )

/** A chain id, a decimal number without leading zeros, that may be left out. */
export const optionalChainId = (flag: string, about: About): Setting<string | undefined> =>
  setting<string | undefined>(
    flag,
    { ...about, default: undefined },
    "a chain id as a decimal number",
    (value) => (/^(0|[1-9][0-9]{0,77})$/.test(value) ? Option.some(value) : Option.none())
  )

/** One word of a closed set. */
export const choice = <const Words extends ReadonlyArray<string>>(
  flag: string,
  words: Words,
  about: About | AboutWithDefault<Words[number]>
): Setting<Words[number]> =>
  setting<Words[number]>(flag, about, `one of ${words.join(", ")}`, (value) =>
    words.includes(value) ? Option.some(value) : Option.none()
  )

/** A comma-separated list; the flag may be repeated. */
export const list = (
  flag: string,
  about: About | AboutWithDefault<ReadonlyArray<string>>
): Setting<ReadonlyArray<string>> =>
  setting<ReadonlyArray<string>>(flag, about, "a comma-separated list", (value) => {
    const items = value.split(",").map((item) => item.trim())
    return items.includes("") ? Option.none() : Option.some(items)
  })

/** Yes or no. `--flag` means yes, `--no-flag` means no. */
export const boolean = (flag: string, about: About & { readonly default: boolean }): Setting<boolean> => ({
  ...setting<boolean>(flag, about, "true or false", (value) =>
    value === "true" || value === "1"
      ? Option.some(true)
      : value === "false" || value === "0"
        ? Option.some(false)
        : Option.none()
  ),
  boolean: true
})

/** Name of the environment variable of a setting: the prefix and the flag in upper snake case. */
export const environmentName = (prefix: string, flag: string): string =>
  `${prefix}_${flag.replaceAll(/[-.]/g, "_").toUpperCase()}`

/** Flags of the table for `effect/cli`, every one optional, with `--config`. */
export const flags = (table: Table): { readonly [name: string]: Flag.Flag<ReadonlyArray<string>> } => ({
  config: Flag.String("config").pipe(
    Flag.withDescription("A JSON file with settings; flags and environment go before it"),
    Flag.between(0, 1)
  ),
  ...Record.map(table, (entry) =>
    entry.boolean
      ? Flag.Boolean(entry.flag).pipe(
          Flag.withDescription(entry.description),
          Flag.optional,
          Flag.map(Option.match({ onNone: () => [], onSome: (value) => [String(value)] }))
        )
      : Flag.String(entry.flag).pipe(Flag.withDescription(describe(entry)), Flag.between(0, 64))
  )
})

const describe = (entry: Setting<unknown>): string => {
  if (Option.isNone(entry.fallback)) return `${entry.description} (required: ${entry.expected})`
  const fallback = entry.fallback.value
  const isNothing = fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)
  return isNothing ? entry.description : `${entry.description} (default ${String(fallback)})`
}

/** Reads the configuration file into texts by setting name. */
const readFile = Effect.fnUntraced(function* (path: string, table: Table) {
  const fs = yield* FileSystem.FileSystem
  const content = yield* fs.readFileString(path).pipe(
    Effect.mapError(
      (error) =>
        new SettingsError({
          message:
            error.reason._tag === "NotFound"
              ? `the configuration file ${path} does not exist: create it or correct --config`
              : `the configuration file ${path} cannot be read: ${error.message}`
        })
    )
  )
  const parsed = Result.try((): unknown => JSON.parse(content))
  if (
    Result.isFailure(parsed) ||
    typeof parsed.success !== "object" ||
    parsed.success === null ||
    Array.isArray(parsed.success)
  ) {
    return yield* new SettingsError({
      message: `the configuration file ${path} is not a JSON object: correct it`
    })
  }
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(parsed.success)) {
    if (!(name in table)) {
      return yield* new SettingsError({
        message: `the configuration file ${path} has an unknown setting "${name}": known are ${Object.keys(table).join(", ")}`
      })
    }
    texts[name] = Array.isArray(value) ? value.join(",") : String(value)
  }
  return texts
})

/** Where texts come from, most important first. */
export interface Sources {
  readonly flags: { readonly [name: string]: ReadonlyArray<string> }
  readonly environment: { readonly [name: string]: string | undefined }
  /** Prefix of the environment variables, without the underscore. The first one that is set wins. */
  readonly prefixes: ReadonlyArray<string>
}

/** Resolves every setting of the table, or says in one sentence what is wrong. */
export const resolve = Effect.fn("Settings.resolve")(function* <const T extends Table>(
  table: T,
  sources: Sources
) {
  const configPath =
    sources.flags["config"]?.[0] ??
    sources.prefixes.map((p) => sources.environment[`${p}_CONFIG`]).find(Boolean)
  if (configPath !== undefined && Secrets.isLike(configPath)) {
    return yield* new SettingsError({
      message: `--config is ${Secrets.notRepeated} but should be the path of a file`
    })
  }
  const file = configPath === undefined ? {} : yield* readFile(configPath, table)
  const resolved: Record<string, unknown> = {}
  for (const [name, entry] of Object.entries(table)) {
    const found = find(name, entry, sources, file, configPath)
    if (found === undefined) {
      if (Option.isNone(entry.fallback)) {
        return yield* new SettingsError({
          message: `required flag is missing: ${entry.flag} (${entry.description}); give --${entry.flag} or ${environmentName(
            sources.prefixes[0] ?? "",
            entry.flag
          )}`
        })
      }
      resolved[name] = entry.fallback.value
      continue
    }
    const value = entry.parse(found.text)
    if (Option.isNone(value)) {
      return yield* new SettingsError({
        message: `${found.where} is ${quote(found.text)} but should be ${entry.expected}`
      })
    }
    resolved[name] = value.value
  }
  return resolved as Resolved<T>
})

const find = (
  name: string,
  entry: Setting<unknown>,
  sources: Sources,
  file: { readonly [name: string]: string },
  path: string | undefined
): { readonly text: string; readonly where: string } | undefined => {
  const given = sources.flags[name]
  if (given !== undefined && given.length > 0) return { text: given.join(","), where: `--${entry.flag}` }
  for (const prefix of sources.prefixes) {
    const variable = environmentName(prefix, entry.flag)
    const value = sources.environment[variable]
    if (value !== undefined && value !== "") return { text: value, where: variable }
  }
  const inFile = file[name]
  return inFile === undefined ? undefined : { text: inFile, where: `"${name}" in ${path}` }
}

/** A text in a message, unless it may be a secret or carry one. */
const quote = (text: string): string => {
  if (text.split(",").some(Secrets.isLike)) return Secrets.notRepeated
  return text.includes("://") ? `"${text.split(",").map(Secrets.showUrl).join(",")}"` : `"${text}"`
}

const shown = (value: unknown): unknown => {
  if (Redacted.isRedacted(value)) return "<redacted>"
  return typeof value === "string" && value.includes("://") ? Secrets.showUrl(value) : value
}

/**
 * The effective settings as printable JSON: secrets show as `<redacted>`, URLs without credentials and without what follows
 * the host.
 */
export const render = (resolved: { readonly [name: string]: unknown }): string =>
  JSON.stringify(resolved, (_, value) => shown(value), 2)
