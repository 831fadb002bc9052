/**
 * The node on one page of layers: ground, chain, validators, doors.
 */
import { Adder, Collating } from "@ephor/backing"
import * as NodePvf from "@ephor/backing/NodePvf"
import { DevChain, DevCompanion, DevSigner, FollowedChain } from "@ephor/devchain"
import * as NodeRpcChain from "@ephor/execution/NodeRpcChain"
import * as NodeSignaturePool from "@ephor/keystore/NodeSignaturePool"
import * as NodeStore from "@ephor/store/NodeStore"
import { Health, NodeAdmin, NodeConsole, StatusFeed, WallClock } from "@ephor/cli"
import { Disputes, Thresholds } from "@ephor/disputes"
import * as NodeJwt from "@ephor/json-rpc/NodeJwt"
import { MemoryNetwork, Network } from "@ephor/network"
import { BlockSource, Publisher } from "@ephor/streaming"
import { ManagedNode } from "@ephor/supervisor-protocol"
import * as NodeManagedNodeServer from "@ephor/supervisor-protocol/NodeManagedNodeServer"
import { Context, Effect, Layer, type Redacted } from "effect"
import { join } from "node:path"
import type { ChainSpec } from "./ChainSpec.ts"
import * as Authors from "./committee/Authors.ts"
import type { Membership, OwnValidator } from "./committee/Membership.ts"
import * as NodeNetwork from "./committee/NodeNetwork.ts"
import * as RemoteFeed from "./committee/RemoteFeed.ts"
import * as Sequencer from "./committee/Sequencer.ts"
import * as DataDirectory from "./DataDirectory.ts"
import * as DevRoutes from "./DevRoutes.ts"
import * as DisputeRoutes from "./DisputeRoutes.ts"
import type { Extension } from "./Extension.ts"
import * as GarbageOrders from "./GarbageOrders.ts"
import * as GovernanceRoutes from "./GovernanceRoutes.ts"
import * as GovernanceStatus from "./GovernanceStatus.ts"
import type { NodeConfig } from "./NodeConfig.ts"
import * as Parachains from "./Parachains.ts"
import * as Readiness from "./Readiness.ts"
import * as Status from "./Status.ts"
import * as BlockDetails from "./status/BlockDetails.ts"
import * as NodeParts from "./status/NodeParts.ts"
import * as StreamServer from "./StreamServer.ts"
import * as Validators from "./Validators.ts"
import { version } from "./version.ts"

/** What the maker of the chain and those who follow it must know alike, and what each keeps of it. */
const common = (
  { historyBlocks }: Pick<NodeConfig, "historyBlocks">,
  spec: ChainSpec,
  { validators }: Membership
) => ({
  chainId: spec.chainId,
  chainLimits: { historyBlocks },
  ...(spec.l1Genesis === undefined ? {} : { l1Genesis: spec.l1Genesis }),
  runtime: {
    validators,
    groups: spec.groups,
    paras: spec.paras.map((id) => ({
      id,
      genesisHead: Adder.encodeHead(Adder.genesis()),
      validationCode: Adder.code
    })),
    minimumBackingVotes: spec.minimumBackingVotes,
    groupRotationFrequency: spec.groupRotationFrequency,
    ...(spec.sessionLengthBlocks === undefined ? {} : { sessionLengthBlocks: spec.sessionLengthBlocks })
  }
})

/** The Engine API of the execution client, if it is to be steered. */
const engineOf = ({ executionEngine: url, executionJwtSecret: path }: NodeConfig) =>
  url === undefined || path === undefined
    ? Effect.succeed({})
    : Effect.map(NodeJwt.readSecret(path), (jwtSecret) => ({ engine: { url, jwtSecret } }))

/** Validators of this process that must accept a block before it is final: all but as many as may be faulty. */
const votesOf = ({ own }: Membership) => Thresholds.supermajority(own.length)

