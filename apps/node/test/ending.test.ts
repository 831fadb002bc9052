/** Commands that run until they are told to stop end with 0 by SIGTERM and 130 by SIGINT, and say so last. */
import { assert, describe, it } from "@effect/vitest"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type bins, eventually, start, temporary } from "./processes.ts"

interface Case {
  readonly command: readonly [bin: keyof typeof bins, ...words: ReadonlyArray<string>]
  readonly args: (folder: string) => ReadonlyArray<string>
  /** What it says when it runs. */
  readonly runs: RegExp
  readonly signal: NodeJS.Signals
  readonly code: number
}

const logs = ["--log-format", "json"]

const superviseArgs = (folder: string) => {
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  return [
    "--l1-rpc",
    "http://127.0.0.1:1",
    "--l2-consensus.nodes",
    "ws://127.0.0.1:1",
    "--l2-consensus.jwt-secret",
    file("jwt", "11".repeat(32)),
    "--datadir",
    join(folder, "data"),
    "--dependency-set",
    file("set.json", '{"dependencies":{"901":{}}}'),
    "--rollup-config-set",
    file("rollups.json", "{}"),
    "--mock-run",
    "--rpc.port",
    "0",
    "--log.format",
    "json"
  ]
}

const cases: ReadonlyArray<Case> = [
  {
    command: ["node", "observe", "--from", "127.0.0.1:1", "--trust", ...logs],
    args: () => [],
    runs: /127\.0\.0\.1:1/,
    signal: "SIGINT",
    code: 130
  },
  {
    command: ["node", "devnet", "--chains", "1"],
    args: (folder) => ["--data-dir", join(folder, "data")],
    runs: /starting a chain/,
    signal: "SIGTERM",
    code: 0
  },
  {
    command: ["supervisor"],
    args: superviseArgs,
    runs: /the supervisor is running/,
    signal: "SIGTERM",
    code: 0
  }
]

describe.for(cases)("ephor-$command", ({ args, code, command: [bin, ...words], runs, signal }) => {
  it(`ends on ${signal} with ${code}`, { timeout: 240_000 }, async () => {
    using folder = temporary()
    const running = start(bin, [...words, ...args(folder.path)])
    await eventually("its first word", async () => runs.test(running.output()) || undefined)
    running.kill(signal)
    const ended = await running.ended
    assert.strictEqual(ended.code, code, ended.stderr)
    const last = ended.stderr.trim().split("\n").at(-1)!
    assert.strictEqual(last.startsWith("{") ? JSON.parse(last).message : last, "stopped", ended.stderr)
  })
})
