/** Every example runs as its README says: one node with the custom subsystem serves those that need one. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import * as FreePort from "../apps/node/src/devnet/FreePort.ts"

import "../examples/custom-store/sqlite-store.test.ts"

const root = join(import.meta.dirname, "..")
const timeoutMs = 60_000

/** A program of this repository, with all that it has printed. */
interface Program {
  readonly child: ChildProcess
  readonly output: () => string
  /** Resolves when the pattern is printed, rejects when the program ends before. */
  readonly prints: (pattern: RegExp) => Promise<RegExpExecArray>
  /** Resolves with the exit code. */
  readonly ends: Promise<number | null>
}

/** From sources. */
const start = (...args: ReadonlyArray<string>): Program => launch("--conditions=ephor-source", ...args)

const launch = (...args: ReadonlyArray<string>): Program => {
  const child = spawn(process.execPath, args, { cwd: root })
  let text = ""
  const waiting = new Set<() => void>()
  const take = (data: Buffer) => {
    text += data.toString()
    for (const check of waiting) check()
  }
  child.stdout.on("data", take)
  child.stderr.on("data", take)
  const ends = new Promise<number | null>((resolve) => child.on("close", resolve))
  return {
    child,
    ends,
    output: () => text,
    prints: (pattern) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const match = pattern.exec(text)
          if (match === null) return
          waiting.delete(check)
          resolve(match)
        }
        waiting.add(check)
        check()
        ends
          .then((code) => reject(new Error(`ended with ${code} before it printed ${pattern}:\n${text}`)))
          .catch(reject)
      })
  }
}

/** Runs an example to its end and answers what it printed. */
const complete = async (...args: ReadonlyArray<string>): Promise<string> => {
  const program = start(...args)
  assert.strictEqual(await program.ends, 0, program.output())
  return program.output()
}

describe("examples", () => {
  let dataDir: string
  let streamPort: number
  let node: Program

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "ephor-examples-"))
    streamPort = await Effect.runPromise(FreePort.freePort("127.0.0.1"))
    const flags = {
      "--data-dir": dataDir,
      "--extend": "examples/custom-subsystem/fee-oracle.ts",
      "--interop-port": "0",
      "--stream-port": String(streamPort),
      "--admin-port": "0",
      "--log-format": "json"
    }
    node = start("apps/node/src/bin.ts", "run", "--dev", ...Object.entries(flags).flat())
  })

  afterAll(async () => {
    node.child.kill("SIGKILL")
    await node.ends
    rmSync(dataDir, { recursive: true, force: true })
  })

  it("json-rpc-client drives the node", { timeout: timeoutMs }, async () => {
    const [, port] = await node.prints(/managed node server bound to address.*?"port":\s*(\d+)/)
    await node.prints(/the node is running/)
    const printed = await complete(
      "examples/json-rpc-client/drive.ts",
      `ws://127.0.0.1:${port}`,
      join(dataDir, "jwt.hex"),
      "6"
    )
    assert.match(printed, /^chain 901, anchored at block 0 0x/)
    assert.match(printed, /cross-unsafe is now block \d+/)
  })

  it("json-rpc-client says what is wrong with a secret", { timeout: timeoutMs }, async () => {
    const program = start("examples/json-rpc-client/drive.ts", "ws://127.0.0.1:1", join(dataDir, "none.hex"))
    assert.strictEqual(await program.ends, 1)
    assert.include(program.output(), "none.hex")
  })

  it("observer follows the publisher", { timeout: timeoutMs }, async () => {
    await node.prints(/the node is running/)
    const printed = await complete(
      "examples/observer/observe.ts",
      `127.0.0.1:${streamPort}`,
      join(dataDir, "committee.json"),
      "2"
    )
    assert.match(printed, /^commit 1 0x[0-9a-f]{64} with \d+ blocks\ncommit 2 0x/)
  })

  it("custom-subsystem answers in the node, which stops when told to", { timeout: timeoutMs }, async () => {
    const [, fee] = await node.prints(/fee oracle.*?"fee":\s*(\d+)/)
    assert.isAtLeast(Number(fee), 10)
    node.child.kill("SIGTERM")
    assert.include([0, 130, 143], await node.ends)
  })

  it(
    "custom-subsystem runs in the bundle as well, which has an effect of its own",
    { timeout: timeoutMs },
    async () => {
      const extension = ["--extend", "examples/custom-subsystem/fee-oracle.ts"]
      const ports = ["interop", "stream", "admin"].flatMap((door) => [`--${door}-port`, "0"])
      const folder = join(dataDir, "bundle")
      const bin = join("apps", "node", "dist", "bin.js")
      const shipped = launch(
        bin,
        "run",
        "--dev",
        "--data-dir",
        folder,
        "--log-format",
        "json",
        ...extension,
        ...ports
      )
      const [, fee] = await shipped.prints(/fee oracle.*?"fee":\s*(\d+)/)
      assert.isAtLeast(Number(fee), 10)
      shipped.child.kill("SIGTERM")
      assert.include([0, 130, 143], await shipped.ends)
    }
  )

  it("promise-api runs without Effect", { timeout: timeoutMs }, async () => {
    const printed = await complete("examples/promise-api/promises.ts")
    assert.match(printed, /^block 1 0x[0-9a-f]{64} +(logs 0x2a)?/)
    assert.match(printed, /logs 0x2a/)
    assert.match(printed, /unknown block/)
  })
})