/** The chain that this process makes: our own, or an execution client's. */
const madeChain = (config: NodeConfig, spec: ChainSpec, membership: Membership) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const options = {
        ...common(config, spec, membership),
        authors: yield* Authors.signing(spec, config, membership),
        derivationDelayBlocks: spec.derivationDelayBlocks
      }
      if (config.executionRpc !== undefined) {
        return DevCompanion.layer(
          { ...options, voting: { votes: votesOf(membership) } },
          NodeRpcChain.make({
            ...(yield* engineOf(config)),
            chainId: spec.chainId,
            url: config.executionRpc,
            messagePasserRoot: config.executionOutputRoot,
            ...(config.executionFirstBlock === undefined ? {} : { anchor: config.executionFirstBlock }),
            chainLimits: options.chainLimits
          })
        )
      }
      return DevChain.layer({
        ...options,
        genesisTime: spec.genesisTime,
        blockTimeMs: spec.blockTimeMs,
        finality:
          spec.finality === "external"
            ? { external: { votes: votesOf(membership) } }
            : { depth: spec.finality, votes: votesOf(membership) }
      })
    })
  )

type Chains = ReturnType<typeof madeChain> | NonNullable<Extension["chain"]>

/** The extension's chain, or the one that this process makes. */
const chainOf = (
  config: NodeConfig,
  spec: ChainSpec,
  membership: Membership,
  extension: Extension
): Layer.Layer<Layer.Success<Chains>, Layer.Error<Chains>, Layer.Services<Chains>> =>
  extension.chain ?? madeChain(config, spec, membership)

/** The chain that the sequencer of the committee makes. */
export const followedChain = (
  config: Authors.Config & Pick<NodeConfig, "historyBlocks">,
  spec: ChainSpec,
  membership: Membership
) =>
  Layer.unwrap(
    Effect.map(Authors.known(spec, config, membership), ({ authors, signer }) => {
      const chain = FollowedChain.layer({
        ...common(config, spec, membership),
        authors,
        genesisTime: spec.genesisTime
      })
      return signer === undefined ? chain : DevSigner.layer(signer).pipe(Layer.provideMerge(chain))
    })
  ).pipe(Layer.provide(RemoteFeed.layer(membership.sequencer)))

/** The secret under which tokens for this node are signed; read once, since a missing file is made. */
class JwtSecret extends Context.Service<JwtSecret, Redacted.Redacted<Uint8Array>>()(
  "@ephor/node/JwtSecret"
) {}

const jwtSecretLayer = (config: NodeConfig) =>
  Layer.effect(
    JwtSecret,
    NodeJwt.readOrMakeSecret(config.interopJwtSecret ?? join(config.dataDir, "jwt.hex"))
  )

/** The managed node for supervisors, behind a token. */
const interop = (config: NodeConfig, spec: ChainSpec) =>
  Layer.unwrap(
    Effect.map(JwtSecret, (jwtSecret) =>
      NodeManagedNodeServer.layer({
        host: config.interopAddr,
        port: config.interopPort,
        jwtSecret,
        version,
        hosts: { vhosts: config.interopVhosts }
      })
    )
  ).pipe(
    Layer.provide(
      ManagedNode.layerChain({ chainId: spec.chainId, blockTimeSeconds: Math.ceil(spec.blockTimeMs / 1000) })
    )
  )

/** Blocks and commits for observers. */
const streams = (config: NodeConfig, spec: ChainSpec) =>
  StreamServer.layer(config).pipe(
    Layer.provide(
      Layer.unwrap(
        Effect.map(DevChain.DevChain, ({ committee }) =>
          Publisher.layer(StreamServer.publisherOptions(config, committee))
        )
      )
    ),
    Layer.provide(BlockSource.layerChain({ committeeSize: spec.validators.length }))
  )

/**
 * Health, metrics, figures and the console for operators, and the end of governance mode; a development chain also takes
 * transactions here.
 */
const admin = (config: NodeConfig, spec: ChainSpec, membership: Membership, extension: Extension) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const status = yield* StatusFeed.make({
        name: "ephor-node",
        version,
        role: NodeParts.roleOf(spec, membership),
        parts: yield* NodeParts.make(config, spec, membership, extension),
        limits: { streams: config.adminStreams }
      })
      const routes = [
        ...status,
        ...NodeConsole.routes(import.meta.url),
        yield* BlockDetails.route,
        DevRoutes.transactions(yield* DevChain.DevChain),
        GarbageOrders.route(yield* GarbageOrders.GarbageOrders, spec, yield* JwtSecret),
        GovernanceRoutes.unfreeze(yield* JwtSecret, yield* Validators.Validators),
        DisputeRoutes.query(yield* JwtSecret, yield* Validators.Validators)
      ]
      return NodeAdmin.layer(
        {
          host: config.adminAddr,
          port: config.adminPort,
          version,
          hosts: { vhosts: config.adminVhosts }
        },
        routes
      )
    })
  )

