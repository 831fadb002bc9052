/**
 * The supervisor on one page of layers: ground, L1, nodes, brain, doors.
 */
import { Doors, Health, NodeAdmin, NodeConsole, NodeWritable, StatusFeed, WallClock } from "@ephor/cli"
import * as NodeStore from "@ephor/store/NodeStore"
import { type DependencySet, L1, type RollupConfig, Supervisor } from "@ephor/safety"
import * as NodeDbSync from "@ephor/safety/NodeDbSync"
import * as NodeL1 from "@ephor/safety/NodeL1"
import * as NodeSupervisorRpc from "@ephor/safety/NodeSupervisorRpc"
import * as Endpoint from "@ephor/json-rpc/Endpoint"
import * as NodeJwt from "@ephor/json-rpc/NodeJwt"
import * as NodeManagedNodeClient from "@ephor/supervisor-protocol/NodeManagedNodeClient"
import { Effect, FileSystem, Layer, type Redacted, Schedule, Schema } from "effect"
import { join } from "node:path"
import {
  ConfigFileError,
  readDependencySet,
  readRollupConfigPaths,
  readRollupConfigSet
} from "./ChainSets.ts"
import * as DataDirectory from "./DataDirectory.ts"
import * as Extension from "./Extension.ts"
import * as PassiveNodes from "./PassiveNodes.ts"
import type { SupervisorConfig } from "./SupervisorConfig.ts"
import * as Readiness from "./Readiness.ts"
import * as SupervisorParts from "./SupervisorParts.ts"
import { version } from "./version.ts"

/** Settings that contradict each other or are incomplete. */
export class SupervisorConfigError extends Schema.TaggedError<SupervisorConfigError>()(
  "SupervisorConfigError",
  {
    message: Schema.String
  }
) {}

const wrong = (message: string) => new SupervisorConfigError({ message })

/** One secret for all nodes, or one for each of them in their order. */
const secrets = Effect.fnUntraced(function* ({
  l2ConsensusJwtSecret: paths,
  l2ConsensusNodes: nodes
}: SupervisorConfig) {
  if (nodes.length === 0) return []
  if (paths.length === 0) return yield* wrong("required flag is missing: l2-consensus.jwt-secret")
  if (paths.length !== 1 && paths.length !== nodes.length) {
    return yield* wrong(
      `sync node check failed: ${nodes.length} nodes but ${paths.length} JWT secrets; give one secret for all, or one per node`
    )
  }
  const read = yield* Effect.forEach(paths, NodeJwt.readSecret)
  return nodes.map((_, index) => read[read.length === 1 ? 0 : index]!)
})

/** Refuses the directory of a node, which has its database in `store`. */
const checkDataDir = Effect.fnUntraced(function* ({ dataDir }: SupervisorConfig) {
  const fs = yield* FileSystem.FileSystem
  if (yield* Effect.orElseSucceed(fs.exists(join(dataDir, "store", "data.mdb")), () => false)) {
    return yield* wrong(`the data directory ${dataDir} belongs to a node: choose another --datadir`)
  }
  yield* Effect.mapError(NodeWritable.check(dataDir), ({ message }) =>
    wrong(`the data directory ${dataDir} cannot be made: ${message}; choose another --datadir`)
  )
})

const checkDoors = (config: SupervisorConfig) =>
  Doors.check([
    { flag: "rpc.port", host: config.rpcAddr, port: config.rpcPort },
    ...(config.metricsEnabled
      ? [{ flag: "metrics.port", host: config.metricsAddr, port: config.metricsPort }]
      : [])
  ])

const checkChains = ({
  dependencySet,
  network,
  networks,
  rollupConfigPaths,
  rollupConfigSet
}: SupervisorConfig) => {
  const named = [...networks, ...network]
  const files = [dependencySet, rollupConfigPaths, rollupConfigSet].filter((file) => file !== undefined)
  if (named.length > 0) {
    return wrong(
      files.length > 0
        ? "conflicting flags: --networks excludes --dependency-set, --rollup-config-set and --rollup-config-paths"
        : `--networks ${named.join(",")}: no registry of named networks is built in; give --dependency-set and --rollup-config-set instead`
    )
  }
  if (dependencySet === undefined) return wrong("required flag is missing: dependency-set")
  return rollupConfigSet === undefined && rollupConfigPaths === undefined
    ? wrong("required flag is missing: rollup-config-set (or rollup-config-paths)")
    : rollupConfigSet !== undefined && rollupConfigPaths !== undefined
      ? wrong("conflicting flags: give --rollup-config-set or --rollup-config-paths, not both")
      : Effect.succeed(dependencySet)
}

