/** What it costs to load what we publish: files rather than time, on what a build has made (`npm run build`). */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { packages, root } from "./support/house.ts"

const built = packages.filter(({ folder, json }) => folder === "packages" && json.private !== true)

/** The files that a program loads. */
const loads = (folder: string, ...args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const scratch = mkdtempSync(join(tmpdir(), "ephor-loads-"))
  try {
    const file = join(scratch, "loads")
    const hook = join(import.meta.dirname, "support", "loads.mjs")
    const { status, stderr } = spawnSync(process.execPath, ["--import", hook, ...args], {
      cwd: join(root, folder),
      encoding: "utf8",
      env: { ...process.env, LOADS: file },
      timeout: 120_000
    })
    assert.strictEqual(status, 0, stderr)
    return readFileSync(file, "utf8").trim().split("\n")
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** Imports a package as its own users do: by its name, what is built of it. */
const imports = (name: string) =>
  loads(`packages/${name}`, "--input-type=module", "--eval", `import "@ephor/${name}"`)

const among = (files: ReadonlyArray<string>, pattern: RegExp) => files.filter((file) => pattern.test(file))

/** What runs on import: the constants and tables of a few nouns, none of these. */
const heavy = /\/(lmdb|libp2p|@libp2p|@grpc|@redis|redis|ioredis|undici|vitest|hash-wasm)[@/+]/

describe("imports", () => {
  it("packages load none of their heavy dependencies before they are needed", () => {
    for (const { json } of built) {
      const files = imports(json.name.slice("@ephor/".length))
      assert.deepStrictEqual(among(files, heavy), [], json.name)
      if (!["@ephor/store", "@ephor/types", "@ephor/chain"].includes(json.name)) continue
      assert.deepStrictEqual(among(files, /wasm-crypto|\/effect\/dist\/index\.js$/), [], json.name)
    }
  }, 240_000)

  it("a binary loads a few files to print its version", () => {
    for (const name of ["node", "supervisor"]) {
      const files = loads(`apps/${name}`, join(root, "apps", name, "dist", "bin.js"), "--version")
      assert.isBelow(files.length, 60, `ephor-${name}: ${files.length} files`)
      assert.deepStrictEqual(among(files, /node_modules/), [], name)
    }
  }, 60_000)

  it("every public module can be required: nothing waits while it loads", () => {
    for (const { dir, json, rooms } of built) {
      const dist = join(root, dir, "dist")
      assert.isTrue(existsSync(join(dist, "index.js")), `${dir} is not built: npm run build`)
      const modules = globSync("**/*.d.ts", { cwd: dist })
        .map((file) => file.slice(0, -".d.ts".length))
        .filter((module) => !rooms.includes(module.split("/")[0]!))
        // Entries of threads, and suites that only run inside vitest.
        .filter((module) => !module.endsWith("Worker") && !module.startsWith("testing/"))
        .map((module) => (module === "index" ? json.name : `${json.name}/${module}`))
        .filter((module) => !module.endsWith("/index"))
      const program = join(import.meta.dirname, "support", "requires.mjs")
      const { status, stderr } = spawnSync(process.execPath, [program, ...modules], {
        cwd: join(root, dir),
        encoding: "utf8",
        timeout: 120_000
      })
      assert.strictEqual(status, 0, `${json.name}\n${stderr}`)
    }
  }, 240_000)
})
