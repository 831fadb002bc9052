/**
 * One table of settings per binary. A setting is looked for as a flag, then in the environment, then in the `--config`
 * file, then it has its default; a value that does not fit is refused with one sentence that says where it came from.
 */
import { Effect, FileSystem, Option, Record, Redacted, Result } from "effect"
import { Flag } from "effect/cli"
import * as Secrets from "./Secrets.ts"
import { type Resolved, type Setting, SettingsError, type Table } from "./settings/Setting.ts"

export { type Resolved, type Setting, SettingsError, type Table } from "./settings/Setting.ts"
export * from "./settings/Kinds.ts"

/** Name of the environment variable of a setting: the prefix and the flag in upper snake case. */
export const environmentName = (prefix: string, flag: string): string =>
  `${prefix}_${flag.replaceAll(/[-.]/g, "_").toUpperCase()}`

/**
 * Flags of the table for `effect/cli`, every one optional, with `--config`. Their help names what each takes, its default, and
 * the environment variable that stands for it under this prefix.
 */
export const flags = (
  table: Table,
  prefix?: string
): { readonly [name: string]: Flag.Flag<ReadonlyArray<string>> } => ({
  config: Flag.String("config").pipe(
    Flag.withDescription(
      `A JSON file with settings; flags and environment go before it${inBrackets(environmentOf("config", prefix))}`
    ),
    Flag.between(0, 1)
  ),
  ...Record.map(table, (entry) =>
    entry.boolean
      ? Flag.Boolean(entry.flag).pipe(
          Flag.withDescription(describe(entry, prefix)),
          Flag.optional,
          Flag.map(Option.match({ onNone: () => [], onSome: (value) => [String(value)] }))
        )
      : Flag.String(entry.flag).pipe(Flag.withDescription(describe(entry, prefix)), Flag.between(0, 64))
  )
})

const inBrackets = (parts: ReadonlyArray<string>) => (parts.length === 0 ? "" : ` (${parts.join("; ")})`)

const environmentOf = (flag: string, prefix: string | undefined) =>
  prefix === undefined ? [] : [`environment ${environmentName(prefix, flag)}`]

/** Kinds whose description says what they take. */
const isObvious = ({ boolean, expected }: Setting<unknown>) => boolean || expected === "text"

const defaultOf = ({ fallback }: Setting<unknown>): ReadonlyArray<string> => {
  if (Option.isNone(fallback)) return ["required"]
  const { value } = fallback
  const isNothing = value === undefined || (Array.isArray(value) && value.length === 0)
  return isNothing ? [] : [`default ${String(value)}`]
}

const describe = (entry: Setting<unknown>, prefix: string | undefined): string => {
  const taken = isObvious(entry) ? [] : [entry.expected]
  return `${entry.description}${inBrackets([...taken, ...defaultOf(entry), ...environmentOf(entry.flag, prefix)])}`
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
    if (!Object.hasOwn(table, name)) {
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
  /** Prefixes of an earlier version, which are read after all others. */
  readonly formerPrefixes?: ReadonlyArray<string>
}

/** The variable of a flag that is set, the most important one. */
const variableOf = (flag: string, { environment, formerPrefixes = [], prefixes }: Sources) => {
  const textOf = (prefix: string) => environment[environmentName(prefix, flag)] ?? ""
  const prefix =
    prefixes.find((one) => textOf(one) !== "") ??
    // JSON is of somebody else who uses the name: no setting begins like this.
    formerPrefixes.find((one) => textOf(one) !== "" && !textOf(one).startsWith("{"))
  return prefix === undefined ? undefined : environmentName(prefix, flag)
}

/** What to tell a person whose environment uses names of an earlier version; each is read nevertheless. */
export const outdated = (table: Table, sources: Sources): ReadonlyArray<string> => {
  const [prefix = ""] = sources.prefixes
  const flags = ["config", ...Object.values(table).map(({ flag }) => flag)]
  return flags.flatMap((flag) => {
    const former = variableOf(flag, { ...sources, prefixes: [] })
    return former === undefined
      ? []
      : [
          `the environment variable ${former} is called ${environmentName(prefix, flag)} now: rename it, the next version does not read the old name`
        ]
  })
}

/** Resolves every setting of the table, or says in one sentence what is wrong. */
export const resolve = Effect.fn("Settings.resolve")(function* <const T extends Table>(
  table: T,
  sources: Sources
) {
  const configPath = sources.flags["config"]?.[0] ?? sources.environment[variableOf("config", sources) ?? ""]
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
        message: entry.concealed
          ? `${found.where} should be ${entry.expected}; what it is is not shown, as it may hold a secret`
          : `${found.where} is ${quote(found.text)} but should be ${entry.expected}`
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
  const variable = variableOf(entry.flag, sources)
  if (variable !== undefined) return { text: sources.environment[variable]!, where: variable }
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
