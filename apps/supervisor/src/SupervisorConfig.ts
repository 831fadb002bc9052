/**
 * Settings of `ephor-supervisor run`: op-supervisor's flags and environment, accepted unchanged. Flag, then
 * environment (`EPHOR_SUPERVISOR_...` or `OP_SUPERVISOR_...`), then `--config` file, then default.
 */
import { FeedLimits, NodeOtlp, Settings, Telemetry } from "@ephor/cli"

/** Names of op-supervisor's log formats that mean one of ours. */
const opLogFormats = {
  text: "pretty",
  terminal: "pretty",
  jsonms: "json",
  "json-pretty": "json",
  logfmtms: "logfmt"
} as const
const logFormats = [...Telemetry.logFormats, "text", "terminal", "jsonms", "json-pretty", "logfmtms"] as const

const upperLevels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRIT"] as const

/** The level that a name stands for, in whatever case. */
export const logLevelOf = (name: Telemetry.LogLevelName | (typeof upperLevels)[number]) =>
  name.toLowerCase() as Telemetry.LogLevelName

/** The log format that a name stands for. */
export const logFormatOf = (name: (typeof logFormats)[number]): Telemetry.LogFormat =>
  name in opLogFormats ? opLogFormats[name as keyof typeof opLogFormats] : (name as Telemetry.LogFormat)

/** Prefixes of the environment variables; the first one that is set wins. */
export const environmentPrefixes = ["EPHOR_SUPERVISOR", "OP_SUPERVISOR"]
/** Prefixes of the environment variables before 0.2, which supervisord uses for its own. */
export const formerEnvironmentPrefixes = ["SUPERVISOR"]

