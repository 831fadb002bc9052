/** The cache is a help, never a condition: wherever it may not be written, the program runs all the same. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const source = new URL("../src/NodeCompileCache.ts", import.meta.url).href
const program = `import { enable } from ${JSON.stringify(source)}; enable(); console.log("ran")`

/** Runs a program with the cache turned on; a hang is a failure. */
const run = (environment: { readonly [name: string]: string }) => {
  const given = { ...process.env, ...environment }
  delete given["NODE_COMPILE_CACHE"]
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--conditions=ephor-source", "--input-type=module", "--eval", program],
    { encoding: "utf8", env: given, timeout: 120_000 }
  )
  assert.deepStrictEqual({ status, stdout, stderr }, { status: 0, stdout: "ran\n", stderr: "" })
}

const inFolder = (use: (folder: string) => void) => () => {
  const folder = mkdtempSync(join(tmpdir(), "ephor-cache-"))
  try {
    use(folder)
  } finally {
    chmodSync(folder, 0o700)
    rmSync(folder, { recursive: true })
  }
}

describe("NodeCompileCache", () => {
  it(
    "keeps compiled code below the user's cache directory",
    inFolder((folder) => {
      run({ XDG_CACHE_HOME: folder })
      assert.deepStrictEqual(readdirSync(folder), ["ephor"])
      assert.isNotEmpty(readdirSync(join(folder, "ephor")))
    })
  )

  it(
    "finds it in the home directory otherwise",
    inFolder((folder) => {
      run({ XDG_CACHE_HOME: "", HOME: folder })
      assert.isTrue(existsSync(join(folder, ".cache", "ephor")))
    })
  )

  it(
    "does without where it cannot write",
    inFolder((folder) => {
      const file = join(folder, "file")
      writeFileSync(file, "")
      chmodSync(folder, 0o500)
      const missing = join(folder, "missing", "home")
      for (const home of [join(file, "below"), missing, "/proc"]) {
        run({ XDG_CACHE_HOME: home })
        run({ XDG_CACHE_HOME: "", HOME: home })
      }
      assert.isFalse(existsSync(missing))
    })
  )
})
