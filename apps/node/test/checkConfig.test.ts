/** What `run` refuses `check-config` refuses, with the same sentence, and neither makes anything. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { NodeCommand, Settings } from "@ephor/cli"
import { Cause, Console, Effect, Exit, Layer, Logger, Redacted } from "effect"
import { Command } from "effect/cli"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { settings as supervisorSettings } from "../../supervisor/src/SupervisorConfig.ts"
import { command as supervisorCommand } from "../../supervisor/src/Command.ts"
import * as ChainSpec from "../src/ChainSpec.ts"
import { command as nodeCommand } from "../src/Command.ts"
import { environmentOf } from "../src/Environment.ts"
import { settings as nodeSettings } from "../src/NodeConfig.ts"
import { makeIdentity } from "../../../packages/streaming/test/support/certificates.ts"
import { temporary } from "./processes.ts"

const silent = Layer.mergeAll(NodeServices.layer, Logger.layer([]))

/** The sentence that a command ends with, without running a process; nothing if it does not fail within its preparations. */
const sentenceOf = async (
  command: typeof nodeCommand | typeof supervisorCommand,
  args: ReadonlyArray<string>
): Promise<string> => {
  const exit = await Effect.runPromiseExit(
    Command.runWith(command as typeof nodeCommand, { version: "test" })(args).pipe(
      Effect.provideService(Console.Console, { ...console, log: () => {}, error: () => {} }),
      Effect.provide(silent)
    )
  )
  assert.isTrue(Exit.isFailure(exit), `${args.join(" ")} succeeds`)
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof Error ? error.message : String(error)
}

interface Bad {
  readonly args: (at: (name: string) => string) => ReadonlyArray<string>
  readonly says: string | RegExp
}

const free = ["interop", "stream", "admin"].flatMap((door) => [`--${door}-port`, "0"])
const dev = (...more: ReadonlyArray<string>) => ["--dev", ...more]
const jwtOf = "11".repeat(32)

const nodes: { readonly [what: string]: Bad } = {
  "no chain": { args: () => [], says: "no chain to run" },
  "two chains": {
    args: () => dev("--execution-rpc", "http://127.0.0.1:1"),
    says: "choose one of --dev, --execution-rpc"
  },
  "an engine without a secret": {
    args: () => dev("--execution-engine", "http://127.0.0.1:1"),
    says: "--execution-engine needs"
  },
  "an engine's secret that is missing": {
    args: (at) => [
      "--execution-rpc",
      "http://127.0.0.1:1",
      "--execution-engine",
      "http://127.0.0.1:1",
      "--execution-jwt-secret",
      at("none")
    ],
    says: /none" does not exist/
  },
  "an extension that is missing": { args: (at) => dev("--extend", at("none.ts")), says: "cannot be loaded" },
  "a specification that is missing": {
    args: (at) => dev("--chain-spec", at("none")),
    says: "does not exist"
  },
  "a specification of another chain": {
    args: (at) => dev("--chain-spec", at("spec.json"), "--chain-id", "7"),
    says: "--chain-id is 7, but"
  },
  "a committee without a specification": {
    args: () => ["--peer", "/ip4/127.0.0.1/tcp/1"],
    says: "give --chain-spec FILE"
  },
  "half a TLS pair": { args: (at) => dev("--stream-tls-key", at("key.pem")), says: "go together" },
  "a pair that is none": {
    args: (at) => dev("--stream-tls-key", at("other.pem"), "--stream-tls-cert", at("cert.pem")),
    says: "tls.key and tls.cert"
  },
  "a certificate that is missing": {
    args: (at) => dev("--stream-tls-key", at("key.pem"), "--stream-tls-cert", at("none")),
    says: "--stream-tls-cert cannot be read"
  },
  "client keys without TLS": {
    args: () => dev("--stream-client-key", `0x${jwtOf}`),
    says: "--stream-client-key needs TLS"
  },
  "tokens in the clear": {
    args: (at) => dev("--stream-token-file", at("tokens"), "--stream-addr", "0.0.0.0"),
    says: "tokens would travel in the clear"
  },
  "a file of tokens without one": {
    args: (at) => dev("--stream-token-file", at("empty")),
    says: "holds no token"
  },
  "an encoding that is none": { args: () => dev("--stream-compression", "br"), says: "is no encoding" },
  "an address that is none": { args: () => dev("--stream-listen", "1234"), says: "is no address" },
  "a secret that is none": {
    args: (at) => dev("--interop-jwt-secret", at("empty")),
    says: "invalid jwt secret"
  },
  "a validator alone": {
    args: (at) => dev("--validator-key", "//Alice", "--chain-spec", at("spec.json")),
    says: "alone cannot work"
  },
  "a key file that is missing": {
    args: (at) => dev("--validator-key", at("none"), "--listen", "/ip4/127.0.0.1/tcp/0"),
    says: "cannot be read: it does not exist"
  },
  "a peer that is no address": {
    args: () => dev("--validator-key", "//Alice", "--peer", "localhost:1"),
    says: "is not an address such as"
  },
  "a node key that is none": {
    args: (at) =>
      dev("--validator-key", "//Alice", "--peer", "/ip4/127.0.0.1/tcp/1", "--node-key", at("empty")),
    says: "is not 32 bytes in hex"
  },
  "authors' keys without authors": {
    args: (at) => dev("--author-key", at("key.pem")),
    says: "--author-key needs the public keys"
  },
  "two doors at one port": {
    args: () => dev("--admin-port", "4567", "--interop-port", "4567"),
    says: "--interop-port and --admin-port are both 4567"
  },
  "a data directory that is a file": {
    args: (at) => dev("--data-dir", at("empty")),
    says: "is not a directory"
  },
  "a supervisor's directory": {
    args: (at) => dev("--data-dir", at("supervisor")),
    says: "belongs to another"
  },
  "a setting out of bounds": { args: () => dev("--interop-port", "99999"), says: "from 0 to 65535" },
  "a configuration file that is missing": { args: (at) => ["--config", at("none")], says: "does not exist" }
}

