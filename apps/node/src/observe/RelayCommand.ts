/**
 * `ephor-node relay`: its settings. What it does is loaded when it runs.
 */
import { NodeCommand, NodeOtlp, Settings } from "@ephor/cli"
import * as Archive from "@ephor/streaming/Archive"
import * as Relay from "@ephor/streaming/Relay"
import { Layer } from "effect"
import * as StreamServer from "../StreamServer.ts"
import { environmentOf } from "../Environment.ts"
import { version } from "../version.ts"
import * as Publishers from "./Publishers.ts"

/** Settings of `relay`. */
export const settings = {
  ...Publishers.settings,
  ...Publishers.queueSettings,
  ...StreamServer.settings,
  dataDir: Settings.path("data-dir", {
    description: "Directory for the history that this relay serves",
    default: "./ephor-relay-data"
  }),
  identity: Settings.optionalPath("identity", {
    description:
      "Name of this relay in the paths by which loops are seen (default: a random one, made once in the data directory)"
  }),
  maxHistoryCommits: Settings.integer("max-history-commits", {
    description: "Commits kept on disk",
    default: Relay.defaults.maxHistoryCommits,
    minimum: 1
  }),
  maxHistoryBytes: Settings.integer("max-history-bytes", {
    description: "Bytes of commits kept on disk",
    default: Relay.defaults.maxHistoryBytes,
    minimum: 1
  }),
  archiveDir: Settings.optionalPath("archive-dir", {
    description:
      "Directory for the commits that leave the history, which are served from there (default: they are dropped)"
  }),
  archiveSegmentCommits: Settings.integer("archive-segment-commits", {
    description: "Commits of one file in the archive",
    default: Archive.defaults.segmentCommits,
    minimum: 1,
    maximum: Archive.maxSegmentCommits
  }),
  archiveSegmentBytes: Settings.integer("archive-segment-bytes", {
    description: "Bytes of commits in one file of the archive, but for a single commit that has more",
    default: Archive.defaults.segmentBytes,
    minimum: 1
  }),
  archiveIndexedSegments: Settings.integer("archive-indexed-segments", {
    description: "Indexes of files of the archive that are kept in memory",
    default: Archive.defaults.indexedSegments,
    minimum: 1
  }),
  archiveCachedBytes: Settings.integer("archive-cached-bytes", {
    description: "Bytes of commits from the archive kept in memory that were read last, or are read ahead",
    default: Archive.defaults.cachedBytes,
    minimum: 1
  }),
  fromCommit: Settings.integer("from-commit", {
    description: "Begin after this commit when data directory and archive are empty; 0 is the beginning",
    default: 0,
    maximum: 0xffff_ffff
  }),
  adminAddr: Settings.text("admin-addr", {
    description: "Address of health and metrics",
    default: "127.0.0.1"
  }),
  adminPort: Settings.port("admin-port", {
    description: "Port of /healthz, /readyz, /metrics and /status",
    default: 9649
  }),
  otlpEndpoint: NodeOtlp.setting("otlp-endpoint")
}
/** What was chosen. */
export type Config = Settings.Resolved<typeof settings>

/** The `relay` command. */
export const relayCommand = NodeCommand.make("relay", settings, {
  description: "Follow a node, and publish what is verified to other observers",
  environment: environmentOf("RELAY"),
  telemetry: (config: Config) =>
    Layer.merge(
      NodeCommand.byFormat(config),
      NodeOtlp.layer(config.otlpEndpoint, { name: "ephor-node relay", version })
    ),
  load: () => import("./Relaying.ts").then(({ relay }) => relay)
})
