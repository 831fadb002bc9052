/** What a person gets wrong: one sentence on stderr that says what to do, exit code 1, no stack trace. */
import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import * as ChainSpec from "../src/ChainSpec.ts"
import { run, temporary } from "./processes.ts"

const anyPorts = ["--interop-port", "0", "--stream-port", "0", "--admin-port", "0", "--log-format", "json"]

/** The one line that is no log. */
const complaint = (stderr: string) => {
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"))
  assert.strictEqual(lines.length, 1, stderr)
  return lines[0]!
}
const fails = async (bin: "node" | "supervisor", args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await run(bin, args)
  assert.strictEqual(code, 1, stderr)
  assert.strictEqual(stdout, "")
  return complaint(stderr)
}

describe("ephor-node", () => {
  it("unknown flags and commands, missing chains", async () => {
    const engineFlags = ["--execution-engine", "http://127.0.0.1:1"]
    const [flag, command, none, port, secret, rpc] = await Promise.all([
      fails("node", ["run", "--nope"]),
      fails("node", ["walk"]),
      fails("node", ["run"]),
      fails("node", ["run", "--dev", "--interop-port", "99999"]),
      fails("node", ["run", "--dev", ...engineFlags]),
      fails("node", ["run", "--dev", ...engineFlags, "--execution-jwt-secret", "jwt.hex"])
    ])
    assert.include(flag, "--nope")
    assert.include(secret, "--execution-engine needs --execution-jwt-secret FILE")
    assert.include(rpc, "--execution-engine steers the client of --execution-rpc URL")
    assert.include(command, "walk")
    assert.include(none, "give --dev for a development chain, --execution-rpc URL, or --peer")
    assert.strictEqual(
      port,
      'ephor-node: --interop-port is "99999" but should be a whole number from 0 to 65535'
    )
  }, 60_000)

  it("malformed secret, damaged store, foreign chain, missing extension", async () => {
    using folder = temporary()
    const at = (name: string) => join(folder.path, name)
    writeFileSync(at("jwt"), "not a secret")
    mkdirSync(at("damaged/store"), { recursive: true })
    writeFileSync(at("damaged/store/data.mdb"), Buffer.alloc(50_000, 0x5a))
    mkdirSync(at("foreign"))
    writeFileSync(at("foreign/chain-spec.json"), "{}")
    const dev = (name: string, ...more: ReadonlyArray<string>) =>
      fails("node", ["run", "--dev", "--data-dir", at(name), ...anyPorts, ...more])
    const [secret, damaged, foreign, extension] = await Promise.all([
      dev("a", "--interop-jwt-secret", at("jwt")),
      dev("damaged"),
      dev("foreign"),
      dev("b", "--extend", at("nothing.ts"))
    ])
    assert.include(secret, `invalid jwt secret in path "${at("jwt")}", not 32 hex-formatted bytes`)
    assert.include(damaged, "restore the directory from a backup or delete it")
    assert.include(foreign, `the chain specification ${at("foreign/chain-spec.json")} is not valid`)
    assert.include(extension, `the extension ${at("nothing.ts")} cannot be loaded`)
  }, 90_000)

  it("a part of a devnet that cannot start", async () => {
    using folder = temporary()
    const store = join(folder.path, "node-901", "store")
    mkdirSync(store, { recursive: true })
    writeFileSync(join(store, "data.mdb"), Buffer.alloc(50_000, 0x5a))
    const devnet = await run("node", ["devnet", "--data-dir", folder.path, "--duration", "1"])
    assert.strictEqual(devnet.code, 1)
    const sentence = devnet.stderr.trimEnd().split("\n").at(-1)!
    assert.match(sentence, /^ephor-node: node 901 does not stay up: see .*node-901\.log\. Its last words: /)
    assert.include(sentence, "restore the directory from a backup or delete it")
  }, 90_000)

  it("keys, addresses and places in a committee that do not fit", async () => {
    using folder = temporary()
    const at = (name: string) => join(folder.path, name)
    writeFileSync(
      at("spec.json"),
      JSON.stringify(ChainSpec.development({ chainId: "901", genesisTime: 1_700_000_000 }))
    )
    writeFileSync(at("bad.key"), "zz")
    const member = (key: string, ...more: ReadonlyArray<string>) =>
      fails("node", [
        "run",
        "--validator-key",
        key,
        "--chain-spec",
        at("spec.json"),
        "--data-dir",
        at(`${key}${more.length}${more[0] ?? ""}`.replaceAll("/", "-")),
        ...anyPorts,
        ...more
      ])
    const somewhere = "/ip4/127.0.0.1/tcp/1"
    const [stranger, maker, follower, address, secret, nodeKey, alone, bound] = await Promise.all([
      member("//Eve", "--peer", somewhere),
      member("//Bob", "--dev", "--listen", somewhere),
      member("//Alice", "--peer", somewhere),
      member("//Bob", "--peer", "localhost:1"),
      member(at("none"), "--peer", somewhere),
      member("//Bob", "--node-key", at("bad.key"), "--peer", somewhere),
      member("//Alice", "--dev"),
      member("//Alice", "--listen", "/ip4/192.0.2.1/tcp/9", "--dev")
    ])
    assert.include(stranger, "is not among the 4 validators of the chain specification")
    assert.include(maker, "validator 1 does not make this chain, validator 0 does")
    assert.include(follower, "validator 0 makes this chain")
    assert.include(address, "localhost:1 is not an address such as /ip4/127.0.0.1/tcp/30333")
    assert.include(secret, "cannot be read: it does not exist")
    assert.include(nodeKey, "is not 32 bytes in hex")
    assert.include(alone, "validator 0 alone cannot work: give --listen and --peer")
    assert.match(bound, /cannot listen on \/ip4\/192.0.2.1\/tcp\/9: listen EADDRNOTAVAIL/)
  }, 120_000)

  it("a port in use", async () => {
    using folder = temporary()
    const server = createServer()
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { readonly port: number }).port))
    )
    const dev = (name: string, flag: string) =>
      fails("node", [
        "run",
        "--dev",
        "--data-dir",
        join(folder.path, name),
        ...anyPorts.filter((_, i, all) => all[i] !== flag && all[i - 1] !== flag),
        flag,
        String(port)
      ])
    const all = await Promise.all([
      dev("a", "--interop-port"),
      dev("b", "--stream-port"),
      dev("c", "--admin-port")
    ])
    server.close()
    for (const text of all) {
      assert.include(text, `127.0.0.1:${port}`)
      assert.include(text, "choose another port")
    }
  }, 90_000)
})