const adminSecret = (
  { rpcAdminAuth, rpcAdminJwtSecret, rpcEnableAdmin }: SupervisorConfig,
  nodeSecrets: ReadonlyArray<Redacted.Redacted<Uint8Array>>
) =>
  !rpcEnableAdmin || !rpcAdminAuth
    ? Effect.undefined
    : rpcAdminJwtSecret !== undefined
      ? NodeJwt.readSecret(rpcAdminJwtSecret)
      : nodeSecrets.length === 0
        ? wrong("required flag is missing: rpc.admin-jwt-secret (or --no-rpc.admin-auth)")
        : Effect.succeed(nodeSecrets[0])

/** Everything that the settings name: files are read, and found wrong, before anything is opened or dialled. */
export interface Inputs {
  /** What callers of `admin_*` have to sign their tokens with; none if they need no token. */
  readonly adminSecret: Redacted.Redacted<Uint8Array> | undefined
  readonly secrets: ReadonlyArray<Redacted.Redacted<Uint8Array>>
  /** Nodes that are followed. */
  readonly passive: ReadonlyArray<PassiveNodes.Pair>
  readonly dependencySet: DependencySet.DependencySet
  /** Without a set the `rollup.json` files are read when L1 can be asked. */
  readonly rollupConfigs: RollupConfig.RollupConfigSet | undefined
  readonly extension: Extension.Extension
}

/** Reads the files that the settings name; what `run` refuses fails here, and nothing is opened or made. */
export const load = Effect.fn("Program.load")(function* (config: SupervisorConfig) {
  yield* checkDataDir(config)
  yield* checkDoors(config)
  const dependencySet = yield* checkChains(config)
  const nodeSecrets = yield* secrets(config)
  const passive = yield* PassiveNodes.pairs(config).pipe(Effect.mapError(({ message }) => wrong(message)))
  if (config.l2ConsensusNodes.length + passive.length === 0) {
    return yield* wrong("required flag is missing: l2-consensus.nodes (or l2-passive.nodes)")
  }
  const inputs: Inputs = {
    extension: yield* Extension.load(config.extend),
    passive,
    secrets: nodeSecrets,
    adminSecret: yield* adminSecret(config, nodeSecrets),
    dependencySet: yield* readDependencySet(dependencySet),
    rollupConfigs:
      config.rollupConfigSet === undefined ? undefined : yield* readRollupConfigSet(config.rollupConfigSet)
  }
  const { rollupConfigPaths } = config
  // When their L1 blocks were made only L1 knows.
  const rollupConfigs =
    inputs.rollupConfigs ??
    (rollupConfigPaths === undefined
      ? undefined
      : yield* readRollupConfigPaths(rollupConfigPaths, () => Effect.succeed(0)))
  if (rollupConfigs !== undefined && !config.mockRun)
    yield* Supervisor.validate({ dependencySet: inputs.dependencySet, rollupConfigs })
  return inputs
})

/** How long the start waits for an L1 that does not answer. */
const l1Patience = Schedule.spaced("1 second").pipe(Schedule.upTo({ duration: "60 seconds" }))

/** An L1 that is away is asked again, at the start as later. */
const patiently = <A>(question: Effect.Effect<A, L1.L1Error>) =>
  question.pipe(
    Effect.tapError((error) => Effect.logWarning(`${error.message}; trying again`)),
    Effect.retry(l1Patience)
  )

const rollupConfigsFromPaths = (pattern: string) =>
  Effect.flatMap(L1.L1, (l1) =>
    readRollupConfigPaths(pattern, (hash) =>
      Effect.flatMap(patiently(l1.blockByHash(hash)), (block) =>
        block._tag === "Some"
          ? Effect.succeed(block.value.timestamp)
          : Effect.fail(
              new ConfigFileError({
                message: `L1 does not know block ${hash}: is --l1-rpc the right network?`
              })
            )
      )
    )
  )

/** No brain at all: for those who only want to see the shape of the RPC. */
const mock = (config: SupervisorConfig, { adminSecret, dependencySet }: Inputs) =>
  Health.whole(
    Layer.mergeAll(NodeSupervisorRpc.layer(rpcOptions(config, adminSecret)), admin(config)).pipe(
      Layer.provideMerge(Supervisor.layerMock(dependencySet))
    )
  ).pipe(Layer.provide(Health.layer))

