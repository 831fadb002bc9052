/**
 * Everything that `run` needs to know before it opens or makes anything, and everything that it refuses: files are read, and
 * settings found contradictory, here, for `run` and `check-config` alike.
 */
import { Doors, NodeWritable } from "@ephor/cli"
import * as NodeJwt from "@ephor/json-rpc/NodeJwt"
import { Keystore } from "@ephor/keystore"
import * as NodeLibp2p from "@ephor/network/NodeLibp2p"
import * as NodeGrpcServer from "@ephor/streaming/NodeGrpcServer"
import { Clock, Effect, FileSystem, Layer, Redacted, References, Schema } from "effect"
import { dirname, join } from "node:path"
import * as ChainSpec from "./ChainSpec.ts"
import * as Authors from "./committee/Authors.ts"
import * as Membership from "./committee/Membership.ts"
import { readNodeKey } from "./committee/NodeNetwork.ts"
import * as DataDirectory from "./DataDirectory.ts"
import * as Extension from "./Extension.ts"
import { readSecret } from "./KeyFile.ts"
import type { NodeConfig } from "./NodeConfig.ts"
import * as StreamServer from "./StreamServer.ts"

/** The settings contradict each other, or the data directory cannot be used. */
export class RunError extends Schema.TaggedError<RunError>()("RunError", { message: Schema.String }) {}

/** A new development chain has no supervisor: it finalizes itself this many blocks behind its head. */
const finalityDepth = 8

/** Id of a new development chain. */
const defaultChainId = "901"

/** Where the specification of a chain is kept that began here. */
export const ownSpec = ({ dataDir }: NodeConfig): string => join(dataDir, "chain-spec.json")

const isThere = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.orElseSucceed(fs.exists(path), () => false)
})

/** The given specification, the one that this data directory began with, or that of a new development chain. */
const specOf = Effect.fnUntraced(function* (config: NodeConfig) {
  const path = config.chainSpec ?? ownSpec(config)
  if (config.chainSpec === undefined && !(yield* isThere(path))) {
    const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const spec = ChainSpec.development({
      chainId: config.chainId ?? defaultChainId,
      genesisTime: now,
      finality: finalityDepth
    })
    return { spec, isNew: true }
  }
  const spec = yield* ChainSpec.read(path)
  if (config.chainId !== undefined && config.chainId !== spec.chainId) {
    return yield* new RunError({
      message: `--chain-id is ${config.chainId}, but ${path} is of chain ${spec.chainId}: correct one of them, or choose another --data-dir`
    })
  }
  return { spec, isNew: false }
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

const checkDirectory = Effect.fnUntraced(function* ({ dataDir }: NodeConfig) {
  yield* DataDirectory.checkOwner(dataDir)
  yield* Effect.mapError(
    NodeWritable.check(dataDir),
    ({ message }) =>
      new RunError({
        message: `the data directory ${dataDir} cannot be made: ${message}; choose another --data-dir`
      })
  )
})

/** A secret that is read if its file is there, and otherwise made: then there must be room for it. */
const checkMade = Effect.fnUntraced(function* <E, R>(path: string, read: Effect.Effect<unknown, E, R>) {
  if (yield* isThere(path)) return yield* Effect.asVoid(read)
  return yield* NodeWritable.check(dirname(path))
})

/** The secrets of the doors, and the phrase of the collator. */
const checkSecrets = Effect.fnUntraced(function* (config: NodeConfig, spec: ChainSpec.ChainSpec) {
  const { dataDir, executionEngine, executionJwtSecret } = config
  const jwt = config.interopJwtSecret ?? join(dataDir, "jwt.hex")
  yield* checkMade(jwt, NodeJwt.readSecret(jwt))
  if (executionEngine !== undefined && executionJwtSecret !== undefined)
    yield* NodeJwt.readSecret(executionJwtSecret)
  yield* Layer.build(Keystore.layerSr25519({ secrets: [Redacted.make(spec.collator)] }))
})

const checkDoors = Effect.fnUntraced(function* (config: NodeConfig, follows: boolean) {
  const stream = yield* StreamServer.serverOptions(config)
  yield* NodeGrpcServer.check(stream)
  const interop = { flag: "interop-port", host: config.interopAddr, port: config.interopPort }
  const { listen = [] } = stream
  yield* Doors.check([
    // Who follows a chain has no door for supervisors.
    ...(follows ? [] : [interop]),
    ...(listen.length === 0
      ? [{ flag: "stream-port", host: config.streamAddr, port: config.streamPort }]
      : listen.flatMap((one) => ("path" in one ? [] : [{ flag: "stream-listen", ...one }]))),
    { flag: "admin-port", host: config.adminAddr, port: config.adminPort }
  ])
})

const checkNetwork = Effect.fnUntraced(function* (config: NodeConfig) {
  const path = config.nodeKey ?? join(config.dataDir, "node-key.hex")
  yield* checkMade(path, readNodeKey(path))
  yield* NodeLibp2p.checkAddresses({ listen: config.listen, peers: config.peer })
})

/** What `run` runs. */
export interface Prepared {
  readonly extension: Extension.Extension
  readonly spec: ChainSpec.ChainSpec
  /** The specification is of a chain that begins here: it is to be kept as `ownSpec`. */
  readonly isNew: boolean
  readonly membership: Membership.Membership
}

/** Reads whatever the settings name; what `run` refuses fails here, and nothing is opened or made. */
export const prepare = Effect.fn("prepare")(
  function* (config: NodeConfig) {
    const extension = yield* Extension.load(config.extend)
    const makes = yield* checkChain(config, extension)
    if (!makes && config.chainSpec === undefined) {
      return yield* new RunError({
        message: "a committee's chain is followed by its specification: give --chain-spec FILE"
      })
    }
    yield* checkDirectory(config)
    const { isNew, spec } = yield* specOf(config)
    const isNetworked = config.listen.length > 0 || config.peer.length > 0
    const membership = yield* Membership.resolve(spec, {
      validatorSecret: config.validatorKey === undefined ? undefined : yield* readSecret(config.validatorKey),
      makes,
      isNetworked
    })
    // The chain of an extension has authors of its own.
    if (membership.follows || extension.chain === undefined) yield* Authors.check(spec, config, membership)
    yield* checkSecrets(config, spec)
    yield* checkDoors(config, membership.follows)
    if (isNetworked) yield* checkNetwork(config)
    const prepared: Prepared = { extension, spec, isNew, membership }
    return prepared
  },
  Effect.scoped,
  // What is read here is read again where it is used, and told of there.
  Effect.provideService(References.MinimumLogLevel, "None")
)
