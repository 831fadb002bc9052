/** Somebody else's collators, as processes that are nobody in the committee. */
import { assert, describe, it } from "@effect/vitest"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ChainSpec from "../src/ChainSpec.ts"
import { eventually, freePort, getJson, run, start, temporary } from "./processes.ts"

describe("ephor-node collate", () => {
  it("is seconded by a committee of processes, which bans a bad collator for longer than its connection", async () => {
    using folder = temporary()
    const [alicePort, bobPort, admin] = await Promise.all([freePort(), freePort(), freePort()])
    const [aliceAddress, bobAddress] = [alicePort, bobPort].map((port) => `/ip4/127.0.0.1/tcp/${port}`)
    const specFile = join(folder.path, "chain-spec.json")
    const spec = ChainSpec.development({
      chainId: "901",
      genesisTime: Math.floor(Date.now() / 1000),
      blockTimeMs: 2000,
      finality: 4,
      validators: ["//Alice", "//Bob"],
      groups: [[0, 1]],
      paras: [2000]
    })
    writeFileSync(specFile, JSON.stringify(spec))
    const started = (name: string, ...args: ReadonlyArray<string>) =>
      start("node", [
        ...args,
        "--chain-spec",
        specFile,
        "--data-dir",
        join(folder.path, name),
        "--log-format",
        "json"
      ])
    const validator = (name: string, key: string, address: string, ...more: ReadonlyArray<string>) =>
      started(name, "run", "--validator-key", key, "--listen", address, ...more)
    const quiet = ["--interop-port", "0", "--stream-port", "0"]
    const leaving = ["--dev", "--outside-paras", "2000", "--admin-port", String(admin)]
    const alice = validator("alice", "//Alice", aliceAddress!, ...leaving, ...quiet)
    const bob = validator("bob", "//Bob", bobAddress!, "--peer", aliceAddress!, "--admin-port", "0", ...quiet)
    const collator = (name: string, ...more: ReadonlyArray<string>) =>
      started(name, "collate", "--para", "2000", "--to", `${aliceAddress},${bobAddress}`, ...more)
    const good = collator("good")
    const said = (child: ReturnType<typeof start>, text: string) =>
      eventually(`"${text}" of a collator`, async () => (child.output().includes(text) ? true : undefined))
    const included = async (more: number) => {
      const url = `http://127.0.0.1:${admin}/status`
      const { candidatesIncluded: before } = await eventually("a status", () => getJson(url))
      await eventually("candidates of the stranger", async () =>
        (await getJson(url)).candidatesIncluded >= before + more ? true : undefined
      )
    }
    await said(good, "a candidate was seconded")
    await included(2)

    const bad = ["--garbage-every", "1", "--collator-key", "//Mallory"]
    let mallory = collator("bad", ...bad)
    await said(mallory, "a candidate was found invalid")
    mallory.kill("SIGKILL")
    await mallory.ended
    // A new name in the network, the same key.
    mallory = collator("bad again", ...bad)
    await said(mallory, "this collator is banned")
    await included(2)
    for (const child of [mallory, good, bob, alice]) {
      child.kill("SIGKILL")
      await child.ended
    }
  }, 600_000)

  it("says what is wrong with its settings", async () => {
    using folder = temporary()
    const specFile = join(folder.path, "chain-spec.json")
    writeFileSync(specFile, JSON.stringify(ChainSpec.development({ chainId: "901", genesisTime: 1 })))
    const told = await run("node", ["collate", "--chain-spec", specFile])
    assert.include(told.stderr + told.stdout, "give --to ADDRESS")
    const other = await run("node", [
      "collate",
      "--chain-spec",
      specFile,
      "--to",
      "/ip4/127.0.0.1/tcp/1",
      "--para",
      "7"
    ])
    assert.include(other.stderr + other.stdout, "parachain 7 is not in")
  }, 180_000)
})