/** The brain, fed with the nodes of the settings. */
const brain = (config: SupervisorConfig, inputs: Inputs) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { dependencySet, passive, secrets: jwtSecrets } = inputs
      const rollupConfigs =
        inputs.rollupConfigs ?? (yield* rollupConfigsFromPaths(config.rollupConfigPaths ?? ""))
      const names = Endpoint.names([...config.l2ConsensusNodes, ...passive.map(({ opNode }) => opNode)])
      const followed = yield* Effect.forEach(passive, (pair, index) =>
        Effect.map(
          PassiveNodes.follow(pair, rollupConfigs, { pollIntervalMs: config.l2PassivePollIntervalMs }),
          (node) => ({ node, name: names[config.l2ConsensusNodes.length + index]! })
        )
      )
      const nodes = yield* Effect.forEach(config.l2ConsensusNodes, (url, index) =>
        Effect.map(
          NodeManagedNodeClient.make({ url, jwtSecret: jwtSecrets[index]!, requireConnection: false }),
          (node) => ({
            node,
            name: names[index]!
          })
        )
      )
      return Supervisor.layer({
        dependencySet,
        rollupConfigs,
        nodes: [...nodes, ...followed],
        seed:
          config.dataDirSyncEndpoint === undefined ? undefined : NodeDbSync.seed(config.dataDirSyncEndpoint),
        connect: (url, jwtSecret) => NodeManagedNodeClient.make({ url, jwtSecret }),
        options: {
          failsafe: config.failsafeEnabled,
          failsafeOnInvalidation: config.failsafeOnInvalidation,
          strictIngress: config.rpcStrictIngress,
          verifyAccessLists: config.rpcVerificationWarnings
        }
      })
    })
  )

const admin = (config: SupervisorConfig) =>
  config.metricsEnabled
    ? Layer.unwrap(
        Effect.gen(function* () {
          const supervisor = yield* Supervisor.Supervisor
          const status = yield* StatusFeed.make({
            name: "ephor-supervisor",
            version,
            role: SupervisorParts.roleOf(supervisor),
            parts: yield* SupervisorParts.make(supervisor),
            limits: { streams: config.metricsStreams }
          })
          return NodeAdmin.layer(
            {
              host: config.metricsAddr,
              port: config.metricsPort,
              version,
              hosts: { vhosts: config.metricsVhosts }
            },
            [...status, ...NodeConsole.routes(import.meta.url)]
          )
        })
      )
    : Layer.empty

const rpcOptions = (
  { rpcAddr, rpcCorsDomain, rpcEnableAdmin, rpcFlatSuperRoots, rpcPort, rpcVhosts }: SupervisorConfig,
  jwtSecret: Inputs["adminSecret"]
): NodeSupervisorRpc.Options => ({
  host: rpcAddr,
  port: rpcPort,
  version,
  hosts: { vhosts: rpcVhosts, corsDomains: rpcCorsDomain },
  flatSuperRoots: rpcFlatSuperRoots,
  admin: rpcEnableAdmin ? { jwtSecret } : undefined
})

/** Everything that `ephor-supervisor run` runs. */
export const layer = (config: SupervisorConfig, inputs: Inputs) =>
  config.mockRun ? mock(config, inputs) : supervise(config, inputs)

const supervise = (config: SupervisorConfig, inputs: Inputs) =>
  Health.whole(
    Layer.mergeAll(
      // doors: who may ask it
      NodeSupervisorRpc.layer(rpcOptions(config, inputs.adminSecret)),
      admin(config),
      Readiness.heads,
      Readiness.storage,
      inputs.extension.layer,
      WallClock.layer
      // brain
    ).pipe(Layer.provideMerge(brain(config, inputs)))
  ).pipe(
    // ground: L1, disk, health
    Layer.provide([
      inputs.extension.l1 ??
        NodeL1.layer({
          url: config.l1Rpc,
          pollIntervalMs: config.l1PollIntervalMs,
          confirmationDepth: config.l1ConfirmationDepth
        }),
      inputs.extension.store ??
        NodeStore.layer({
          path: config.dataDir,
          contents: DataDirectory.supervisor,
          lowSpaceBytes: config.lowSpaceMegabytes * 1_000_000
        }),
      Health.layer
    ])
  )
