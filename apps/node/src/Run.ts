/**
 * One node until it is interrupted or a part of it ends.
 */
import { DevChain } from "@ephor/devchain"
import { Clock, Effect, FileSystem, Schema } from "effect"
import { join } from "node:path"
import * as ChainSpec from "./ChainSpec.ts"
import * as Membership from "./committee/Membership.ts"
import * as DataDirectory from "./DataDirectory.ts"
import * as Extension from "./Extension.ts"
import { readSecret } from "./KeyFile.ts"
import * as Node from "./Node.ts"
import type { NodeConfig } from "./NodeConfig.ts"
import { committeeFile, writeCommittee } from "./observe/Committee.ts"
import { Validators } from "./Validators.ts"

/** The settings contradict each other, or the data directory cannot be used. */
export class RunError extends Schema.TaggedError<RunError>()("RunError", { message: Schema.String }) {}

/** A new development chain has no supervisor: it finalizes itself this many blocks behind its head. */
const finalityDepth = 8

/** Id of a new development chain. */
const defaultChainId = "901"

/** The given specification, the one that this data directory began with, or a new development chain. */
const specOf = Effect.fnUntraced(function* (config: NodeConfig) {
  const fs = yield* FileSystem.FileSystem
  const own = join(config.dataDir, "chain-spec.json")
  const path = config.chainSpec ?? own
  if (config.chainSpec === undefined && !(yield* Effect.orElseSucceed(fs.exists(own), () => false))) {
    const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const spec = ChainSpec.development({
      chainId: config.chainId ?? defaultChainId,
      genesisTime: now,
      finality: finalityDepth
    })
    yield* ChainSpec.write(own, spec)
    return spec
  }
  const spec = yield* ChainSpec.read(path)
  if (config.chainId !== undefined && config.chainId !== spec.chainId) {
    return yield* new RunError({
      message: `--chain-id is ${config.chainId}, but ${path} is of chain ${spec.chainId}: correct one of them, or choose another --data-dir`
    })
  }
  return spec
})

/** Exactly one chain: our own, an execution client's, the extension's, or the committee's. True if it is made here. */
const checkChain = (config: NodeConfig, extension: Extension.Extension) => {
  const chosen = [
    ...(config.dev ? ["--dev"] : []),
    ...(config.executionRpc === undefined ? [] : ["--execution-rpc"]),
    ...(extension.chain === undefined ? [] : ["the chain of --extend"])
  ]
  if (config.executionEngine !== undefined && config.executionJwtSecret === undefined) {
    return new RunError({ message: "--execution-engine needs --execution-jwt-secret FILE" })
  }
  if (config.executionEngine !== undefined && config.executionRpc === undefined) {
    return new RunError({
      message: "--execution-engine steers the client of --execution-rpc URL: give it, too"
    })
  }
  if (chosen.length === 1) return Effect.succeed(true)
  if (chosen.length === 0 && config.peer.length > 0) return Effect.succeed(false)
  return chosen.length === 0
    ? new RunError({
        message:
          "no chain to run: give --dev for a development chain, --execution-rpc URL, or --peer ADDRESS to follow a committee's chain"
      })
    : new RunError({ message: `conflicting flags: choose one of ${chosen.join(", ")}` })
}

/** Runs a node by its settings. */
export const run = Effect.fn("run")(function* (config: NodeConfig) {
  const extension = config.extend === undefined ? Extension.empty : yield* Extension.load(config.extend)
  const makes = yield* checkChain(config, extension)
  if (!makes && config.chainSpec === undefined) {
    return yield* new RunError({
      message: "a committee's chain is followed by its specification: give --chain-spec FILE"
    })
  }
  yield* DataDirectory.make(config.dataDir)
  const spec = yield* specOf(config)
  const membership = yield* Membership.resolve(spec, {
    validatorSecret: config.validatorKey === undefined ? undefined : yield* readSecret(config.validatorKey),
    makes,
    isNetworked: config.listen.length > 0 || config.peer.length > 0
  })
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
