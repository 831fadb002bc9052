import { assert, describe, it } from "@effect/vitest"
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import { lockDirectory } from "../src/directory/NodeLock.ts"

const root = mkdtempSync(join(tmpdir(), "ephor-lock-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let directories = 0
const directory = (): string => {
  const path = join(root, String(directories++))
  mkdirSync(path)
  return path
}
const files = (path: string) => readdirSync(path).toSorted()
/** The id of a process that was alive and is not. */
const goneProcess = (): number => spawnSync(process.execPath, ["-e", ""]).pid
const taken = (path: string): string => {
  try {
    lockDirectory(path)()
    return "taken"
  } catch (error) {
    return (error as Error).message
  }
}

describe("NodeLock", () => {
  it("belongs to one holder at a time, and leaves one file", () => {
    const path = directory()
    for (let round = 0; round < 3; round++) {
      const unlock = lockDirectory(path)
      assert.include(taken(path), "already open in this process")
      unlock()
    }
    assert.deepStrictEqual(files(path), ["process-3.lock"])
    assert.strictEqual(readFileSync(join(path, "process-3.lock"), "utf8"), "free\n")
  })

  it("is refused while its process lives, in this form or an earlier one", () => {
    for (const name of ["process.lock", "process-7.lock"]) {
      const path = directory()
      writeFileSync(join(path, name), `${process.ppid}\n`)
      assert.include(taken(path), `in use by process ${process.ppid}: stop that one`)
      assert.deepStrictEqual(files(path), [name])
    }
  })

  it("is passed over when its process is gone, its id was given anew, or nothing can be read in it", () => {
    const texts = [`${goneProcess()} 5\n`, "torn", "", `${process.pid}\n`]
    // The id of a living process, but not the process that wrote the lock.
    if (process.platform === "linux") texts.push(`${process.ppid} 1\n`)
    for (const text of texts) {
      for (const name of ["process.lock", "process-7.lock"]) {
        const path = directory()
        writeFileSync(join(path, name), text)
        writeFileSync(join(path, `process-${goneProcess()}-00aa.draft`), "")
        assert.strictEqual(taken(path), "taken", `${name}: ${text}`)
        assert.strictEqual(files(path).length, 1)
      }
    }
  })

  it("of a process that is gone is taken by one of many that try at once", { timeout: 120_000 }, async () => {
    const path = directory()
    const script = fileURLToPath(new URL("./fixtures/locker.ts", import.meta.url))
    const racers = Array.from({ length: 6 }, () => {
      const child = spawn(process.execPath, ["--conditions=ephor-source", script, path], {
        stdio: ["pipe", "pipe", "inherit"]
      })
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
      return {
        child,
        say: async (text: string): Promise<string> => {
          child.stdin.write(`${text}\n`)
          const line = await lines.next()
          return line.done === true ? "ended" : line.value
        }
      }
    })
    const gone = goneProcess()
    for (let round = 0; round < 100; round++) {
      // Every other round with one stale lock only, as a version before this one left it.
      if (round % 2 === 0) for (const name of files(path)) rmSync(join(path, name))
      const stale = round % 2 === 0 ? "process.lock" : files(path).at(-1)!
      writeFileSync(join(path, stale), `${gone} 5\n`)
      const answers = await Promise.all(racers.map(({ say }) => say("take")))
      assert.strictEqual(answers.filter((answer) => answer === "held").length, 1, answers.join("; "))
      assert.strictEqual(answers.filter((answer) => answer.includes("in use by process")).length, 5)
      await Promise.all(racers.map(({ say }) => say("give")))
    }
    for (const { child } of racers) child.stdin.end()
  })
})
