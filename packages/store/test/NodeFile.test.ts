import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import * as NodeFile from "@ephor/store/NodeFile"

const root = mkdtempSync(join(tmpdir(), "ephor-file-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const read = (path: string) => readFileSync(path, "utf8")

describe("NodeFile", () => {
  it.effect("replaces and creates files, and leaves nothing beside them", () =>
    Effect.gen(function* () {
      const path = join(root, "a")
      yield* NodeFile.create(path, "one", { mode: 0o600 })
      assert.strictEqual(read(path), "one")
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      const error = yield* Effect.flip(NodeFile.create(path, "two"))
      assert.isTrue(error.exists)
      assert.strictEqual(read(path), "one")
      yield* NodeFile.replace(path, new TextEncoder().encode("three"))
      assert.strictEqual(read(path), "three")
      assert.deepStrictEqual(readdirSync(root), ["a"])
      rmSync(path)
    })
  )

  it.effect("is made by one of many that create it", () =>
    Effect.gen(function* () {
      const path = join(root, "b")
      const made = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => i),
        (i) => Effect.isSuccess(NodeFile.create(path, String(i))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(made.filter(Boolean).length, 1)
      assert.strictEqual(read(path), String(made.indexOf(true)))
      rmSync(path)
    })
  )

  it.effect("says what is wrong in a sentence", () =>
    Effect.gen(function* () {
      writeFileSync(join(root, "file"), "")
      const error = yield* Effect.flip(NodeFile.replace(join(root, "file", "x"), "1"))
      assert.include(error.message, "is not a directory")
      mkdirSync(join(root, "folder"))
      assert.isFalse((yield* Effect.flip(NodeFile.replace(join(root, "folder"), "1"))).exists)
      assert.deepStrictEqual(readdirSync(root).toSorted(), ["file", "folder"])
    })
  )

  it("keeps the old file when there is no room for the new one", { timeout: 120_000 }, () => {
    const path = join(root, "full")
    writeFileSync(path, "old")
    const script = fileURLToPath(new URL("./fixtures/fileWriter.ts", import.meta.url))
    const { stdout } = spawnSync(
      "bash",
      [
        "-c",
        `trap '' XFSZ; ulimit -f 8; exec "${process.execPath}" --conditions=ephor-source "${script}" "${path}"`
      ],
      { encoding: "utf8" }
    )
    assert.include(stdout, "cannot be written: the disk is full: the file may not grow any more")
    assert.strictEqual(read(path), "old")
    assert.deepStrictEqual(readdirSync(root).toSorted(), ["file", "folder", "full"])
  })
})
