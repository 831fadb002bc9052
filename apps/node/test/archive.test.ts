/** Real processes: a relay that keeps a few commits and is killed, and observers that begin with the first one. */
import { assert, describe, it } from "@effect/vitest"
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { eventually, freePort, getJson, relayArgsOf, run, start, temporary } from "./processes.ts"

const quiet = ["--interop-port", "0", "--admin-port", "0", "--log-format", "json"]

const kill = async (child: ReturnType<typeof start>) => {
  child.kill("SIGKILL")
  await child.ended
}
const indicesIn = (path: string): ReadonlyArray<number> =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line))
        .flatMap((line) => ("index" in line ? [line.index] : []))
    : []

describe("ephor-node relay --archive-dir", () => {
  it("serves every commit from the first one, after kills and without its publisher, and is verified", async () => {
    using folder = temporary()
    const dir = (name: string) => join(folder.path, name)
    const [port, relayPort, relayAdmin] = await Promise.all([freePort(), freePort(), freePort()])
    const committee = join(dir("node"), "committee.json")
    const nodeArgs = ["run", "--dev", "--data-dir", dir("node"), "--stream-port", String(port), ...quiet]
    let node = start("node", nodeArgs)
    await eventually("the committee's file", async () => (existsSync(committee) ? true : undefined))
    const archive = dir("archive")
    const relayArgs = [
      ...relayArgsOf({
        from: port,
        committee,
        dataDir: dir("relay"),
        port: relayPort,
        adminPort: relayAdmin
      }),
      "--max-history-commits",
      "3",
      "--archive-dir",
      archive,
      "--archive-segment-commits",
      "2"
    ]
    let relay = start("node", relayArgs)
    const segments = () =>
      existsSync(archive) ? readdirSync(archive).filter((one) => one.endsWith(".commits")) : []
    const archiveGrows = () => {
      const before = segments().length
      return eventually("further segments", async () => (segments().length >= before + 2 ? true : undefined))
    }
    for (let times = 0; times < 2; times++) {
      await archiveGrows()
      await kill(relay)
      relay = start("node", relayArgs)
    }
    await archiveGrows()
    const { position } = await eventually("the relay's figures", () =>
      getJson(`http://127.0.0.1:${relayAdmin}/status`)
    )
    // Nobody but the relay has anything now.
    await kill(node)
    const output = dir("commits.ndjson")
    const observer = start("node", [
      "observe",
      "--from",
      `127.0.0.1:${relayPort}`,
      "--committee",
      committee,
      "--output",
      "blocks",
      "--file",
      output
    ])
    const reach = (index: number) =>
      eventually(`commit ${index}`, async () => (indicesIn(output).at(-1)! >= index ? true : undefined))
    await reach(position.index - 2)
    node = start("node", nodeArgs)
    await reach(position.index + 3)
    for (const child of [observer, relay, node]) await kill(child)
    const indices = indicesIn(output)
    assert.deepStrictEqual(
      indices,
      indices.map((_, at) => at + 1)
    )

    const verified = await run("node", ["archive", "verify", archive, "--committee", committee])
    assert.strictEqual(verified.code, 0, verified.stderr)
    assert.match(
      verified.stdout,
      /^commits 1 to \d+ \(0x\w{64}\) in \d+ segments, .*: whole; \d+ signatures hold, votes certify/
    )
    const path = join(archive, segments().toSorted()[1]!)
    const bytes = readFileSync(path)
    bytes[200]! ^= 1
    chmodSync(path, 0o644)
    writeFileSync(path, bytes)
    const damaged = await run("node", ["archive", "verify", archive])
    assert.strictEqual(damaged.code, 1)
    assert.match(
      damaged.stderr,
      /\.commits is damaged: the checksum of commit \d+ is wrong; put a copy of it in its place/
    )
  }, 240_000)
})