const supervisors: { readonly [what: string]: Bad } = {
  "no L1": { args: () => ["--datadir", "x"], says: "required flag is missing: l1-rpc" },
  "named networks": { args: () => ["--networks", "op-sepolia"], says: "conflicting flags: --networks" },
  "a secret that is missing": {
    args: (at) => ["--l2-consensus.jwt-secret", at("none")],
    says: 'none" does not exist'
  },
  "a secret that is none": { args: (at) => ["--l2-consensus.jwt-secret", at("empty")], says: "not 32 hex" },
  "as many secrets as no nodes": {
    args: (at) => ["--l2-consensus.jwt-secret", `${at("jwt")},${at("jwt")}`],
    says: "1 nodes but 2 JWT secrets"
  },
  "a dependency set that is missing": {
    args: (at) => ["--dependency-set", at("none")],
    says: "does not exist"
  },
  "a dependency set that is none": { args: (at) => ["--dependency-set", at("tokens")], says: "is not valid" },
  "configurations of other chains": {
    args: (at) => ["--rollup-config-set", at("rollups.json")],
    says: "no rollup config for chains 901"
  },
  "two kinds of configurations": {
    args: () => ["--rollup-config-paths", "*.json"],
    says: "--rollup-config-set or --rollup-config-paths, not both"
  },
  "an admin's secret that is missing": {
    args: (at) => ["--rpc.enable-admin", "--rpc.admin-jwt-secret", at("none")],
    says: 'none" does not exist'
  },
  "two doors at one port": {
    args: () => ["--rpc.port", "4567", "--metrics.port", "4567", "--metrics.enabled"],
    says: "--rpc.port and --metrics.port are both 4567"
  },
  "a data directory that is a file": { args: (at) => ["--datadir", at("empty")], says: "is not a directory" },
  "a node's directory": { args: (at) => ["--datadir", at("node")], says: "belongs to a node" }
}

