/**
 * Settings of `ephor-supervisor run`: op-supervisor's flags and environment, accepted unchanged. Flag, then
 * environment (`SUPERVISOR_...` or `OP_SUPERVISOR_...`), then `--config` file, then default.
 */
import { Settings, Telemetry } from "@ephor/cli"

/** Prefixes of the environment variables; the first one that is set wins. */
export const environmentPrefixes = ["SUPERVISOR", "OP_SUPERVISOR"]

/** Every setting of `run`, by its name in the configuration file. */
export const settings = {
  l1Rpc: Settings.url("l1-rpc", { description: "JSON-RPC URL of the L1", protocols: ["http:", "https:"] }),
  l2ConsensusNodes: Settings.list("l2-consensus.nodes", {
    description: "URLs of the managed nodes, one or more per chain; comma separated or repeated"
  }),
  l2ConsensusJwtSecret: Settings.list("l2-consensus.jwt-secret", {
    description: "Files with the JWT secrets: one for all nodes, or one per node in their order"
  }),
  dataDir: Settings.text("datadir", { description: "Directory for everything durable" }),
  dependencySet: Settings.text("dependency-set", {
    description: "JSON file with the chains that depend on each other"
  }),
  rollupConfigSet: Settings.optionalText("rollup-config-set", {
    description: "JSON file with the rollup configuration of every chain"
  }),
  rollupConfigPaths: Settings.optionalText("rollup-config-paths", {
    description: "Glob of rollup.json files, instead of --rollup-config-set"
  }),
  failsafeEnabled: Settings.boolean("failsafe-enabled", {
    description: "Start with failsafe on",
    default: false
  }),
  failsafeOnInvalidation: Settings.boolean("failsafe-on-invalidation", {
    description: "Turn failsafe on when a block is invalidated",
    default: true
  }),
  rpcAddr: Settings.text("rpc.addr", { description: "Address of the public RPC", default: "0.0.0.0" }),
  rpcPort: Settings.port("rpc.port", { description: "Port of the public RPC", default: 8545 }),
  rpcEnableAdmin: Settings.boolean("rpc.enable-admin", {
    description: "Serve admin_* methods",
    default: false
  }),
  metricsEnabled: Settings.boolean("metrics.enabled", {
    description: "Serve /metrics, /readyz and /status",
    default: false
  }),
  metricsAddr: Settings.text("metrics.addr", { description: "Address of the metrics", default: "0.0.0.0" }),
  metricsPort: Settings.port("metrics.port", { description: "Port of the metrics", default: 7300 }),
  l1PollIntervalMs: Settings.integer("l1.poll-interval-ms", {
    description: "How often L1 is asked for its latest and finalized block",
    default: 3000,
    minimum: 50
  }),
  l1ConfirmationDepth: Settings.integer("l1.confirmation-depth", {
    description: "How many blocks below the tip of L1 are not used yet",
    default: 2
  }),
  logFormat: Settings.choice("log.format", Telemetry.logFormats, {
    description: "Form of the logs on stderr",
    default: "auto"
  })
}

/** The effective settings. */
export type SupervisorConfig = Settings.Resolved<typeof settings>
