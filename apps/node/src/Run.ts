/**
 * One node until it is interrupted or a part of it ends.
 */
import { DevChain } from "@ephor/devchain"
import { Effect } from "effect"
import { join } from "node:path"
import * as ChainSpec from "./ChainSpec.ts"
import * as DataDirectory from "./DataDirectory.ts"
import * as Node from "./Node.ts"
import type { NodeConfig } from "./NodeConfig.ts"
import { committeeFile, writeCommittee } from "./observe/Committee.ts"
import { ownSpec, prepare } from "./Prepare.ts"
import { Validators } from "./Validators.ts"

/** Runs a node by its settings. */
export const run = Effect.fn("run")(function* (config: NodeConfig) {
  const { extension, isNew, membership, spec } = yield* prepare(config)
  yield* DataDirectory.make(config.dataDir)
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