/** Validation functions in processes of their own; what was prepared of them stays in the data directory. */
const executor = ({ dataDir }: NodeConfig) => NodePvf.layer({ cacheDirectory: join(dataDir, "pvf") })

/** The network in memory, as each of the validators of this process sees it. */
const memoryNetworkOf = ({ index, key }: OwnValidator) =>
  MemoryNetwork.layerPeer({ peer: `validator-${index}`, authority: key })

/** Doors, validators and ground of a process that makes its chain, with all validators in it. */
const alone = (config: NodeConfig, spec: ChainSpec, membership: Membership, extension: Extension) =>
  Layer.mergeAll(
    interop(config, spec),
    streams(config, spec),
    admin(config, spec, membership, extension),
    Readiness.layer,
    Readiness.storage,
    GovernanceStatus.readiness(config),
    Parachains.layer(spec, config)
  ).pipe(
    Layer.provideMerge(Validators.layer(spec, membership.own, extension, memoryNetworkOf)),
    Layer.provide(Status.layer(spec.chainId)),
    Layer.provide([Disputes.layer, MemoryNetwork.layer(), executor(config), NodeSignaturePool.layer()]),
    Layer.provideMerge(chainOf(config, spec, membership, extension))
  )

/** Takes candidates of our own collator to other processes, as anybody's collator does. */
const advertise = (options: Collating.Options) =>
  Effect.map(Collating.make(options), (collating) => collating.advertise)

const sharedNetwork = Layer.effect(Network.Network, Network.Network)

/** The same with one validator, for a committee of processes whose chain this one makes. */
const sequencer = (config: NodeConfig, spec: ChainSpec, membership: Membership, extension: Extension) =>
  Layer.mergeAll(
    interop(config, spec),
    streams(config, spec),
    admin(config, spec, membership, extension),
    Readiness.layer,
    Readiness.storage,
    GovernanceStatus.readiness(config),
    Sequencer.layer(membership),
    Parachains.layer(spec, config, advertise)
  ).pipe(
    Layer.provideMerge(Validators.layer(spec, membership.own, extension, () => sharedNetwork)),
    Layer.provide(Status.layer(spec.chainId)),
    Layer.provide([Disputes.layer, executor(config), NodeSignaturePool.layer()]),
    Layer.provideMerge(chainOf(config, spec, membership, extension)),
    Layer.provide(NodeNetwork.layer(config, spec, membership))
  )

/** A process that follows the committee's chain, with one validator or none. It has no door for supervisors. */
const follower = (config: NodeConfig, spec: ChainSpec, membership: Membership, extension: Extension) =>
  Layer.mergeAll(
    streams(config, spec),
    admin(config, spec, membership, extension),
    Readiness.layer,
    Readiness.storage,
    GovernanceStatus.readiness(config)
  ).pipe(
    Layer.provideMerge(Validators.layer(spec, membership.own, extension, () => sharedNetwork)),
    Layer.provide(Status.layer(spec.chainId)),
    Layer.provide([Disputes.layer, executor(config), NodeSignaturePool.layer()]),
    Layer.provideMerge(followedChain(config, spec, membership)),
    Layer.provide(NodeNetwork.layer(config, spec, membership))
  )

/** Everything that `ephor-node run` runs. */
export const layer = (config: NodeConfig, spec: ChainSpec, membership: Membership, extension: Extension) => {
  const kind = membership.follows ? follower : membership.isNetworked ? sequencer : alone
  return Health.whole(Layer.mergeAll(kind(config, spec, membership, extension), WallClock.layer)).pipe(
    Layer.provide([
      extension.store ??
        NodeStore.layer({
          path: join(config.dataDir, "store"),
          contents: DataDirectory.node,
          lowSpaceBytes: config.lowSpaceMegabytes * 1_000_000
        }),
      Health.layer,
      GarbageOrders.layer,
      jwtSecretLayer(config)
    ])
  )
}
