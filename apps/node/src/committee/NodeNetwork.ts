/**
 * The network between the processes of a committee: libp2p under the settings of this node, as the authority that its
 * validator is.
 */
import { DevExecution } from "@ephor/devchain"
import { Keystore } from "@ephor/keystore"
import type { Handshake } from "@ephor/network"
import * as NodeLibp2p from "@ephor/network/NodeLibp2p"
import * as NodeFile from "@ephor/store/NodeFile"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import type { ChainSpec } from "../ChainSpec.ts"
import type { NodeConfig } from "../NodeConfig.ts"
import type { Membership, OwnValidator } from "./Membership.ts"

/** The key of the network identity cannot be used; the message says which file and what is wrong with it. */
export class NodeKeyError extends Schema.TaggedError<NodeKeyError>()("NodeKeyError", {
  message: Schema.String
}) {}

const failed = (path: string, verb: string) => (cause: unknown) =>
  new NodeKeyError({
    message: `the node key ${path} cannot be ${verb}: ${cause instanceof Error ? cause.message : String(cause)}`
  })

/** The key in a file that is there. */
export const readNodeKey = Effect.fnUntraced(function* (path: string) {
  const text = yield* Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: failed(path, "read") })
  const digits = text.trim().replace(/^0x/, "")
  if (!/^[0-9a-fA-F]{64}$/.test(digits)) {
    return yield* new NodeKeyError({
      message: `the node key ${path} is not 32 bytes in hex: give another --node-key, or delete the file and a new key is made`
    })
  }
  return Redacted.make(new Uint8Array(Buffer.from(digits, "hex")), { label: "nodeKey" })
})

/** The key in a file, made if there is none; a file that is there is never overwritten. */
export const readOrMakeNodeKey = Effect.fn("readOrMakeNodeKey")(function* (path: string) {
  yield* NodeFile.create(path, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600 }).pipe(
    Effect.catchIf(
      ({ exists }) => exists,
      () => Effect.void
    ),
    Effect.mapError(failed(path, "written"))
  )
  return yield* readNodeKey(path)
})

/** What every process of a committee must agree upon before it listens to another one. */
const networkGenesis = (spec: ChainSpec) =>
  DevExecution.genesis({
    chainId: spec.chainId,
    timestamp: spec.genesisTime,
    ...(spec.l1Genesis === undefined ? {} : { l1origin: spec.l1Genesis })
  }).ref.hash

/** The authority that our validator is, with its key staying in its keystore. */
const authorityOf = Effect.fnUntraced(function* ({ key, secret }: OwnValidator) {
  const keystore = Context.get(
    yield* Layer.build(Keystore.layerSr25519({ secrets: [secret] })),
    Keystore.Keystore
  )
  const authority: Handshake.Authority = {
    key,
    // The key was read from this keystore: it is there.
    sign: (payload) => Effect.orDie(keystore.sign(key, payload))
  }
  return authority
})

/** The settings of a process in the network. */
export type Config = Pick<
  NodeConfig,
  "dataDir" | "listen" | "maxPeers" | "maxPeersPerBlock" | "nodeKey" | "peer"
>

/** Joins the network between the processes of the committee. */
export const layer = (config: Config, spec: ChainSpec, { own, validators }: Membership) =>
  Layer.unwrap(
    Effect.gen(function* () {
      yield* Keystore.sr25519Ready
      const nodeKey = yield* readOrMakeNodeKey(config.nodeKey ?? join(config.dataDir, "node-key.hex"))
      const validator = own[0]
      const options: NodeLibp2p.Options = {
        listen: config.listen,
        peers: config.peer,
        nodeKey,
        genesis: networkGenesis(spec),
        authority: validator && (yield* authorityOf(validator)),
        validators,
        verify: (key, payload, signature) =>
          Effect.sync(() => Keystore.sr25519Verify(key, payload, signature)),
        limits: { otherPeers: config.maxPeers, otherPeersPerBlock: config.maxPeersPerBlock }
      }
      return Layer.effectDiscard(
        Effect.flatMap(NodeLibp2p.NodeLibp2p, ({ addresses, peerId }) =>
          Effect.logInfo("the committee's network is up", { peerId, addresses: addresses.join(", ") })
        )
      ).pipe(Layer.provideMerge(NodeLibp2p.layer(options)))
    })
  )
