/**
 * The node on one page of layers: ground, chain, validators, doors.
 */
import { Adder } from "@ephor/backing"
import * as NodePvf from "@ephor/backing/NodePvf"
import { DevChain, Keystore } from "@ephor/chain"
import * as NodeRpcChain from "@ephor/chain/NodeRpcChain"
import * as NodeStore from "@ephor/chain/NodeStore"
import { Health, NodeAdmin } from "@ephor/cli"
import { Disputes } from "@ephor/disputes"
import { MemoryNetwork } from "@ephor/network"
import { BlockSource, Publisher } from "@ephor/streaming"
import * as NodeGrpcServer from "@ephor/streaming/NodeGrpcServer"
import { ManagedNode } from "@ephor/supervisor-protocol"
import * as NodeJwt from "@ephor/supervisor-protocol/NodeJwt"
import * as NodeManagedNodeServer from "@ephor/supervisor-protocol/NodeManagedNodeServer"
import { Effect, Layer, Redacted } from "effect"
import { join } from "node:path"
import type { ChainSpec } from "./ChainSpec.ts"
import * as DevRoutes from "./DevRoutes.ts"
import type { Extension } from "./Extension.ts"
import type { NodeConfig } from "./NodeConfig.ts"
import * as Parachains from "./Parachains.ts"
import * as Readiness from "./Readiness.ts"
import * as Status from "./Status.ts"
import * as Validators from "./Validators.ts"
import { version } from "./version.ts"

/** Public keys of the validators of a specification. */
const validatorKeys = (spec: ChainSpec) =>
  Effect.map(Keystore.Keystore, ({ publicKeys }) => publicKeys).pipe(
    Effect.provide(Keystore.layerSr25519({ secrets: spec.validators.map((secret) => Redacted.make(secret)) }))
  )

/** The chain that the settings ask for: our own, or an execution client's. */
const chain = (config: NodeConfig, spec: ChainSpec) =>
  Layer.unwrap(
    Effect.map(validatorKeys(spec), (validators) => {
      const common = {
        chainId: spec.chainId,
        authors: { seed: spec.committeeSeed, size: spec.validators.length },
        ...(spec.l1Genesis === undefined ? {} : { l1Genesis: spec.l1Genesis }),
        derivationDelayBlocks: spec.derivationDelayBlocks,
        runtime: {
          validators,
          groups: spec.groups,
          paras: spec.paras.map((id) => ({
            id,
            genesisHead: Adder.encodeHead(Adder.genesis()),
            validationCode: Adder.code
          })),
          minimumBackingVotes: spec.minimumBackingVotes,
          groupRotationFrequency: spec.groupRotationFrequency
        }
      }
      return config.executionRpc === undefined
        ? DevChain.layer({
            ...common,
            genesisTime: spec.genesisTime,
            blockTimeMs: spec.blockTimeMs,
            finality: spec.finality === "external" ? "external" : { depth: spec.finality }
          })
        : NodeRpcChain.layer({ ...common, url: config.executionRpc })
    })
  )

/** The managed node for supervisors, behind a token. */
const interop = (config: NodeConfig, spec: ChainSpec) =>
  Layer.unwrap(
    Effect.map(
      NodeJwt.readOrMakeSecret(config.interopJwtSecret ?? join(config.dataDir, "jwt.hex")),
      (jwtSecret) =>
        NodeManagedNodeServer.layer({
          host: config.interopAddr,
          port: config.interopPort,
          jwtSecret,
          version
        })
    )
  ).pipe(
    Layer.provide(
      ManagedNode.layerChain({ chainId: spec.chainId, blockTimeSeconds: Math.ceil(spec.blockTimeMs / 1000) })
    )
  )

/** Blocks and commits for observers. */
const streams = (config: NodeConfig, spec: ChainSpec) =>
  NodeGrpcServer.layer({ host: config.streamAddr, port: config.streamPort }).pipe(
    Layer.provide(Publisher.layer()),
    Layer.provide(BlockSource.layerChain({ committeeSize: spec.validators.length }))
  )

/** Health, metrics and figures for operators; a development chain also takes transactions here. */
const admin = (config: NodeConfig) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { figures } = yield* Status.Status
      const routes = Layer.mergeAll(NodeAdmin.status(figures), DevRoutes.layer(yield* DevChain.DevChain))
      return NodeAdmin.layer({ host: config.adminAddr, port: config.adminPort, version }, routes)
    })
  )

/** Everything that `ephor-node run` runs. */
export const layer = (config: NodeConfig, spec: ChainSpec, extension: Extension) =>
  Layer.mergeAll(
    // doors: who may talk to it
    interop(config, spec),
    streams(config, spec),
    admin(config),
    Readiness.layer,
    Parachains.layer(spec, config.garbageEvery)
  ).pipe(
    // validators: what it does
    Layer.provideMerge(Validators.layer(spec, extension)),
    Layer.provide(Status.layer(spec.chainId)),
    Layer.provide([Disputes.layer, MemoryNetwork.layer(), NodePvf.layer()]),
    // ground: chain, disk, health
    Layer.provideMerge(extension.chain ?? chain(config, spec)),
    Layer.provide([extension.store ?? NodeStore.layer({ path: join(config.dataDir, "store") }), Health.layer])
  )