describe("ephor-supervisor", () => {
  it("missing flags, missing files, secrets that do not match", async () => {
    using folder = temporary()
    const file = (name: string, content: string) => {
      const path = join(folder.path, name)
      writeFileSync(path, content)
      return path
    }
    const jwt = file("jwt", `0x${"11".repeat(32)}`)
    const files = {
      "--dependency-set": file("dependencies.json", '{"dependencies":{"901":{}}}'),
      "--rollup-config-set": file("rollups.json", "{}")
    }
    const supervise = (flags: { readonly [flag: string]: string | undefined }) =>
      fails("supervisor", [
        "run",
        ...Object.entries({
          "--l1-rpc": "http://127.0.0.1:1",
          "--l2-consensus.nodes": "ws://127.0.0.1:1",
          "--l2-consensus.jwt-secret": jwt,
          "--datadir": join(folder.path, "data"),
          "--log.format": "json",
          ...files,
          ...flags
        }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]))
      ])
    const [nothing, plain, networks, noSecret, noRollups, badRollups, secrets, notUrl] = await Promise.all([
      fails("supervisor", ["run"]),
      fails("supervisor", ["--l2-consensus.nodes", "ws://127.0.0.1:1"]),
      supervise({
        "--networks": "op-sepolia",
        "--dependency-set": undefined,
        "--rollup-config-set": undefined
      }),
      supervise({ "--l2-consensus.jwt-secret": "/no/such" }),
      supervise({ "--rollup-config-set": undefined }),
      supervise({ "--rollup-config-set": file("bad.json", '{"901":{}}') }),
      supervise({
        "--l2-consensus.nodes": "ws://a:1,ws://b:2,ws://c:3",
        "--l2-consensus.jwt-secret": `${jwt},${jwt}`
      }),
      supervise({ "--l2-consensus.nodes": "localhost:1" })
    ])
    assert.include(badRollups, "bad.json (--rollup-config-set) is not valid")
    assert.include(nothing, "required flag is missing: l1-rpc")
    assert.include(plain, "required flag is missing: l1-rpc")
    assert.include(networks, "--networks op-sepolia: no registry of named networks is built in")
    assert.include(noSecret, 'JWT-secret in path "/no/such" does not exist')
    assert.include(noRollups, "required flag is missing: rollup-config-set")
    assert.include(secrets, "sync node check failed: 3 nodes but 2 JWT secrets")
    assert.include(notUrl, "--l2-consensus.nodes should be a comma-separated list of URLs with ws://")
  }, 90_000)
})