/** Every setting of `run`, by its name in the configuration file. */
export const settings = {
  l1Rpc: Settings.url("l1-rpc", {
    description: "JSON-RPC URL of the L1",
    protocols: ["http:", "https:", "ws:", "wss:"]
  }),
  l2ConsensusNodes: Settings.urls("l2-consensus.nodes", {
    description: "URLs of the managed nodes, one or more per chain; comma separated or repeated",
    protocols: ["ws:", "wss:", "http:", "https:"],
    default: []
  }),
  l2ConsensusJwtSecret: Settings.paths("l2-consensus.jwt-secret", {
    description: "Files with the JWT secrets: one for all nodes, or one per node in their order",
    default: []
  }),
  l2PassiveNodes: Settings.urls("l2-passive.nodes", {
    description:
      "Nodes that are followed and not managed, two URLs for each: the RPC of an op-node, then its execution client (or Engine API)",
    protocols: ["http:", "https:", "ws:", "wss:"],
    default: []
  }),
  l2PassiveJwtSecret: Settings.paths("l2-passive.jwt-secret", {
    description:
      "Files with the JWT secrets of Engine APIs among them: one for all nodes, or one per node in their order",
    default: []
  }),
  l2PassivePollIntervalMs: Settings.integer("l2-passive.poll-interval-ms", {
    description: "How often followed nodes are asked for news",
    default: 500,
    minimum: 50
  }),
  dataDir: Settings.path("datadir", { description: "Directory for everything durable" }),
  lowSpaceMegabytes: Settings.integer("datadir.low-space-mb", {
    description:
      "Megabytes free on the disk of the data directory below which the supervisor warns, and is not ready",
    default: 512
  }),
  dataDirSyncEndpoint: Settings.url<undefined>("datadir.sync-endpoint", {
    description: "Another supervisor whose safety databases are taken over by a new --datadir",
    protocols: ["http:", "https:"],
    default: undefined
  }),
  networks: Settings.list("networks", {
    description: "Named networks: op-supervisor's flag; not known here, give the three files instead",
    default: []
  }),
  network: Settings.list("network", { description: "The same as --networks", default: [] }),
  dependencySet: Settings.optionalPath("dependency-set", {
    description: "JSON file with the chains that depend on each other"
  }),
  rollupConfigSet: Settings.optionalPath("rollup-config-set", {
    description: "JSON file with the rollup configuration of every chain"
  }),
  rollupConfigPaths: Settings.optionalPath("rollup-config-paths", {
    description: "Glob of rollup.json files, instead of --rollup-config-set"
  }),
  rpcVerificationWarnings: Settings.boolean("rpc-verification-warnings", {
    description: "Compare the blocks of accepted access lists with the nodes, and warn where they differ",
    default: false
  }),
  mockRun: Settings.boolean("mock-run", {
    description: "Serve the RPC without a backend: everything is accepted, all heads are zero",
    default: false
  }),
  failsafeEnabled: Settings.boolean("failsafe-enabled", {
    description: "Start with failsafe on",
    default: false
  }),
  failsafeOnInvalidation: Settings.boolean("failsafe-on-invalidation", {
    description: "Turn failsafe on when a block is invalidated",
    default: true
  }),
  rpcAddr: Settings.text("rpc.addr", {
    description: "Address of the public RPC; 0.0.0.0 is every address of the machine",
    default: "127.0.0.1"
  }),
  rpcVhosts: Settings.list("rpc.vhosts", {
    description: "Names that the public RPC answers to, * for any; IP addresses always work",
    default: ["*"]
  }),
  rpcCorsDomain: Settings.list("rpc.corsdomain", {
    description: "Origins of web pages that may ask the public RPC, * for any",
    default: ["*"]
  }),
  rpcPort: Settings.port("rpc.port", { description: "Port of the public RPC", default: 8545 }),
  rpcFlatSuperRoots: Settings.boolean("rpc.flat-super-roots", {
    description:
      "Answer superroot_atTimestamp without data around what is verified, as later op-supernodes do",
    default: false
  }),
  rpcStrictIngress: Settings.boolean("rpc.strict-ingress", {
    description: "Refuse access lists with a message of the same second, as op-interop-filter does",
    default: false
  }),
  rpcEnableAdmin: Settings.boolean("rpc.enable-admin", {
    description: "Serve admin_* methods",
    default: false
  }),
  rpcAdminAuth: Settings.boolean("rpc.admin-auth", {
    description: "Ask callers of admin_* methods for a token (op-supervisor does not)",
    default: true
  }),
  rpcAdminJwtSecret: Settings.optionalPath("rpc.admin-jwt-secret", {
    description: "File with the JWT secret of that token (default: the first of --l2-consensus.jwt-secret)"
  }),
  metricsEnabled: Settings.boolean("metrics.enabled", {
    description: "Serve /metrics, /readyz, /status and the console at /",
    default: false
  }),
  metricsAddr: Settings.text("metrics.addr", {
    description: "Address of the metrics; 0.0.0.0 is every address of the machine",
    default: "127.0.0.1"
  }),
  metricsVhosts: Settings.list("metrics.vhosts", {
    description: "Names that the metrics answer to, * for any; IP addresses always work",
    default: ["localhost"]
  }),
  metricsPort: Settings.port("metrics.port", { description: "Port of the metrics", default: 7300 }),
  metricsStreams: Settings.integer("metrics.streams", {
    description: "Pages of the console that may be open at a time",
    default: FeedLimits.defaults.streams
  }),
  extend: Settings.paths("extend", {
    description:
      "Modules whose default export is an Extension: a store, an L1 or layers of your own; files, or packages installed where you are",
    default: []
  }),
  otlpEndpoint: NodeOtlp.setting("otlp.endpoint"),
  l1PollIntervalMs: Settings.integer("l1.poll-interval-ms", {
    description: "How often L1 is asked for its latest and finalized block",
    default: 3000,
    minimum: 50
  }),
  l1ConfirmationDepth: Settings.integer("l1.confirmation-depth", {
    description: "How many blocks below the tip of L1 are not used yet",
    default: 2
  }),
  logLevel: Settings.choice("log.level", [...Telemetry.logLevels, ...upperLevels], {
    description: "What is logged at least",
    default: "info"
  }),
  logFormat: Settings.choice("log.format", logFormats, {
    description: "Form of the logs on stderr",
    default: "auto"
  }),
  logColor: Settings.boolean("log.color", { description: "Colours in logs for people", default: true }),
  logPid: Settings.boolean("log.pid", { description: "Show the process id in logs", default: false }),
  pprofEnabled: Settings.boolean("pprof.enabled", {
    description: "op-supervisor's profiler; here `node --inspect` or `--cpu-prof` has its place",
    default: false
  }),
  pprofAddr: Settings.text("pprof.addr", { description: "Accepted and not used", default: "0.0.0.0" }),
  pprofPort: Settings.port("pprof.port", { description: "Accepted and not used", default: 6060 }),
  pprofPath: Settings.optionalText("pprof.path", { description: "Accepted and not used" }),
  pprofType: Settings.optionalText("pprof.type", { description: "Accepted and not used" })
}

/** The effective settings. */
export type SupervisorConfig = Settings.Resolved<typeof settings>
