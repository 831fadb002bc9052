/**
 * The nodes of a stack of today: an op-node that nobody can manage, and its execution client.
 */
import * as NodeEthRpcClient from "@ephor/execution/NodeEthRpcClient"
import type { Endpoint } from "@ephor/json-rpc/Endpoint"
import * as JsonRpcClient from "@ephor/json-rpc/JsonRpcClient"
import * as NodeJsonRpcClient from "@ephor/json-rpc/NodeJsonRpcClient"
import * as NodeJwt from "@ephor/json-rpc/NodeJwt"
import type { RollupConfig } from "@ephor/safety"
import { PassiveNode } from "@ephor/supervisor-protocol"
import { Effect, type Redacted, Schema } from "effect"
import type { SupervisorConfig } from "./SupervisorConfig.ts"

/** Nodes that are not told by pairs of URLs. */
export class PassiveNodesError extends Schema.TaggedError<PassiveNodesError>()("PassiveNodesError", {
  message: Schema.String
}) {}

type Secret = Redacted.Redacted<Uint8Array>

/** Where one node is. */
export interface Pair {
  readonly opNode: Endpoint
  readonly execution: Endpoint
  /** Signs the tokens for an Engine API; none for an RPC that wants none. */
  readonly jwtSecret: Secret | undefined
}

/** The pairs that the settings name. */
export const pairs = Effect.fn("PassiveNodes.pairs")(function* ({
  l2PassiveJwtSecret: paths,
  l2PassiveNodes: urls
}: Pick<SupervisorConfig, "l2PassiveJwtSecret" | "l2PassiveNodes">) {
  const count = urls.length / 2
  if (!Number.isInteger(count)) {
    return yield* new PassiveNodesError({
      message: `--l2-passive.nodes names ${urls.length} URLs: give two for each node, the RPC of its op-node and its execution client`
    })
  }
  if (paths.length > 1 && paths.length !== count) {
    return yield* new PassiveNodesError({
      message: `--l2-passive.jwt-secret names ${paths.length} files for ${count} nodes: give one for all, or one per node`
    })
  }
  const secrets = yield* Effect.forEach(paths, NodeJwt.readSecret)
  return Array.from({ length: count }, (_, index): Pair => ({
    opNode: urls[2 * index]!,
    execution: urls[2 * index + 1]!,
    jwtSecret: secrets[secrets.length === 1 ? 0 : index]
  }))
})

/** The client of an execution client. */
export const execution = (url: Endpoint, jwtSecret: Secret | undefined) =>
  Effect.orDie(
    NodeEthRpcClient.make({
      url,
      jwtSecret,
      requestTimeoutMs: JsonRpcClient.defaults.callTimeoutMs,
      answerLimitBytes: JsonRpcClient.defaults.answerBytes
    })
  )

/** Follows a node for as long as the scope lives. */
export const follow = Effect.fnUntraced(function* (
  pair: Pair,
  rollupConfigs: RollupConfig.RollupConfigSet,
  limits: Partial<PassiveNode.Limits>
) {
  return yield* PassiveNode.make({
    execution: yield* execution(pair.execution, pair.jwtSecret),
    opNode: yield* Effect.orDie(NodeJsonRpcClient.make({ url: pair.opNode })),
    beginningOf: (chainId) => (Object.hasOwn(rollupConfigs, chainId) ? rollupConfigs[chainId] : undefined),
    limits
  })
})
