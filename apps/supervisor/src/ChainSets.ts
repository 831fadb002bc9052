/**
 * The configuration files of a supervisor: which chains depend on each other, and where each of them began.
 */
import { DependencySet, RollupConfig } from "@ephor/safety"
import { BlockNumber, ChainId, Hash, Timestamp } from "@ephor/types"
import { Effect, FileSystem, Schema } from "effect"
import { glob } from "node:fs/promises"

/** A configuration file cannot be used; the message says which and why. */
export class ConfigFileError extends Schema.TaggedError<ConfigFileError>()("ConfigFileError", {
  message: Schema.String
}) {}

const fail = (message: string) => new ConfigFileError({ message })

/** Reads a JSON file of a schema. `flag` is named in messages, so that a person knows what to correct. */
const readJson = <A>(schema: Schema.Codec<A, any>, flag: string) =>
  Effect.fnUntraced(function* (path: string) {
    const fs = yield* FileSystem.FileSystem
    const text = yield* fs
      .readFileString(path)
      .pipe(
        Effect.mapError((error) =>
          fail(
            error.reason._tag === "NotFound"
              ? `the file ${path} does not exist: correct --${flag}`
              : `the file ${path} cannot be read: ${error.message}`
          )
        )
      )
    return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(text).pipe(
      Effect.mapError((error) =>
        fail(`the file ${path} (--${flag}) is not valid: ${error.message.replaceAll("\n", " ")}`)
      )
    )
  })

/** Reads the dependency set. */
export const readDependencySet = readJson(DependencySet.DependencySet, "dependency-set")

/** Reads a file with the rollup configurations of all chains. */
export const readRollupConfigSet = readJson(RollupConfig.RollupConfigSet, "rollup-config-set")

const Anchor = Schema.Struct({ hash: Hash, number: BlockNumber })

/** What a supervisor needs of a `rollup.json`; other keys are ignored. */
const RollupFile = Schema.Struct({
  genesis: Schema.Struct({ l1: Anchor, l2: Anchor, l2_time: Timestamp }),
  block_time: BlockNumber,
  l2_chain_id: BlockNumber,
  interop_time: Schema.optionalKey(Schema.NullOr(Timestamp))
})

/**
 * Reads every `rollup.json` that a glob matches. They do not say when their L1 block was made: `timestampOf` asks L1.
 */
export const readRollupConfigPaths = Effect.fn("ChainSets.readRollupConfigPaths")(function* <E>(
  pattern: string,
  timestampOf: (l1: Hash) => Effect.Effect<Timestamp, E>
) {
  const paths = yield* Effect.promise(async () => {
    const found: Array<string> = []
    for await (const path of glob(pattern)) found.push(path)
    return found.sort()
  })
  if (paths.length === 0) return yield* fail(`no file matches ${pattern}: correct --rollup-config-paths`)
  const configs: Record<ChainId, RollupConfig.RollupConfig> = {}
  for (const path of paths) {
    const { block_time, genesis, interop_time, l2_chain_id } = yield* readJson(
      RollupFile,
      "rollup-config-paths"
    )(path)
    const l1 = { ...genesis.l1, timestamp: yield* timestampOf(genesis.l1.hash) }
    const l2 = { ...genesis.l2, timestamp: genesis.l2_time }
    const active = interop_time === undefined || interop_time === null ? {} : { interop_time }
    configs[String(l2_chain_id)] = { genesis: { l1, l2 }, block_time, ...active }
  }
  return configs
})
