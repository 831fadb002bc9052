/** A setting, and the tables that they stand in. */
import { Option, Schema } from "effect"

/** One setting: how it is called on the command line, what text it takes, what it is without anybody's word. */
export interface Setting<A> {
  readonly flag: string
  readonly description: string
  /** What a value looks like, for messages and help: `a port`, `a file`. */
  readonly expected: string
  readonly parse: (text: string) => Option.Option<A>
  readonly fallback: Option.Option<A>
  readonly boolean: boolean
  /** Whether a value may hold a secret, and is not repeated in messages. */
  readonly concealed?: boolean
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

/** What is told about a setting. */
export interface About {
  readonly description: string
}
/** The same of one that has a value without anybody's word. */
export interface AboutWithDefault<A> extends About {
  readonly default: A
}

/** A setting of any kind. */
export const setting = <A>(
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
