/** `ephor-supervisor run` above a stack of today: anvils as execution clients, each under a scripted op-node. */
import { assert, describe, it } from "@effect/vitest"
import type { Hash, L2BlockRef } from "@ephor/types"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { rpc, startAnvil } from "../../../packages/execution/test/support/anvil.ts"
import { type Faults, RpcFailure, serveRpc } from "../../../packages/safety/test/support/stack.ts"
import { eventually, freePort, run, start, temporary } from "../../node/test/processes.ts"

const zero: Hash = `0x${"0".repeat(64)}`
const genesisTime = 1_700_000_000
const blockTime = 2

interface Header {
  readonly hash: Hash
  readonly number: number
  readonly parentHash: Hash
  readonly timestamp: number
}

const header = (url: string, number: number): Promise<Header & { readonly stateRoot: Hash }> =>
  Effect.runPromise(
    Effect.map(rpc(url, "eth_getBlockByNumber", `0x${number.toString(16)}`, false), (block) => ({
      hash: block.hash,
      number: Number(block.number),
      parentHash: block.parentHash,
      timestamp: Number(block.timestamp),
      stateRoot: block.stateRoot
    }))
  )

/** An op-node that derived what `gave` says: up to which L2 block, by L1 block. */
const serveOpNode = (l1: string, l2: string) => {
  const gave = new Map<number, number>()
  const node = { currentL1: 0 }
  const ref = async (number: number): Promise<L2BlockRef> => {
    const { hash, parentHash, timestamp } = await header(l2, number)
    const origin = await header(l1, 0)
    return {
      hash,
      number,
      parentHash,
      timestamp,
      l1origin: { hash: origin.hash, number: 0 },
      sequenceNumber: number
    }
  }
  const at = (source: number) => [...gave].findLast(([from]) => from <= source) ?? [0, 0]
  const idOf = async (url: string, number: number) => ({ hash: (await header(url, number)).hash, number })
  const faults: Faults = { delayMs: 0, status: 200, without: new Set() }
  return Effect.map(
    serveRpc(
      {
        optimism_syncStatus: async () => {
          const { hash, number, parentHash, timestamp } = await header(l1, node.currentL1)
          const safe = await ref(at(node.currentL1)[1]!)
          return { current_l1: { hash, number, parentHash, timestamp }, safe_l2: safe, local_safe_l2: safe }
        },
        optimism_safeHeadAtL1Block: async (tag: string) => {
          if (gave.size === 0) throw new RpcFailure(-32_000, "not found")
          const [from, head] = at(Number(tag))
          return { l1Block: await idOf(l1, from!), safeHead: await idOf(l2, head!) }
        },
        optimism_outputAtBlock: async (tag: string) => {
          const { stateRoot } = await header(l2, Number(tag))
          return {
            version: zero,
            outputRoot: zero,
            blockRef: await ref(Number(tag)),
            withdrawalStorageRoot: zero,
            stateRoot
          }
        }
      },
      faults
    ),
    (server) => ({ ...server, gave, node })
  )
}

const secrets = ["hunter2", "provider-key"]
/** The address as that of a provider, with a password and a key. */
const secretive = (url: string) => `${url.replace("http://", "http://operator:hunter2@")}/provider-key`

/** A supervisor that is gone with its test. */
const started = (args: ReadonlyArray<string>) => {
  const process = start("supervisor", args)
  return { ...process, [Symbol.dispose]: () => void process.kill("SIGKILL") }
}

/** Two minutes: a program starts from its sources meanwhile. */
const patiently = <A>(what: string, ask: () => Promise<A | undefined>) =>
  eventually(what, ask).catch(() => eventually(what, ask))

