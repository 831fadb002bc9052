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
import { Elapsed, type Hash, type ValidatorId } from "@ephor/types"
import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { createLibp2p } from "libp2p"
import type { Authority, Verify } from "./Handshake.ts"
import { Libp2pPeer } from "./libp2p/Libp2pPeer.ts"
import { LocalPeer } from "./peer/LocalPeer.ts"
import { Network } from "./Network.ts"
import { BadAddress, BadNodeKey, CannotListen, NetworkError } from "./NetworkError.ts"
import * as Protocol from "./Protocol.ts"
import * as Reputation from "./Reputation.ts"
import { ConnectionGate } from "./shares/ConnectionGate.ts"

/** Bounds and times; see `defaults`. */
export interface Limits extends Reputation.ReputationLimits {
  /** Notifications of one peer that a subscriber may leave unread; further ones are dropped and counted. */
  readonly inboundPerPeer: number
  /** Their bytes. */
  readonly inboundBytesPerPeer: number
  /** Frames that wait for one slow peer; further ones are dropped and counted. */
  readonly outboundPerPeer: number
  /** Their bytes. */
  readonly outboundBytesPerPeer: number
  /** Peers that are no validators of `validators`, and that are not dialled by us; validators have their own places. */
  readonly otherPeers: number
  /** Of these, peers of one address block: a /24 of IPv4, a /64 of IPv6. */
  readonly otherPeersPerBlock: number
  /** Inbound connections that have not said hello; for one more, the longest waiting of the largest block has to go. */
  readonly maxPendingConnections: number
  /** Of these, connections of one address block; for one more, its longest waiting has to go. */
  readonly pendingPerBlock: number
  /** Inbound connections of one IP address per second. */
  readonly inboundPerSecond: number
  /** Of these, connections of one address block whose peer has not been a validator before. */
  readonly newPeersPerSecond: number
  /** Sessions with one peer at a time: two that dial each other at once have two. */
  readonly sessionsPerPeer: number
  /** Streams that a peer may have open in one connection. */
  readonly streamsPerPeer: number
  /** Frames of a validator per second, twice as many at once; beyond, it is read more slowly. */
  readonly messagesPerSecond: number
  /** The same for every other peer. */
  readonly otherMessagesPerSecond: number
  /** Requests of one peer per second that are refused without cost; who asks on is a flood. */
  readonly refusedPerSecond: number
  /** Peers whose reputation is remembered; the one that changed longest ago is forgotten first. */
  readonly maxReputations: number
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
  inboundBytesPerPeer: 8 * 1024 * 1024,
  outboundPerPeer: 512,
  outboundBytesPerPeer: 4 * 1024 * 1024,
  otherPeers: 96,
  otherPeersPerBlock: 32,
  maxPendingConnections: 128,
  pendingPerBlock: 32,
  inboundPerSecond: 32,
  newPeersPerSecond: 16,
  sessionsPerPeer: 2,
  streamsPerPeer: 256,
  messagesPerSecond: 4096,
  otherMessagesPerSecond: 64,
  refusedPerSecond: 16,
  maxReputations: 4096,
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
  /**
   * The validators that the chain names. They have places, requests and rates that nobody else can take. Default: whoever
   * proves a key may speak as a validator, and no place is kept.
   */
  readonly validators?: ReadonlyArray<ValidatorId> | undefined
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

/** Says which of these addresses are none, and opens nothing. */
export const checkAddresses = ({ listen = [], peers = [] }: Pick<Options, "listen" | "peers">) =>
  Effect.andThen(
    Effect.forEach(listen, (address) => parseAddress("listen", address)),
    Effect.asVoid(Effect.forEach(peers, (address) => parseAddress("dial", address)))
  )

/** More connections than all shares allow together: the library's own limit, which knows no shares, is not to be reached. */
const connectionsOf = ({ peers = [], validators = [] }: Options, limits: Limits): number =>
  limits.maxPendingConnections +
  (limits.sessionsPerPeer + 1) * (limits.otherPeers + validators.length + peers.length + 16)

const start = Effect.fnUntraced(function* (
  options: Options,
  limits: Limits,
  gate: ConnectionGate,
  local: () => LocalPeer
) {
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
          streamMuxers: [yamux({ maxInboundStreams: limits.streamsPerPeer })],
          connectionGater: {
            // Whom to dial is the operator's word: private addresses are as good as any.
            denyDialMultiaddr: () => false,
            denyDialPeer: refuses,
            denyInboundConnection: (connection) => gate.enter(connection),
            denyInboundEncryptedConnection: (peer, connection) =>
              refuses(peer) || gate.identify(peer.toString(), connection)
          },
          connectionManager: {
            maxConnections: connectionsOf(options, limits),
            maxIncomingPendingConnections: 2 * limits.maxPendingConnections,
            inboundConnectionThreshold: limits.inboundPerSecond,
            inboundUpgradeTimeout: limits.helloTimeoutMs,
            inboundStreamProtocolNegotiationTimeout: limits.requestReadTimeoutMs,
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
  const clock = yield* Clock.Clock
  const gate = new ConnectionGate(limits, () => Elapsed.msOf(clock))
  const node = yield* start(options, limits, gate, () => local)
  const self = node.peerId.toString()
  const validators = options.validators && new Set(options.validators)
  local = new LocalPeer({ id: self, authority: options.authority?.key }, limits, clock, validators)
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
    limits,
    gate
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
