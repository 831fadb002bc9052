/**
 * A process with a coordinator and its database on disk is killed with SIGKILL at any moment of its imports, flushes and
 * prunes, again and again: whatever it has acknowledged is there when the next one opens the database.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath, pathToFileURL } from "node:url"
import { build } from "tsup"
import { afterAll, beforeAll } from "vitest"
import { History, type Line } from "./support/history.ts"
import { randomOf } from "./support/random.ts"

const histories = 4
const killsPerHistory = 50
/** What the victim says from what it has found to its end, at most; and how much later that end comes. */
const lifeLines = 16
const lingerMs = 8

const directory = mkdtempSync(join(tmpdir(), "ephor-killed-"))
const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** Hundreds of starts: the victim is one file, which starts three times as fast. The store's native part stays outside. */
const bundle = () => {
  const lmdb = createRequire(pathOf("../../store/src/NodeStore.ts")).resolve("lmdb")
  return build({
    config: false,
    silent: true,
    entry: [pathOf("./fixtures/victim.ts")],
    format: "esm",
    platform: "node",
    target: "node22",
    splitting: false,
    noExternal: [/^(?!lmdb$)/],
    outDir: directory,
    outExtension: () => ({ js: ".mjs" }),
    esbuildOptions: (options) => void (options.conditions = ["ephor-source"]),
    esbuildPlugins: [
      {
        name: "lmdb",
        setup: (esbuild) =>
          esbuild.onResolve({ filter: /^lmdb$/ }, () => ({ path: pathToFileURL(lmdb).href, external: true }))
      }
    ]
  })
}

/** One life: until its database is checked, and a while longer. Gives what it said, up to its last whole line. */
const live = (
  path: string,
  seed: number,
  session: number,
  random: () => number
): Promise<ReadonlyArray<Line>> =>
  new Promise((resolve, reject) => {
    const args = [join(directory, "victim.mjs"), path, String(seed), String(session)]
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_COMPILE_CACHE: join(directory, "cache") }
    })
    const lines: Array<Line> = []
    const last = 1 + Math.floor(random() * lifeLines)
    createInterface(child.stdout).on("line", (text) => {
      // The last one may be cut off in the middle.
      if (!text.endsWith("}")) return
      const line: Line = JSON.parse(text)
      lines.push(line)
      if (lines.length === last) setTimeout(() => child.kill("SIGKILL"), random() * lingerMs)
    })
    child.on("error", reject)
    child.on("close", (code, signal) =>
      signal === "SIGKILL" ? resolve(lines) : reject(new Error(`the victim ended with ${code}`))
    )
  })

beforeAll(bundle)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe("a process that is killed while it imports, flushes and prunes", () => {
  it.concurrent.each(Array.from({ length: histories }, (_, n) => n + 1))(
    `has all that it acknowledged after each of ${killsPerHistory} kills, history %i`,
    async (seed) => {
      const path = join(directory, `history-${seed}`)
      const random = randomOf(seed)
      const history = new History()
      let acknowledged = 0
      for (let kill = 1; kill <= killsPerHistory; kill++) {
        const lines = await live(path, seed * 1000 + kill, history.session, random)
        for (const line of lines) history.hear(line, `history ${seed}, life ${kill}`)
        acknowledged += lines.reduce(
          (sum, line) => sum + ("acknowledged" in line ? line.acknowledged.length : 0),
          0
        )
      }
      assert.strictEqual(history.lives, killsPerHistory)
      assert.isAbove(acknowledged, 200)
      assert.isAbove(history.session, 10)
    },
    300_000
  )
})