describe("ephor-supervisor above nodes that it follows", () => {
  it.live(
    "promotes, answers superroot_atTimestamp, goes on after a kill, and shows no secret",
    () =>
      Effect.gen(function* () {
        const chains = ["901", "902"]
        const l1 = yield* startAnvil("--chain-id", "900", "--timestamp", String(genesisTime))
        yield* rpc(l1.url, "anvil_mine", "0x14")
        const stacks = yield* Effect.forEach(chains, (id) =>
          Effect.gen(function* () {
            const client = yield* startAnvil("--chain-id", id, "--timestamp", String(genesisTime))
            yield* rpc(client.url, "anvil_setBlockTimestampInterval", blockTime)
            yield* rpc(client.url, "anvil_mine", "0xa")
            return { id, client, opNode: yield* serveOpNode(l1.url, client.url) }
          })
        )
        for (const { opNode } of stacks) {
          for (let i = 1; i <= 5; i++) opNode.gave.set(i + 1, 2 * i)
          opNode.node.currentL1 = 18
        }
        yield* Effect.promise(async () => {
          using folder = temporary()
          const file = (name: string, content: unknown) => {
            const path = join(folder.path, name)
            writeFileSync(path, JSON.stringify(content))
            return path
          }
          const genesisOf = async (url: string) => {
            const { hash, number, timestamp } = await header(url, 0)
            return { hash, number, timestamp }
          }
          const rollups: { [id: string]: unknown } = {}
          for (const { client, id } of stacks) {
            const genesis = { l1: await genesisOf(l1.url), l2: await genesisOf(client.url) }
            rollups[id] = { genesis, block_time: blockTime, interop_time: genesisTime }
          }
          const port = await freePort()
          const flags = [
            "--l1-rpc",
            l1.url,
            "--l1.poll-interval-ms",
            "100",
            "--datadir",
            join(folder.path, "data"),
            "--dependency-set",
            file("set.json", { dependencies: { "901": {}, "902": {} } }),
            "--rollup-config-set",
            file("rollups.json", rollups),
            "--rpc.port",
            String(port),
            ...stacks.flatMap(({ client, opNode }) => [
              "--l2-passive.nodes",
              `${secretive(opNode.url)},${client.url}`
            ])
          ]
          const ask = async (timestamp: number) => {
            const response = await fetch(`http://127.0.0.1:${port}`, {
              method: "POST",
              headers: { "content-type": "application/json" },
              body: JSON.stringify({
                jsonrpc: "2.0",
                id: 1,
                method: "superroot_atTimestamp",
                params: [timestamp]
              })
            })
            const { result } = await response.json()
            return result?.data === undefined || result.data === null ? undefined : result
          }
          using first = started(["run", ...flags])
          const early = await patiently("the super root of what was derived", () =>
            ask(genesisTime + 10 * blockTime)
          )
          assert.strictEqual(early.data.verified_required_l1.number, 6)
          assert.deepStrictEqual(early.chain_ids, chains)
          first.kill("SIGKILL")
          const { stderr } = await first.ended
          for (const { client, opNode } of stacks) {
            await Effect.runPromise(rpc(client.url, "anvil_mine", "0x4"))
            opNode.gave.set(18, 14)
            opNode.node.currentL1 = 19
          }
          using second = started(["run", ...flags])
          const late = await patiently("the super root after a kill", () => ask(genesisTime + 14 * blockTime))
          assert.strictEqual(late.data.verified_required_l1.number, 18)
          assert.deepStrictEqual((await ask(genesisTime + 10 * blockTime))?.data, early.data)
          second.kill("SIGTERM")
          const ended = await second.ended
          const config = await run("supervisor", ["check-config", ...flags])
          assert.strictEqual(config.code, 0, config.stderr)
          assert.include(config.stdout, "127.0.0.1")
          for (const secret of secrets) {
            for (const text of [stderr, ended.stderr, config.stdout, config.stderr])
              assert.notInclude(text, secret)
          }
        })
      }),
    // Two starts of the program and three anvils, on a machine that has other things to do.
    400_000
  )

  it("says what is wrong with the nodes that are named", async () => {
    using folder = temporary()
    const file = (name: string, content: string) => {
      const path = join(folder.path, name)
      writeFileSync(path, content)
      return path
    }
    const said = async (...flags: ReadonlyArray<string>) => {
      const { code, stderr } = await run("supervisor", [
        "run",
        "--l1-rpc",
        "http://127.0.0.1:1",
        "--datadir",
        join(folder.path, "data"),
        "--dependency-set",
        file("set.json", '{"dependencies":{"901":{}}}'),
        "--rollup-config-set",
        file("rollups.json", "{}"),
        ...flags
      ])
      assert.strictEqual(code, 1)
      return stderr
    }
    assert.include(await said(), "required flag is missing: l2-consensus.nodes (or l2-passive.nodes)")
    const odd = await said("--l2-passive.nodes", "http://a:hunter2@127.0.0.1:1/provider-key")
    assert.include(odd, "--l2-passive.nodes names 1 URLs: give two for each node")
    for (const secret of secrets) assert.notInclude(odd, secret)
    const pair = ["--l2-passive.nodes", "http://127.0.0.1:1,http://127.0.0.1:2"]
    assert.include(
      await said(...pair, "--l2-passive.jwt-secret", "/no/a,/no/b"),
      "--l2-passive.jwt-secret names 2 files for 1 nodes"
    )
    assert.include(
      await said("--l2-consensus.nodes", "ws://127.0.0.1:1"),
      "required flag is missing: l2-consensus.jwt-secret"
    )
    assert.include(
      await said(...pair, "--rpc.enable-admin"),
      "required flag is missing: rpc.admin-jwt-secret (or --no-rpc.admin-auth)"
    )
  }, 400_000)
})