/** Files that the cases name, and the flags that are not about a case. */
const world = () => {
  const folder = temporary()
  const at = (name: string) => join(folder.path, name)
  for (const [name, content] of Object.entries({
    empty: "\n",
    tokens: "token\n",
    jwt: jwtOf,
    "spec.json": JSON.stringify(ChainSpec.development({ chainId: "901", genesisTime: 1_700_000_000 })),
    "set.json": '{"dependencies":{"901":{}}}',
    "rollups.json": "{}"
  }))
    writeFileSync(at(name), content)
  const [one, other] = [makeIdentity("a"), makeIdentity("b")]
  writeFileSync(at("key.pem"), Redacted.value(one.key))
  writeFileSync(at("cert.pem"), one.cert)
  writeFileSync(at("other.pem"), Redacted.value(other.key))
  for (const path of ["supervisor", "node/store"]) {
    mkdirSync(at(path), { recursive: true })
    writeFileSync(join(at(path), "data.mdb"), "")
  }
  return { ...folder, at, [Symbol.dispose]: folder[Symbol.dispose] }
}

const without = (args: ReadonlyArray<string>, defaults: { readonly [flag: string]: string }) => [
  ...args,
  ...Object.entries(defaults).flatMap(([flag, value]) => (args.includes(flag) ? [] : [flag, value]))
]

const both = async (
  command: typeof nodeCommand | typeof supervisorCommand,
  args: ReadonlyArray<string>,
  says: Bad["says"]
) => {
  const checked = await sentenceOf(command, ["check-config", ...args])
  if (typeof says === "string") assert.include(checked, says)
  else assert.match(checked, says)
  assert.strictEqual(await sentenceOf(command, ["run", ...args]), checked)
}

describe("ephor-node check-config and run refuse", () => {
  it.for(Object.entries(nodes))("%s", { timeout: 60_000 }, async ([, { args, says }]) => {
    using files = world()
    const given = without(args(files.at), { "--data-dir": files.at("new") })
    await both(
      nodeCommand,
      [...given, ...free.filter((flag, at) => !given.includes(at % 2 === 0 ? flag : free[at - 1]!))],
      says
    )
    assert.isFalse(existsSync(files.at("new")))
  })
})

describe("ephor-supervisor check-config and run refuse", () => {
  it.for(Object.entries(supervisors))("%s", { timeout: 60_000 }, async ([what, { args, says }]) => {
    using files = world()
    const defaults = {
      ...(what === "no L1" ? {} : { "--l1-rpc": "http://127.0.0.1:1" }),
      "--l2-consensus.nodes": "ws://127.0.0.1:1",
      "--l2-consensus.jwt-secret": files.at("jwt"),
      "--datadir": files.at("new"),
      "--dependency-set": files.at("set.json"),
      "--rollup-config-set": files.at("rollups.json")
    }
    await both(supervisorCommand, without(args(files.at), defaults), says)
    assert.isFalse(existsSync(files.at("new")))
  })
})

describe("check-config", () => {
  it("passes what can run, and makes nothing", { timeout: 60_000 }, async () => {
    using files = world()
    const printed: Array<string> = []
    await Effect.runPromise(
      Command.runWith(nodeCommand, { version: "test" })([
        "check-config",
        "--dev",
        "--data-dir",
        files.at("new"),
        "--stream-tls-key",
        files.at("key.pem"),
        "--stream-tls-cert",
        files.at("cert.pem")
      ]).pipe(
        Effect.provideService(Console.Console, { ...console, log: (text: string) => printed.push(text) }),
        Effect.provide(silent)
      )
    )
    assert.strictEqual(JSON.parse(printed.join("\n")).dataDir, files.at("new"))
    assert.isFalse(existsSync(files.at("new")))
  })

  it("names environment variables of earlier versions", () => {
    const { formerPrefixes, prefixes } = environmentOf()
    const told = (environment: { readonly [name: string]: string }) =>
      Settings.outdated(nodeSettings, { flags: {}, environment, prefixes, formerPrefixes })
    assert.match(told({ NODE_DATA_DIR: "x" })[0]!, /NODE_DATA_DIR is called EPHOR_NODE_DATA_DIR now/)
    // Of a library that reads its settings from there.
    assert.deepStrictEqual(told({ NODE_CONFIG: "{}", NODE_ENV: "production", EPHOR_NODE_DATA_DIR: "x" }), [])
    assert.property(supervisorSettings, "dataDir")
    assert.isFunction(NodeCommand.outdated)
  })
})
