/** The main job, with real processes: everything moves, also when processes are killed in the middle. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Ended, eventually, start, temporary } from "./processes.ts"

/** Process ids of the devnet's children whose command line names this part of the data directory. */
const pidsOf = (part: string): ReadonlyArray<number> =>
  execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(part) && line.includes(" run "))
    .map((line) => Number.parseInt(line, 10))

const lastLine = ({ stderr, stdout }: Ended) => {
  assert.notStrictEqual(stdout, "", `no report was printed; the last words were: ${stderr.slice(-1000)}`)
  return JSON.parse(stdout.trim().split("\n").at(-1)!)
}

/** Waits until a devnet tells how it is going. */
const firstFigures = (devnet: ReturnType<typeof start>) =>
  eventually("the first figures", async () => (devnet.output().includes("s | 901:") ? true : undefined))

/** SIGKILL for the children with these directories. */
const kill = (path: string, parts: ReadonlyArray<string>) => {
  for (const part of parts) {
    const pids = pidsOf(`${path}/${part} `)
    assert.strictEqual(pids.length, 1, part)
    process.kill(pids[0]!, "SIGKILL")
  }
}

describe("ephor-node devnet", () => {
  it("goes on after a node and the supervisor were killed, and again from the same directory", async () => {
    using folder = temporary()
    const args = ["devnet", "--json", "--data-dir", folder.path]
    const first = start("node", [...args, "--duration", "35"])
    await firstFigures(first)
    await new Promise((resolve) => setTimeout(resolve, 6000))
    kill(folder.path, ["node-901", "supervisor"])
    const killed = await first.ended
    const report = lastLine(killed)
    assert.deepStrictEqual(report.stalled, [], killed.stderr)
    assert.strictEqual(killed.code, 0)
    assert.include(killed.stderr, "node 901 ended with a signal: starting it again")
    assert.include(killed.stderr, "supervisor ended with a signal: starting it again")
    assert.deepStrictEqual(pidsOf(folder.path), [], "no child is left behind")

    const again = await start("node", [...args, "--duration", "15"]).ended
    const resumed = lastLine(again)
    assert.deepStrictEqual(resumed.stalled, [], again.stderr)
    for (const [index, chain] of resumed.chains.entries()) {
      assert.isAbove(chain.finalized, report.chains[index].finalized)
      assert.isAtLeast(chain.candidatesIncluded, report.chains[index].candidatesIncluded)
    }
  }, 240_000)

  it("goes on with a process per validator after one of them and the sequencer were killed", async () => {
    using folder = temporary()
    const args = ["devnet", "--json", "--processes", "--data-dir", folder.path]
    const first = start("node", [...args, "--duration", "40"])
    await firstFigures(first)
    await new Promise((resolve) => setTimeout(resolve, 4000))
    kill(folder.path, ["validator-901-1", "node-902"])
    const ended = await first.ended
    const { code, stderr } = ended
    assert.strictEqual(code, 0, stderr)
    assert.include(stderr, "validator 1 of 901 ended with a signal: starting it again")
    const { chains } = lastLine(ended)
    for (const chain of chains) assert.isAbove(chain.candidatesIncluded, 10)
    // Back in the committee: it knows blocks that were made after its death.
    const log = readFileSync(join(folder.path, "validator-901-1.log"), "utf8")
    assert.lengthOf(log.match(/the committee's network is up/g) ?? [], 2)
    assert.isAtLeast((log.match(/connected with peer/g) ?? []).length, 6)
    assert.deepStrictEqual(pidsOf(folder.path), [], "no child is left behind")
  }, 240_000)

  it("runs over three anvils, and goes on after a node and the supervisor were killed", async () => {
    using folder = temporary()
    const args = ["devnet", "--json", "--execution", "anvil", "--data-dir", folder.path]
    // Long enough for a second claim on each chain after those who count have begun anew.
    const devnet = start("node", [...args, "--duration", "75"])
    await firstFigures(devnet)
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    kill(folder.path, ["node-901", "supervisor"])
    const ended = await devnet.ended
    const { code, stderr } = ended
    assert.strictEqual(code, 0, stderr)
    assert.include(stderr, "node 901 ended with a signal: starting it again")
    assert.include(stderr, "supervisor ended with a signal: starting it again")
    const { chains, ok, supervisor } = lastLine(ended)
    assert.isTrue(ok)
    assert.isAbove(supervisor.executingMessages, 0)
    // On each chain a message was executed that nobody had sent: the block was replaced, and the chain went on.
    for (const { finalized, replacedBlocks } of chains) {
      assert.isAbove(replacedBlocks, 0)
      assert.isAbove(finalized, 0)
    }
  }, 240_000)

  it("says what stood still, and ends its children when it is killed", async () => {
    using folder = temporary()
    const devnet = start("node", ["devnet", "--data-dir", folder.path])
    await eventually("all children", async () => (pidsOf(folder.path).length === 3 ? true : undefined))
    devnet.kill("SIGKILL")
    await devnet.ended
    await eventually("the end of all children", async () =>
      pidsOf(folder.path).length === 0 ? true : undefined
    )
    const tooShort = await start("node", ["devnet", "--json", "--duration", "1"]).ended
    assert.strictEqual(tooShort.code, 1)
    assert.isFalse(lastLine(tooShort).ok)
    assert.match(
      tooShort.stderr.trim().split("\n").at(-1)!,
      /^ephor-node: these parts stood still: chain 901: /
    )
  }, 180_000)
})
