import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { spawn } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import { Store } from "@ephor/store"
import * as NodeStore from "@ephor/store/NodeStore"
import * as StoreTest from "@ephor/store/testing/StoreTest"

const root = mkdtempSync(join(tmpdir(), "ephor-store-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

StoreTest.suite("lmdb", (test) => NodeStore.layer({ path: join(root, `plain-${test}`) }), { durable: true })
StoreTest.suite(
  "prefixed lmdb in small chunks",
  (test) =>
    Store.layerPrefixed("a/").pipe(
      Layer.provide(NodeStore.layer({ path: join(root, `small-${test}`), chunkSize: 2 }))
    ),
  { durable: true }
)

const opening = (path: string) =>
  Effect.scoped(Effect.asVoid(Layer.build(NodeStore.layer({ path })))).pipe(
    Effect.flip,
    Effect.map((error) => error.message)
  )
const written = (name: string) => {
  const path = join(root, name)
  const fill = Effect.flatMap(Store.Store, (store) =>
    store.batch(
      Array.from({ length: 500 }, (_, index) =>
        Store.put(Uint8Array.of(index >> 8, index & 255), new Uint8Array(100))
      )
    )
  )
  return Effect.as(Effect.provide(fill, NodeStore.layer({ path })), path)
}

describe("NodeStore", () => {
  it.effect("refuses a data file that is no database, in a sentence", () =>
    Effect.gen(function* () {
      for (const [name, content] of [
        ["garbage", Buffer.alloc(9000, 7)],
        ["short", Buffer.from("hi")],
        ["zeros", Buffer.alloc(20_000)]
      ] as const) {
        const path = join(root, name)
        mkdirSync(path)
        writeFileSync(join(path, "data.mdb"), content)
        const message = yield* opening(path)
        assert.strictEqual(
          message,
          `store ${path}: open failed: data.mdb is not a database (its first page is damaged); restore the directory from a backup or delete it`
        )
      }
    })
  )

  it.effect("refuses a data file that was cut short or damaged in its second page", () =>
    Effect.gen(function* () {
      const path = yield* written("cut")
      const file = join(path, "data.mdb")
      const whole = readFileSync(file)
      truncateSync(file, 16_384)
      assert.include(yield* opening(path), "was cut short (16384 of")
      writeFileSync(
        file,
        Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(4096, 1), whole.subarray(8192)])
      )
      assert.include(yield* opening(path), "its second page is")
      writeFileSync(file, whole)
      yield* Effect.scoped(Layer.build(NodeStore.layer({ path })))
    })
  )

  it.effect("refuses a path that is a file, and a directory without permission", () =>
    Effect.gen(function* () {
      const file = join(root, "file")
      writeFileSync(file, "")
      assert.include(yield* opening(file), "is not a directory")
      assert.include(yield* opening(join(file, "inside")), "is not a directory")
      if (process.getuid?.() === 0) return // root may write everywhere
      const path = join(root, "forbidden")
      mkdirSync(path)
      chmodSync(path, 0o500)
      assert.include(yield* opening(path), "no permission")
    })
  )

  it.effect("refuses keys that are too long or empty before anything is written", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      for (const key of [new Uint8Array(0), new Uint8Array(1979)]) {
        const error = yield* Effect.flip(
          store.batch([Store.put(Uint8Array.of(1), Uint8Array.of(1)), Store.put(key, Uint8Array.of(1))])
        )
        assert.include(error.message, "keys are 1 to 1978 bytes")
      }
      assert.deepStrictEqual(yield* Stream.runCollect(store.iterate(new Uint8Array(0))), [])
    }).pipe(Effect.provide(NodeStore.layer({ path: join(root, "keys") })))
  )

  it.live(
    "has every acknowledged batch, whole, after SIGKILL",
    () =>
      Effect.gen(function* () {
        const path = join(root, "killed")
        let acknowledged = 0
        for (let round = 0; round < 3; round++) {
          acknowledged = yield* Effect.promise(() => writeUntilKilled(path, acknowledged + 1, 40))
          const found = yield* Effect.flatMap(Store.Store, (store) =>
            Stream.runCollect(store.iterate(new Uint8Array(0)))
          ).pipe(Effect.provide(NodeStore.layer({ path }), { local: true }))
          const batches = new Map<number, number>()
          for (const { key } of found) {
            const batch = new DataView(key.buffer).getUint32(0)
            batches.set(batch, (batches.get(batch) ?? 0) + 1)
          }
          for (let batch = 1; batch <= acknowledged; batch++)
            assert.strictEqual(batches.get(batch), 5, `batch ${batch}`)
          for (const [batch, count] of batches) assert.strictEqual(count, 5, `batch ${batch} is torn`)
          acknowledged = Math.max(...batches.keys())
        }
      }),
    60_000
  )

  it.live(
    "is read, whole batches only, while another process writes it",
    () =>
      Effect.gen(function* () {
        const path = join(root, "shared")
        const reading = Effect.flatMap(Store.Store, (store) =>
          Stream.runCollect(store.iterate(new Uint8Array(0)))
        ).pipe(Effect.provide(NodeStore.layerReadOnly({ path }), { local: true }))
        assert.include((yield* Effect.flip(reading)).message, "open failed: there is no database in it")
        const seen: Array<number> = []
        yield* Effect.promise(() =>
          writeUntilKilled(path, 1, 200, async (written) => {
            if (written < 40 * (seen.length + 1)) return
            seen.push((await Effect.runPromise(reading)).length)
          })
        )
        assert.isAtLeast(seen.length, 3)
        for (const [at, count] of seen.entries()) {
          assert.strictEqual(count % 5, 0)
          assert.isAtLeast(count, 5 * 40 * (at + 1))
        }
        const error = yield* Effect.flatMap(Store.Store, (store) =>
          Effect.flip(store.batch([Store.put(Uint8Array.of(1), Uint8Array.of(1))]))
        ).pipe(Effect.provide(NodeStore.layerReadOnly({ path })))
        assert.include(error.message, "batch failed: it was opened for reading only")
      }),
    60_000
  )
})

/** Starts a process that writes batches of five, kills it after some were acknowledged; the last acknowledged one. */
const writeUntilKilled = (
  path: string,
  first: number,
  count: number,
  onWritten: (last: number) => Promise<void> = async () => {}
): Promise<number> =>
  new Promise((resolve, reject) => {
    const script = fileURLToPath(new URL("./fixtures/storeWriter.ts", import.meta.url))
    const child = spawn(process.execPath, ["--conditions=ephor-source", script, path, String(first)], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let last = 0
    let rest = ""
    let told = Promise.resolve()
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n")
      rest = lines.pop()!
      for (const line of lines) last = Math.max(last, Number(line))
      told = told.then(() => onWritten(last))
      if (last >= first + count) told.finally(() => child.kill("SIGKILL")).catch(reject)
    })
    child.on("error", reject)
    child.on("close", (code, signal) =>
      signal === "SIGKILL"
        ? told.then(() => resolve(last), reject)
        : reject(new Error(`the writer ended with ${code}`))
    )
  })
