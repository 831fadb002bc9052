/** Keys from the command line: what is shown is what every tool of the ecosystem knows, and secrets stay where they are. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { run, temporary } from "./processes.ts"

describe("ephor-node key", () => {
  it("shows the public key and the address of a development key", async () => {
    const { code, stdout } = await run("node", ["key", "show", "//Alice", "--json"])
    assert.strictEqual(code, 0)
    // Known to every Substrate tool.
    assert.deepStrictEqual(JSON.parse(stdout), {
      scheme: "sr25519",
      publicKey: "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d",
      ss58: "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    })
    const ed25519 = await run("node", ["key", "show", "//Alice", "--scheme", "ed25519"])
    assert.include(ed25519.stdout, "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu")
  }, 60_000)

  it("writes a secret that only its owner can read, never prints it, and never overwrites one", async () => {
    using folder = temporary()
    const file = join(folder.path, "validator.key")
    const made = JSON.parse((await run("node", ["key", "generate", "--out", file, "--json"])).stdout)
    const phrase = readFileSync(file, "utf8").trim()
    assert.lengthOf(phrase.split(" "), 12)
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    assert.notInclude(JSON.stringify(made), phrase)
    const shown = JSON.parse((await run("node", ["key", "show", file, "--json"])).stdout)
    assert.strictEqual(shown.publicKey, made.publicKey)
    const again = await run("node", ["key", "generate", "--out", file])
    assert.strictEqual(again.code, 1)
    assert.include(again.stderr, "it exists, and keys are never overwritten")
    assert.strictEqual(readFileSync(file, "utf8").trim(), phrase)
  }, 60_000)

  it("keeps a network identity in its file", async () => {
    using folder = temporary()
    const file = join(folder.path, "node-key.hex")
    const [first, second] = [
      await run("node", ["key", "node", file]),
      await run("node", ["key", "node", file])
    ]
    assert.match(first.stdout, /peerId: +12D3KooW/)
    assert.strictEqual(second.stdout, first.stdout)
  }, 60_000)
})
