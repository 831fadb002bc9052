/**
 * Settings of `ephor-node run`: flag, then environment (`EPHOR_NODE_...`), then `--config` file, then default.
 */
import { FeedLimits, NodeOtlp, Settings, Telemetry } from "@ephor/cli"
import * as NodeLibp2p from "@ephor/network/NodeLibp2p"
import * as History from "./History.ts"
import * as StreamServer from "./StreamServer.ts"

/** Every setting of `run`, by its name in the configuration file. */
export const settings = {
  dev: Settings.boolean("dev", {
    description: "Run a development chain that authors itself, with a committee of four validators",
    default: false
  }),
  executionRpc: Settings.url<undefined>("execution-rpc", {
    description: "JSON-RPC URL of an Ethereum execution client to follow instead of --dev",
    protocols: ["http:", "https:", "ws:", "wss:"],
    default: undefined
  }),
  executionEngine: Settings.url<undefined>("execution-engine", {
    description:
      "Engine API of that client, if it is of the OP stack: with it blocks are taken back and replaced",
    protocols: ["http:", "https:"],
    default: undefined
  }),
  executionJwtSecret: Settings.optionalPath("execution-jwt-secret", {
    description: "File with the 32-byte JWT secret of the Engine API in hex"
  }),
  executionFirstBlock: Settings.optionalInteger("execution-first-block", {
    description:
      "Height that a new chain starts from, which must be final (default: 0, or the lowest that the client has)"
  }),
  executionOutputRoot: Settings.choice("execution-output-root", ["proof", "withdrawalsRoot", "none"], {
    description:
      "Where the storage root of the L2ToL1MessagePasser is read: by a proof, from the header (Isthmus), or nowhere",
    default: "proof"
  }),
  chainId: Settings.optionalChainId("chain-id", {
    description:
      "Id of the chain as a decimal number (default: that of the chain specification, 901 for a new chain)"
  }),
  chainSpec: Settings.optionalPath("chain-spec", {
    description:
      "JSON file with genesis time, L1 genesis, validators and parachains (default: a development chain)"
  }),
  dataDir: Settings.path("data-dir", {
    description: "Directory for everything durable",
    default: "./ephor-node-data"
  }),
  lowSpaceMegabytes: Settings.integer("low-space-mb", {
    description:
      "Megabytes free on the disk of the data directory below which the node warns, and is not ready",
    default: 512
  }),
  historyBlocks: History.setting,
  interopAddr: Settings.text("interop-addr", {
    description: "Address of the managed node's RPC",
    default: "127.0.0.1"
  }),
  interopPort: Settings.port("interop-port", {
    description: "Port of the managed node's RPC",
    default: 9645
  }),
  interopVhosts: Settings.list("interop-vhosts", {
    description: "Names that the managed node's RPC answers to, * for any; IP addresses always work",
    default: ["localhost"]
  }),
  interopJwtSecret: Settings.optionalPath("interop-jwt-secret", {
    description:
      "File with the 32-byte JWT secret in hex; made if it does not exist (default: jwt.hex in the data directory)"
  }),
  ...StreamServer.settings,
  adminAddr: Settings.text("admin-addr", {
    description: "Address of health, metrics and console",
    default: "127.0.0.1"
  }),
  adminPort: Settings.port("admin-port", {
    description: "Port of /healthz, /readyz, /metrics, /status and the console at /",
    default: 9646
  }),
  adminStreams: Settings.integer("admin-streams", {
    description: "Pages of the console that may be open at a time",
    default: FeedLimits.defaults.streams
  }),
  adminVhosts: Settings.list("admin-vhosts", {
    description: "Names that the admin port answers to, * for any; IP addresses always work",
    default: ["localhost"]
  }),
  validatorKey: Settings.optionalPath("validator-key", {
    description:
      "The one validator to run here, the others being processes of their own: a file with its secret, or a development key such as //Alice"
  }),
  authorKey: Settings.paths("author-key", {
    description:
      "File with the secret of this validator's author of the DAG, whose public key is in authors of the chain specification; the process that makes the chain may have those of others, too",
    default: []
  }),
  listen: Settings.list("listen", {
    description:
      "Addresses on which other processes of the committee are listened to, as /ip4/127.0.0.1/tcp/30333",
    default: []
  }),
  peer: Settings.list("peer", {
    description: "Addresses of other processes of the committee, which are dialled until they answer",
    default: []
  }),
  maxPeers: Settings.integer("max-peers", {
    description:
      "Most peers that are no validators of the chain; validators and the addresses of --peer have places of their own",
    default: NodeLibp2p.defaults.otherPeers
  }),
  maxPeersPerBlock: Settings.integer("max-peers-per-block", {
    description: "Most of them in one address block: a /24 of IPv4, a /64 of IPv6",
    default: NodeLibp2p.defaults.otherPeersPerBlock
  }),
  nodeKey: Settings.optionalPath("node-key", {
    description:
      "File with the 32-byte key of this node's network identity in hex; made if it does not exist (default: node-key.hex in the data directory)"
  }),
  extend: Settings.paths("extend", {
    description:
      "Modules whose default export is an Extension: subsystems, a store, a chain or layers of your own; files, or packages installed where you are",
    default: []
  }),
  outsideParas: Settings.list("outside-paras", {
    description:
      "Parachains of the chain specification that somebody else collates for (ephor-node collate): the node's own collator leaves them alone",
    default: []
  }),
  garbageEvery: Settings.integer("dev-garbage-every", {
    description: "With --dev: every how many collations the collator offers an invalid candidate; 0 is never",
    default: 0
  }),
  otlpEndpoint: NodeOtlp.setting("otlp-endpoint"),
  logFormat: Settings.choice("log-format", Telemetry.logFormats, {
    description: "Form of the logs on stderr",
    default: "auto"
  })
}

/** The effective settings. */
export type NodeConfig = Settings.Resolved<typeof settings>
