/** Real processes: whatever is killed, paused or switched, every commit comes once and in order. */
import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { dagBlockDigest, fromHex } from "@ephor/types"
import { makeIdentity } from "../../../packages/streaming/test/support/certificates.ts"
import { eventually, freePort, getJson, relayArgsOf, run, start, temporary } from "./processes.ts"

interface Commit {
  readonly index: number
  readonly digest: string
  readonly blocks: number
}
interface Block {
  readonly commit: number
  readonly block: { readonly round: number; readonly author: number; readonly digest: string }
  readonly bytes: `0x${string}`
}

const linesOf = (text: string): ReadonlyArray<Commit | Block> =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line))
const commitsOf = (text: string): ReadonlyArray<Commit> => linesOf(text).filter((line) => "index" in line)

/** Every commit comes after all of its blocks, and each block is what its name says. A kill leaves less of the last one. */
const assertBlocks = (text: string) => {
  let blocks: Array<Block> = []
  for (const line of linesOf(text)) {
    if ("commit" in line) {
      blocks.push(line)
      continue
    }
    assert.strictEqual(blocks.length, line.blocks)
    for (const { block, bytes, commit } of blocks) {
      assert.strictEqual(commit, line.index)
      assert.strictEqual(dagBlockDigest(fromHex(bytes)), block.digest)
    }
    blocks = []
  }
}

const readCommits = (path: string) => (existsSync(path) ? commitsOf(readFileSync(path, "utf8")) : [])

/** Waits until a file has more commits than it has now. */
const more = (path: string, count = 3) => {
  const before = readCommits(path).length
  return eventually(`${count} commits in ${path}`, async () =>
    readCommits(path).length >= before + count ? true : undefined
  )
}

const assertOnceInOrder = (commits: ReadonlyArray<Commit>) => {
  assert.deepStrictEqual(
    commits.map(({ index }) => index),
    commits.map((_, at) => at + 1)
  )
  assert.strictEqual(new Set(commits.map(({ digest }) => digest)).size, commits.length)
}

const quiet = ["--interop-port", "0", "--admin-port", "0", "--log-format", "json"]

/** SIGKILL, and the end of the process. */
const kill = async (child: ReturnType<typeof start>) => {
  child.kill("SIGKILL")
  await child.ended
}

/** A development node that can be started again in the same place. */
const nodeIn = async (dir: string) => {
  const port = await freePort()
  const args = ["run", "--dev", "--data-dir", dir, "--stream-port", String(port), ...quiet]
  const committee = join(dir, "committee.json")
  const node = start("node", args)
  await eventually("the committee's file", async () => (existsSync(committee) ? true : undefined))
  return { port, args, committee, node }
}

