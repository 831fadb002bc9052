/**
 * Whom an observer follows and how it gets there: the settings that `observe` and `relay` share, and the publishers
 * that they describe.
 */
import { Settings, Telemetry } from "@ephor/cli"
import type { Subscriber } from "@ephor/streaming"
import * as SubscriberConfig from "@ephor/streaming/SubscriberConfig"
import { Effect, type FileSystem, Redacted } from "effect"
import * as Access from "../Access.ts"

const { defaults } = SubscriberConfig
type Threshold =
  | "startCommitSyncLag"
  | "resumeBlocksLag"
  | "stopCommitSyncLag"
  | "pauseBlocksQueueSize"
  | "resumeBlocksQueueSize"
const threshold = (flag: string, name: Threshold, description: string) =>
  Settings.integer(flag, { description, default: defaults[name], maximum: 0xffff_ffff })

/** What publishers may speak. */
const wires = ["observer", "sui"] as const

/** The settings, by their names in a configuration file. */
export const settings = {
  from: Settings.list("from", {
    description: "Publishers to follow, host:port, URLs or unix:/path, in the order of preference"
  }),
  committee: Settings.optionalPath("committee", {
    description: "File with the committee whose signatures count (committee.json in a node's data directory)"
  }),
  randomnessKey: Settings.optionalText("randomness-key", {
    description:
      "Public key (ed25519, 0x...) that signatures of randomness are checked with; without it they are left out"
  }),
  blockPublishers: Settings.integer("block-publishers", {
    description: "Publishers whose blocks are taken at once: the first to bring a block counts",
    default: defaults.blockPublishers,
    minimum: 1,
    maximum: 64
  }),
  ca: Settings.optionalPath("ca", {
    description: "PEM file with the authorities that may have signed a publisher's certificate"
  }),
  serverName: Settings.optionalText("server-name", {
    description: "Name that a publisher's certificate must carry, if it is not the host of its address"
  }),
  serverKeys: Settings.list("server-key", {
    description: "SHA-256 names (0x...) of the keys that publishers may have; without --ca they alone decide",
    default: []
  }),
  clientKey: Settings.optionalPath("client-key", {
    description: "PEM file with the private key to show to publishers that ask for one"
  }),
  clientCert: Settings.optionalPath("client-cert", {
    description: "PEM file with the certificate of that key; a self-signed one will do"
  }),
  tokenFile: Settings.optionalPath("token-file", { description: "File with the bearer token of every call" }),
  compression: Settings.list("compression", {
    description: "What publishers may compress responses with, best first: zstd, gzip",
    default: []
  }),
  wire: Settings.choice("wire", wires, {
    description: "What publishers speak: the observer protocol, or Sui's ObserverService",
    default: "observer"
  }),
  package: Settings.optionalText("package", {
    description: "Package in front of the services, for publishers that declare one, as observer.v1"
  }),
  startCommitSyncLag: threshold(
    "start-commit-sync-lag",
    "startCommitSyncLag",
    "Lag at which commit sync starts"
  ),
  resumeBlocksLag: threshold(
    "resume-blocks-lag",
    "resumeBlocksLag",
    "Lag at which blocks resume beside commits"
  ),
  stopCommitSyncLag: threshold("stop-commit-sync-lag", "stopCommitSyncLag", "Lag at which commit sync stops"),
  giveUpMs: Settings.integer("give-up-ms", {
    description: "Milliseconds for which every publisher must refuse, again and again, before it is given up",
    default: defaults.giveUpMs,
    minimum: 1,
    maximum: 0xffff_ffff
  }),
  logFormat: Settings.choice("log-format", Telemetry.logFormats, {
    description: "Form of the logs on stderr",
    default: "auto"
  })
}

/** What was chosen. */
export type Chosen = Settings.Resolved<typeof settings>

/** The publishers, with what is needed to get in; fails when a file or a key does not fit. */
export const peers = Effect.fnUntraced(function* (
  chosen: Chosen
): Effect.fn.Return<ReadonlyArray<Subscriber.Peer>, Access.AccessError, FileSystem.FileSystem> {
  const key = yield* Access.readOptional("client-key", chosen.clientKey)
  const token = (yield* Access.readOptional("token-file", chosen.tokenFile))?.trim()
  const serverKeys = yield* Access.keyNames("server-key", chosen.serverKeys)
  const tls = Access.given({
    ca: yield* Access.readOptional("ca", chosen.ca),
    serverName: chosen.serverName,
    serverKeys,
    key: key === undefined ? undefined : Redacted.make(key),
    cert: yield* Access.readOptional("client-cert", chosen.clientCert)
  })
  const options = {
    ...Access.given({
      package: chosen.package,
      token: token === undefined ? undefined : Redacted.make(token)
    }),
    wire: chosen.wire,
    compression: yield* Access.encodings("compression", chosen.compression)
  }
  const NodeGrpcClient = yield* Effect.promise(() => import("@ephor/streaming/NodeGrpcClient"))
  const scheme = Object.keys(tls).length === 0 ? "http" : "https"
  return chosen.from.map((address) => {
    // On a Unix socket there is nobody in between.
    if (address.startsWith("unix:"))
      return { name: address, connect: NodeGrpcClient.connect({ ...options, url: address }) }
    const url = address.includes("://") ? address : `${scheme}://${address}`
    return { name: url, connect: NodeGrpcClient.connect({ ...tls, ...options, url }) }
  })
})

/** The thresholds among the settings. */
export const thresholds = (chosen: Chosen): SubscriberConfig.Options => ({
  startCommitSyncLag: chosen.startCommitSyncLag,
  resumeBlocksLag: chosen.resumeBlocksLag,
  stopCommitSyncLag: chosen.stopCommitSyncLag,
  giveUpMs: chosen.giveUpMs,
  blockPublishers: chosen.blockPublishers
})

/** When the block stream is paused: for those who take the blocks one by one, as a relay does. */
export const queueSettings = {
  pauseBlocksQueueSize: threshold(
    "pause-blocks-queue-size",
    "pauseBlocksQueueSize",
    "Blocks that wait when their stream is paused"
  ),
  resumeBlocksQueueSize: threshold(
    "resume-blocks-queue-size",
    "resumeBlocksQueueSize",
    "Blocks that wait when it is started again"
  )
}

/** The same for these. */
export const queueThresholds = (
  chosen: Settings.Resolved<typeof queueSettings>
): SubscriberConfig.Options => ({
  pauseBlocksQueueSize: chosen.pauseBlocksQueueSize,
  resumeBlocksQueueSize: chosen.resumeBlocksQueueSize
})
