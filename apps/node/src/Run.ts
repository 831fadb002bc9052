/**
 * One node until it is interrupted or a part of it ends.
 */
import { DevChain } from "@ephor/devchain"
import { Effect, FileSystem } from "effect"
import { join } from "node:path"
import * as ChainSpec from "./ChainSpec.ts"
import * as Node from "./Node.ts"
import type { NodeConfig } from "./NodeConfig.ts"
import { committeeFile, writeCommittee } from "./observe/Committee.ts"
import { ownSpec, prepare, RunError } from "./Prepare.ts"
import { Validators } from "./Validators.ts"

const makeDataDir = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(path, { recursive: true }).pipe(
    Effect.mapError(
      (error) =>
        new RunError({
          message: `the data directory ${path} cannot be made: ${error.message}; choose another --data-dir`
        })
    )
  )
})

/** Runs a node by its settings. */
export const run = Effect.fn("run")(function* (config: NodeConfig) {
  const { extension, isNew, membership, spec } = yield* prepare(config)
  yield* makeDataDir(config.dataDir)
  if (isNew) yield* ChainSpec.write(ownSpec(config), spec)
  return yield* Effect.gen(function* () {
    const { committee } = yield* DevChain.DevChain
    yield* writeCommittee(join(config.dataDir, committeeFile), committee)
    yield* Effect.logInfo("the node is running", { chainId: spec.chainId, dataDir: config.dataDir })
    return yield* (yield* Validators).join
  }).pipe(
    Effect.provide(Node.layer(config, spec, membership, extension)),
    Effect.annotateLogs({ chain: spec.chainId })
  )
})
