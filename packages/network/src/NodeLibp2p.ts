/**
 * The network over libp2p: TCP, noise, yamux. Peers are who their keys say, validators prove theirs, addresses are
 * dialled until they answer, and everything that a peer can send is bounded.
 */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys"
import { noise } from "@libp2p/noise"
import { peerIdFromPrivateKey } from "@libp2p/peer-id"
import { tcp } from "@libp2p/tcp"
import { yamux } from "@libp2p/yamux"
import { multiaddr } from "@multiformats/multiaddr"
import type { Hash } from "@ephor/types"
import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { createLibp2p } from "libp2p"
import type { Authority, Verify } from "./Handshake.ts"
import { Libp2pPeer } from "./libp2p/Libp2pPeer.ts"
import { LocalPeer } from "./peer/LocalPeer.ts"
import { Network } from "./Network.ts"
import { BadAddress, BadNodeKey, CannotListen, NetworkError } from "./NetworkError.ts"
import * as Protocol from "./Protocol.ts"
import * as Reputation from "./Reputation.ts"

/** Bounds and times; see `defaults`. */
export interface Limits extends Reputation.ReputationLimits {
  /** Notifications of one peer that a subscriber may leave unread; further ones are dropped and counted. */
  readonly inboundPerPeer: number
  /** Frames that wait for one slow peer; further ones are dropped and counted. */
  readonly outboundPerPeer: number
  /** Connections, inbound and outbound; further inbound ones are closed. */
  readonly maxConnections: number
  /** Inbound connections that have not proved who they are. */
  readonly maxPendingConnections: number
  /** Inbound connections of one IP address per second. */
  readonly inboundPerSecond: number
  /** Sessions with one peer at a time: two that dial each other at once have two. */
  readonly sessionsPerPeer: number
  /** How long a peer may take to say hello. */
  readonly helloTimeoutMs: number
  /** How long a peer may take to send its request once it has opened a stream for it. */
  readonly requestReadTimeoutMs: number
  readonly dialTimeoutMs: number
  /** Pause before an address is dialled again; each failure doubles it, with up to a quarter of chance on top. */
  readonly redialMinMs: number
  readonly redialMaxMs: number
  /** How often a silent connection is pinged; one that does not answer is closed. */
  readonly pingIntervalMs: number
}

/** What applies where nothing is given. */
export const defaults: Limits = {
  ...Reputation.defaults,
  inboundPerPeer: 512,
  outboundPerPeer: 512,
  maxConnections: 128,
  maxPendingConnections: 16,
  inboundPerSecond: 16,
  sessionsPerPeer: 2,
  helloTimeoutMs: 5000,
  requestReadTimeoutMs: 5000,
  dialTimeoutMs: 5000,
  redialMinMs: 500,
  redialMaxMs: 15_000,
  pingIntervalMs: 10_000
}

/** A peer of a network over libp2p. */
export interface Options {
  /** Addresses to listen on, as `/ip4/127.0.0.1/tcp/30333`; port 0 takes a free one. None: only dial. */
  readonly listen?: ReadonlyArray<string>
  /** Addresses to dial for as long as the layer lives, with or without `/p2p/ID`. */
  readonly peers?: ReadonlyArray<string>
  /** 32 bytes: the secret of our identity in the network. */
  readonly nodeKey: Redacted.Redacted<Uint8Array>
  /** Hash of the chain's first block: peers of other chains are refused. */
  readonly genesis: Hash
  /** The validator that we are. */
  readonly authority?: Authority | undefined
  /** Checks the signatures by which peers prove to be validators. */
  readonly verify: Verify
  /** The notifications that are taken; others are dropped and cost reputation. Default: all of `Protocol.all`. */
  readonly notifications?: ReadonlyArray<Protocol.NotificationProtocol>
  readonly limits?: Partial<Limits>
}

/** Where and as whom we listen. */
export class NodeLibp2p extends Context.Service<
  NodeLibp2p,
  {
    readonly peerId: string
    /** The addresses that we are bound to, with our id: what others put into `peers`. */
    readonly addresses: ReadonlyArray<string>
  }
>()("@ephor/network/NodeLibp2p") {}

