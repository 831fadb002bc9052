/**
 * What a data directory says of itself: which program wrote it, in which format, and which version of the records of each
 * family of tables. A program says what it reads and writes (`Contents`); whether it may open a directory, and what has to
 * be migrated first, is decided here, before a record is read.
 */
import { Result, Schema } from "effect"
import type { Entry, Write } from "./Store.ts"
import { type Table, text } from "./Table.ts"

/** The format of a directory: 1 had neither manifest nor checksums, 2 has both. */
export const format = 2

const Version = Schema.Int.check(Schema.isGreaterThan(0))

/** The manifest, as it stands in the database. */
export const Manifest = Schema.Struct({
  format: Version,
  /** The program that the directory belongs to; none if only a library has written it. */
  program: Schema.optionalKey(Schema.String),
  /** The release of that program that changed the manifest last. */
  release: Schema.optionalKey(Schema.String),
  /** The version of the records of each family. */
  families: Schema.Record(Schema.String, Version),
  /** A migration that was begun: its family, the version it leads to, and the last key (hex) that is done. */
  migrating: Schema.optionalKey(
    Schema.Struct({ family: Schema.String, version: Version, after: Schema.String })
  )
})
export interface Manifest extends Schema.Schema.Type<typeof Manifest> {}

/**
 * One step from a version to the next: what becomes of each record, told record by record. It may rewrite or delete the
 * record itself, and put records at lower keys of its family; higher ones would be migrated again.
 */
export interface Migration {
  /** The version that the records have afterwards. */
  readonly to: number
  readonly migrate: (entry: Entry) => ReadonlyArray<Write>
}

/** Records that change together: those of one package, usually. */
export interface Family {
  readonly name: string
  /** The version that this program writes; it begins with 1. */
  readonly version: number
  /** Where the family's own part of a key begins; nothing for keys that are not its own. */
  readonly startOf: (key: Uint8Array) => number | undefined
  /** Reads a record of its own, with the family's part of the key; throws for one that does not decode. */
  readonly read: (entry: Entry) => void
  /** One for every version above the oldest that can still be read. */
  readonly migrations: ReadonlyArray<Migration>
}

/** What a program keeps in a directory. */
export interface Contents {
  /** The name of the program, as operators know it. */
  readonly program: string
  /** Its release. */
  readonly release: string
  readonly families: ReadonlyArray<Family>
}

const startsWith = (key: Uint8Array, head: Uint8Array): boolean =>
  key.length >= head.length && head.every((byte, i) => key[i] === byte)

/** The family of some tables, and of whatever other keys `owns` knows. */
export const family = (options: {
  readonly name: string
  readonly version: number
  readonly tables?: ReadonlyArray<Pick<Table<any, any>, "name" | "read">>
  readonly owns?: (key: Uint8Array) => boolean
  /** Reads a record that is none of `tables`. */
  readonly read?: (entry: Entry) => void
  readonly migrations?: ReadonlyArray<Migration>
}): Family => {
  const tables = (options.tables ?? []).map((table) => ({ table, head: text.write(table.name) }))
  const tableOf = (key: Uint8Array) => tables.find(({ head }) => startsWith(key, head))?.table
  const owns = (key: Uint8Array) => tableOf(key) !== undefined || options.owns?.(key) === true
  return {
    name: options.name,
    version: options.version,
    startOf: (key) => (owns(key) ? 0 : undefined),
    read: (entry) => void (tableOf(entry.key) ?? options)?.read?.(entry),
    migrations: options.migrations ?? []
  }
}

/**
 * The same family inside `Store.layerPrefixed` stores: `lengthOf` is the length of the prefix that a key begins with, or
 * nothing if it begins with none.
 */
export const under = (lengthOf: (key: Uint8Array) => number | undefined, inner: Family): Family => {
  const startOf = (key: Uint8Array) => {
    const length = lengthOf(key)
    const start = length === undefined ? undefined : inner.startOf(key.subarray(length))
    return start === undefined ? undefined : length! + start
  }
  return { ...inner, startOf }
}

/** A migration that is to be run, with its family. */
export interface Step {
  readonly family: Family
  readonly migration: Migration
}

/** A manifest for a directory without records. */
export const fresh = (contents: Contents | undefined): Manifest => ({
  format,
  ...(contents === undefined ? {} : { program: contents.program, release: contents.release }),
  families: Object.fromEntries((contents?.families ?? []).map(({ name, version }) => [name, version]))
})

/** The manifest that a directory of format 1 would have had: every family began with version 1. */
export const ofFormat1 = (contents: Contents | undefined): Manifest => ({
  format: 1,
  families: Object.fromEntries((contents?.families ?? []).map(({ name }) => [name, 1]))
})

const writerOf = ({ program, release }: Manifest): string =>
  program === undefined ? "another version" : release === undefined ? program : `${program} ${release}`

const newer = (stored: Manifest, what: string, has: number, reads: number): string =>
  `it was written by ${writerOf(stored)}, whose ${what} is of version ${has}, and this program reads up to ${reads}: install that release or a later one, or use another directory`

/**
 * What has to be done before a program may use a directory with this manifest, in order; or one sentence that says why it
 * may not, and what to do.
 */
export const plan = (
  stored: Manifest,
  contents: Contents | undefined
): Result.Result<ReadonlyArray<Step>, string> => {
  if (stored.format > format) return Result.fail(newer(stored, "format", stored.format, format))
  if (contents === undefined) return Result.succeed([])
  if (stored.program !== undefined && stored.program !== contents.program) {
    return Result.fail(
      `it belongs to ${stored.program}, and not to ${contents.program}: use another directory, or open it with ${stored.program}`
    )
  }
  const steps: Array<Step> = []
  for (const family of contents.families) {
    // A family that the program did not have before has no records yet.
    const unknown = stored.program === undefined ? 1 : family.version
    const has = stored.families[family.name] ?? unknown
    if (has > family.version) {
      return Result.fail(newer(stored, `data of ${family.name}`, has, family.version))
    }
    for (let version = has + 1; version <= family.version; version++) {
      const migration = family.migrations.find(({ to }) => to === version)
      if (migration === undefined) {
        return Result.fail(
          `its data of ${family.name} is of version ${has}, which this release can no longer read: delete the directory and begin anew, or run an earlier release`
        )
      }
      steps.push({ family, migration })
    }
  }
  return Result.succeed(steps)
}

/** The manifest of a directory in which everything is as `contents` has it. Families of others stay as they are. */
export const current = (stored: Manifest, contents: Contents | undefined): Manifest => {
  const { migrating: _, ...rest } = stored
  const { families, ...own } = fresh(contents)
  return { ...rest, ...own, families: { ...stored.families, ...families } }
}

/** Why a directory without a manifest cannot be a program's: none of these keys is one of its families'. */
export const strangerIn = (
  keys: ReadonlyArray<Uint8Array>,
  contents: Contents | undefined
): string | undefined =>
  contents === undefined ||
  keys.length === 0 ||
  keys.some((key) => contents.families.some(({ startOf }) => startOf(key) !== undefined))
    ? undefined
    : `it holds records that are not ${contents.program}'s: is it the directory of another program? Use another directory`
