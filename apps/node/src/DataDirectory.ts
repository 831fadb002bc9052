/**
 * What this program keeps in its data directories, and in which versions.
 */
import { AvailabilityStore, BackingRecords } from "@ephor/backing"
import { ChainRecords } from "@ephor/chain"
import { DevRuntimeStore } from "@ephor/devchain"
import { Governance, VotesDb } from "@ephor/disputes"
import { Manifest } from "@ephor/store"
import { Relay } from "@ephor/streaming"
import * as Status from "./Status.ts"
import { Effect, FileSystem, Schema } from "effect"
import { join } from "node:path"
import { version } from "./version.ts"

const decoder = new TextDecoder()

/** The length of what the keys of a validator of this process begin with. */
const validatorPrefixLength = (key: Uint8Array): number | undefined =>
  /^validator\/\d+\//.exec(decoder.decode(key.subarray(0, 32)))?.[0].length

const perValidator = [AvailabilityStore.family, BackingRecords.family, VotesDb.family, Governance.family].map(
  (family) => Manifest.under(validatorPrefixLength, family)
)

/** Of `run`: the chain, its runtime, and each validator's own. */
export const node: Manifest.Contents = {
  program: "ephor-node",
  release: version,
  families: [ChainRecords.family, DevRuntimeStore.family, Status.family, ...perValidator]
}

/** Of `relay`: the commits that it serves. */
export const relay: Manifest.Contents = {
  program: "ephor-node relay",
  release: version,
  families: [Relay.family]
}

/** Of the L1 of `devnet`. */
export const l1: Manifest.Contents = {
  program: "ephor-node devnet",
  release: version,
  families: [ChainRecords.family, DevRuntimeStore.family]
}

/** A directory belongs to another program; the message says which directory, and what to do. */
export class DataDirectoryError extends Schema.TaggedError<DataDirectoryError>()("DataDirectoryError", {
  message: Schema.String
}) {}

/** Refuses a directory that is a database itself, as a supervisor's is: ours have one in their `store`. */
export const checkOwner = Effect.fnUntraced(function* (dataDir: string) {
  const fs = yield* FileSystem.FileSystem
  if (yield* Effect.orElseSucceed(fs.exists(join(dataDir, "data.mdb")), () => false)) {
    return yield* new DataDirectoryError({
      message: `the data directory ${dataDir} belongs to another program, such as ephor-supervisor: choose another --data-dir`
    })
  }
})

/** Makes a directory that is ours, unless it is there. */
export const make = Effect.fnUntraced(function* (dataDir: string) {
  yield* checkOwner(dataDir)
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(dataDir, { recursive: true }).pipe(
    Effect.mapError(
      (error) =>
        new DataDirectoryError({
          message: `the data directory ${dataDir} cannot be made: ${error.message}; choose another --data-dir`
        })
    )
  )
})
