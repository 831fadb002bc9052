import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

const program = join(import.meta.dirname, "support", "endings.ts")

/** Runs a command until it says that it waits, sends the signal and answers how it ended. */
const end = async (command: string, signal?: NodeJS.Signals) => {
  const child = spawn(process.execPath, ["--conditions=ephor-source", program, command], { stdio: "pipe" })
  let said = ""
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said += chunk
      if (String(chunk).includes("waits") && signal !== undefined) child.kill(signal)
    })
  const [code] = await once(child, "close")
  return { code, said }
}

describe("NodeEnding", () => {
  it.concurrent.for([
    ["serve", "SIGTERM", 0],
    ["serve", "SIGINT", 130],
    ["count", "SIGTERM", 143],
    ["count", "SIGINT", 130]
  ] as const)(
    "%s ends on %s with %d, and what is open is closed",
    { timeout: 60_000 },
    async ([command, signal, code]) => {
      const ended = await end(command, signal)
      assert.strictEqual(ended.code, code, ended.said)
      assert.include(ended.said, "in order")
    }
  )

  it.concurrent(
    "tells of what could not be closed, and is no success then",
    { timeout: 60_000 },
    async () => {
      const ended = await end("break", "SIGTERM")
      assert.strictEqual(ended.code, 1, ended.said)
      assert.include(ended.said, "what was open stays open")
    }
  )

  it.concurrent("ends with 0 by itself", { timeout: 60_000 }, async () => {
    assert.strictEqual((await end("succeed")).code, 0)
  })
})