const keyPair = (nodeKey: Redacted.Redacted<Uint8Array>) =>
  Effect.tryPromise({
    try: () => generateKeyPairFromSeed("Ed25519", Redacted.value(nodeKey)),
    catch: () => new NetworkError({ operation: "NodeLibp2p", reason: new BadNodeKey() })
  })

/** The name in the network that belongs to a node key. */
export const peerIdOf = Effect.fn("NodeLibp2p.peerIdOf")((nodeKey: Redacted.Redacted<Uint8Array>) =>
  Effect.map(keyPair(nodeKey), (key) => peerIdFromPrivateKey(key).toString())
)

const parseAddress = (operation: string, address: string) =>
  Effect.try({
    try: () => {
      const parsed = multiaddr(address)
      if (!parsed.getComponents().some(({ name }) => name === "tcp")) throw new Error("it has no /tcp/PORT")
      return parsed
    },
    catch: (cause) =>
      new NetworkError({
        operation,
        reason: new BadAddress({ address, why: cause instanceof Error ? cause.message : String(cause) })
      })
  })

const start = Effect.fnUntraced(function* (options: Options, limits: Limits, local: () => LocalPeer) {
  const listen = options.listen ?? []
  yield* Effect.forEach(listen, (address) => parseAddress("listen", address))
  const privateKey = yield* keyPair(options.nodeKey)
  const refuses = (peer: { toString(): string }) => local().refuses(peer.toString())
  return yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        createLibp2p({
          privateKey,
          addresses: { listen: [...listen] },
          transports: [tcp()],
          connectionEncrypters: [noise()],
          streamMuxers: [yamux()],
          connectionGater: {
            // Whom to dial is the operator's word: private addresses are as good as any.
            denyDialMultiaddr: () => false,
            denyDialPeer: refuses,
            denyInboundEncryptedConnection: refuses
          },
          connectionManager: {
            maxConnections: limits.maxConnections,
            maxIncomingPendingConnections: limits.maxPendingConnections,
            inboundConnectionThreshold: limits.inboundPerSecond,
            inboundUpgradeTimeout: limits.helloTimeoutMs,
            dialTimeout: limits.dialTimeoutMs,
            reconnectRetries: 0
          },
          connectionMonitor: { pingInterval: limits.pingIntervalMs, protocolPrefix: "ephor" }
        }),
      catch: (cause) =>
        new NetworkError({
          operation: "listen",
          // Of the library's advice only what the system said is ours to pass on.
          reason: new CannotListen({
            addresses: listen,
            why: (cause instanceof Error ? cause.message : String(cause))
              .replace(/^[^]*Error: (?=listen )/, "")
              .split("\n")[0]!
          })
        })
    }),
    (node) => Effect.promise(() => Promise.resolve(node.stop()).catch(() => undefined))
  )
})

/** A peer until the scope closes; see `layer`. */
export const make = Effect.fn("NodeLibp2p.make")(function* (options: Options) {
  const limits: Limits = { ...defaults, ...options.limits }
  let local!: LocalPeer
  const node = yield* start(options, limits, () => local)
  const self = node.peerId.toString()
  local = new LocalPeer(self, limits, yield* Clock.Clock)
  const addresses = yield* Effect.forEach(options.peers ?? [], (address) => parseAddress("dial", address))
  const peer = yield* Libp2pPeer.make(node, local, {
    genesis: options.genesis,
    authority: options.authority,
    verify: options.verify,
    notifications: new Map(
      (options.notifications ?? Protocol.all.filter((one) => one._tag === "Notification")).map((protocol) => [
        protocol.name,
        protocol
      ])
    ),
    limits
  })
  for (const address of addresses) yield* Effect.forkScoped(peer.keepDialling(address))
  return {
    network: peer.service,
    libp2p: { peerId: self, addresses: node.getMultiaddrs().map(String) }
  }
})

/**
 * Joins the network: listens, dials, and is connected with everybody who said hello. Fails with `BadAddress`,
 * `BadNodeKey` or `CannotListen`.
 */
export const layer = (options: Options): Layer.Layer<Network | NodeLibp2p, NetworkError> =>
  Layer.effectContext(
    Effect.map(make(options), ({ libp2p, network }) =>
      Context.make(Network, network).pipe(Context.add(NodeLibp2p, libp2p))
    )
  )