describe("ephor-node observe", () => {
  it("delivers every commit once over kills of publishers and its own, pauses and switches", async () => {
    using folder = temporary()
    const dir = (name: string) => join(folder.path, name)
    const [first, second, network] = await Promise.all([freePort(), freePort(), freePort()])
    const address = `/ip4/127.0.0.1/tcp/${network}`
    const sequencerArgs = [
      "run",
      "--dev",
      "--validator-key",
      "//Alice",
      "--listen",
      address,
      "--data-dir",
      dir("alice"),
      "--stream-port",
      String(first),
      ...quiet
    ]
    const committee = join(dir("alice"), "committee.json")
    let sequencer = start("node", sequencerArgs)
    await eventually("the committee's file", async () => (existsSync(committee) ? true : undefined))
    const followerArgs = [
      "run",
      "--validator-key",
      "//Bob",
      "--listen",
      "/ip4/127.0.0.1/tcp/0",
      "--peer",
      address,
      "--chain-spec",
      join(dir("alice"), "chain-spec.json"),
      "--data-dir",
      dir("bob"),
      "--stream-port",
      String(second),
      ...quiet
    ]
    let follower = start("node", followerArgs)
    const output = dir("commits.ndjson")
    const observerArgs = [
      "observe",
      "--from",
      `127.0.0.1:${second},127.0.0.1:${first}`,
      "--committee",
      committee,
      "--output",
      "blocks",
      "--file",
      output
    ]
    let observer = start("node", observerArgs)
    await more(output)
    await kill(follower)
    await more(output)
    observer.kill("SIGSTOP")
    follower = start("node", followerArgs)
    await new Promise((resolve) => setTimeout(resolve, 12_000))
    observer.kill("SIGCONT")
    await more(output, 8)
    await kill(sequencer)
    sequencer = start("node", sequencerArgs)
    await more(output)
    for (let times = 0; times < 2; times++) {
      await kill(observer)
      observer = start("node", observerArgs)
      await more(output, 2)
    }
    for (const child of [observer, follower, sequencer]) await kill(child)
    const commits = readCommits(output)
    assert.isAbove(commits.length, 18)
    assertBlocks(readFileSync(output, "utf8"))
    assertOnceInOrder(commits)
  }, 240_000)

  it("goes on after its cursor, and follows relays over TLS with a token", async () => {
    using folder = temporary()
    const { args, committee, node, port } = await nodeIn(join(folder.path, "node"))
    const file = (name: string, text: string) => {
      const path = join(folder.path, name)
      writeFileSync(path, text)
      return path
    }
    const identity = makeIdentity()
    const [relayPort, relayAdmin] = await Promise.all([freePort(), freePort()])
    const token = file("token", "observers-only\n")
    const relayArgs = [
      ...relayArgsOf({
        from: port,
        committee,
        dataDir: join(folder.path, "relay"),
        port: relayPort,
        adminPort: relayAdmin
      }),
      "--stream-tls-key",
      file("key.pem", Redacted.value(identity.key)),
      "--stream-tls-cert",
      file("cert.pem", identity.cert),
      "--stream-token-file",
      token
    ]
    let relay = start("node", relayArgs)
    const observerArgs = [
      "observe",
      "--json",
      "--from",
      `127.0.0.1:${relayPort}`,
      "--committee",
      committee,
      "--server-key",
      identity.hash,
      "--token-file",
      token,
      "--cursor",
      join(folder.path, "cursor")
    ]
    const observe = async (count: number, meanwhile: () => Promise<void>) => {
      const observer = start("node", observerArgs)
      const printed = () => commitsOf(observer.stdout()).length
      const further = () => {
        const before = printed()
        return eventually("further commits", async () => (printed() >= before + count ? true : undefined))
      }
      await further()
      await meanwhile()
      await further()
      observer.kill("SIGTERM")
      return commitsOf((await observer.ended).stdout)
    }
    const before = await observe(3, async () => {
      await kill(relay)
      relay = start("node", relayArgs)
    })
    const status = await eventually("the relay's figures", () =>
      getJson(`http://127.0.0.1:${relayAdmin}/status`)
    )
    assert.lengthOf(status.path, 1)
    assert.isAbove(status.position.index, 3)
    let again: ReturnType<typeof start> | undefined
    const after = await observe(3, async () => {
      await kill(node)
      again = start("node", args)
    })
    assertOnceInOrder([...before, ...after])

    const stranger = await run("node", [
      "observe",
      "--from",
      `127.0.0.1:${relayPort}`,
      "--trust",
      "--give-up-ms",
      "500",
      "--server-key",
      identity.hash
    ])
    assert.strictEqual(stranger.code, 1)
    assert.match(
      stranger.stderr,
      /https:\/\/127\.0\.0\.1:\d+: send authorization: Bearer and a token \(\d+ times in \d s\): give a token/
    )
    for (const child of [relay, again!]) await kill(child)
  }, 240_000)

  it("says what contradicts itself, and what does not fit", async () => {
    const from = ["observe", "--from", "127.0.0.1:1"]
    const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, message: string]> = [
      [from, "say whom to believe: give --committee FILE"],
      [[...from, "--trust", "--verify"], "--trust and checking exclude each other"],
      [[...from, "--trust", "--randomness-key", "0x12"], "leave out --trust, or --randomness-key"],
      [[...from, "--trust", "--server-key", "0x12"], "--server-key 0x12 is not the name of a key"],
      [["relay", "--from", "127.0.0.1:1"], "a relay publishes only what it has verified"],
      [
        [...from, "--trust", "--resume-blocks-lag", "50"],
        "resumeBlocksLag 50 must be below startCommitSyncLag 50"
      ]
    ]
    const ends = await Promise.all(cases.map(([args]) => run("node", args)))
    for (const [at, { code, stderr }] of ends.entries()) {
      assert.strictEqual(code, 1, stderr)
      assert.include(stderr, cases[at]![1])
    }
  }, 120_000)
})
