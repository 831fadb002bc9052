import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Result, Schema, Stream } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { open } from "lmdb"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import { Condition, Manifest, Migration, Store, Table } from "@ephor/store"
import * as NodeCheck from "@ephor/store/NodeCheck"
import * as NodeStore from "@ephor/store/NodeStore"

const root = mkdtempSync(join(tmpdir(), "ephor-manifest-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const names = Table.make({ name: "name", key: [Table.u32], value: Schema.String })
const encoder = new TextEncoder()
/** What version 2 of the family makes of a name: it is longer by a mark. */
const marking: Manifest.Migration = {
  to: 2,
  migrate: ({ key, value }) => [
    Store.put(key, encoder.encode(JSON.stringify(`${JSON.parse(new TextDecoder().decode(value))}!`)))
  ]
}
const contents = (version: number, options: Partial<Manifest.Contents> = {}): Manifest.Contents => ({
  program: "tester",
  release: `1.0.${version}`,
  families: [
    Manifest.family({ name: "names", version, tables: [names], migrations: version > 1 ? [marking] : [] })
  ],
  ...options
})
const using = <A, E>(
  path: string,
  use: (store: Store.Service) => Effect.Effect<A, E>,
  given: Manifest.Contents | undefined = contents(1)
) =>
  Effect.flatMap(Store.Store, use).pipe(
    Effect.provide(NodeStore.layer({ path, ...(given === undefined ? {} : { contents: given }) }), {
      local: true
    })
  )
const refusal = (path: string, given: Manifest.Contents) =>
  Effect.map(Effect.flip(using(path, () => Effect.void, given)), ({ message }) => message)
const fill = (count: number) => (store: Store.Service) =>
  store.batch(Array.from({ length: count }, (_, i) => names.put([i], `n${i}`)))
const all = (store: Store.Service) =>
  Effect.map(Stream.runCollect(names.iterate(store, [])), (found) => found.map(([, value]) => value))

/** A directory as versions before the manifest wrote them: plain values. */
const format1 = async (name: string, count: number, table = "name"): Promise<string> => {
  const path = join(root, name)
  mkdirSync(path)
  const database = open<Uint8Array, Uint8Array>({
    path,
    noSubdir: false,
    encoding: "binary",
    keyEncoding: "binary"
  })
  const old = Table.make({ name: table, key: [Table.u32], value: Schema.String })
  await database.batch(() => {
    for (let i = 0; i < count; i++) {
      const write = old.put([i], `n${i}`)
      if (write._tag === "Put") void database.put(write.key, write.value).catch(() => {})
    }
  })
  await database.close()
  return path
}

describe("Manifest", () => {
  it.effect("is not seen by those who use the store", () =>
    Effect.gen(function* () {
      const path = join(root, "hidden")
      yield* using(path, fill(3))
      yield* using(path, (store) =>
        Effect.gen(function* () {
          const key = encoder.encode("\0ephor/manifest")
          for (const reverse of [false, true]) {
            const found = yield* Stream.runCollect(store.iterate(new Uint8Array(0), { limit: 2, reverse }))
            assert.strictEqual(found.length, 2)
          }
          assert.strictEqual((yield* Stream.runCollect(store.iterate(new Uint8Array(0)))).length, 3)
          assert.deepStrictEqual(yield* Stream.runCollect(store.iterate(Uint8Array.of(0))), [])
          assert.isTrue(Option.isNone(yield* store.get(key)))
          assert.include((yield* Effect.flip(store.batch([Store.remove(key)]))).message, "the store's own")
        })
      )
    })
  )

  it.effect("refuses another program and newer versions in a sentence, and leaves them as they are", () =>
    Effect.gen(function* () {
      const path = join(root, "refused")
      yield* using(path, fill(3), contents(2))
      assert.include(
        yield* refusal(path, { ...contents(2), program: "other" }),
        "it belongs to tester, and not to other: use another directory, or open it with tester"
      )
      assert.include(
        yield* refusal(path, contents(1)),
        "it was written by tester 1.0.2, whose data of names is of version 2, and this program reads up to 1: install that release or a later one"
      )
      assert.deepStrictEqual(yield* using(path, all, contents(2)), ["n0", "n1", "n2"])
      const later = Manifest.plan({ format: Manifest.format + 1, families: {} }, undefined)
      assert.isTrue(Result.isFailure(later))
      const gap = contents(3)
      assert.include(yield* refusal(path, gap), "which this release can no longer read")
    })
  )

  it.effect("migrates an earlier version once, also below a prefix", () =>
    Effect.gen(function* () {
      const path = join(root, "migrated")
      const prefixed = (version: number): Manifest.Contents => {
        const own = contents(version)
        return {
          ...own,
          families: own.families.map((family) =>
            Manifest.under((key) => (key[0] === 0x61 && key[1] === 0x2f ? 2 : undefined), family)
          )
        }
      }
      yield* using(
        path,
        (store) =>
          Effect.andThen(
            fill(5)(Store.prefixed(store, "a/")),
            store.batch([Store.put(encoder.encode("b"), encoder.encode("other"))])
          ),
        prefixed(1)
      )
      for (let round = 0; round < 2; round++) {
        const found = yield* using(path, (store) => all(Store.prefixed(store, "a/")), prefixed(2))
        assert.deepStrictEqual(found, ["n0!", "n1!", "n2!", "n3!", "n4!"])
      }
    })
  )

  it.effect("goes on with a migration that was broken off, whatever batch it had come to", () =>
    Effect.gen(function* () {
      for (let batches = 0; batches < 6; batches++) {
        const store = yield* Store.Store
        yield* Effect.flatMap(Stream.runCollect(store.iterate(new Uint8Array(0))), (found) =>
          store.batch(found.map(({ key }) => Store.remove(key)))
        )
        yield* fill(10)(store)
        const step = { family: contents(2).families[0]!, migration: marking }
        let manifest = Manifest.fresh(contents(1))
        let left = batches
        const write = (writes: ReadonlyArray<Store.Write>, next: Manifest.Manifest) =>
          left-- === 0
            ? Effect.die("killed")
            : Effect.tap(store.batch(writes), () => Effect.sync(() => (manifest = next)))
        const limits = { batchRecords: 3, batchBytes: 1000 }
        yield* Effect.exit(Migration.run(store, manifest, step, write, limits))
        left = 100
        // What was done to the end is not done again: the manifest says so.
        if (manifest.families["names"] === 1) yield* Migration.run(store, manifest, step, write, limits)
        assert.deepStrictEqual(
          yield* all(store),
          Array.from({ length: 10 }, (_, i) => `n${i}!`)
        )
        assert.strictEqual(manifest.families["names"], 2)
      }
    }).pipe(Effect.provide(Store.layerMemory))
  )
})

describe("A directory without a manifest", () => {
  it.effect("gets one, and checksums", () =>
    Effect.gen(function* () {
      const path = yield* Effect.promise(() => format1("plain", 2500))
      const readOnly = Effect.scoped(Layer.build(NodeStore.layerReadOnly({ path, contents: contents(1) })))
      assert.include((yield* Effect.flip(readOnly)).message, "start tester on it once")
      assert.include((yield* Effect.flip(NodeCheck.check(path, [contents(1)]))).message, "start tester on it")
      const expected = Array.from({ length: 2500 }, (_, i) => `n${i}`)
      assert.deepStrictEqual(yield* using(path, all), expected)
      const report = yield* NodeCheck.check(path, [contents(1)])
      assert.deepStrictEqual(
        { damaged: report.damaged, records: report.records, program: report.manifest.program },
        { damaged: 0, records: { names: 2500 }, program: "tester" }
      )
    })
  )

  it.effect("of another program is refused", () =>
    Effect.gen(function* () {
      const path = yield* Effect.promise(() => format1("stranger", 3, "else"))
      assert.include(yield* refusal(path, contents(1)), "it holds records that are not tester's")
    })
  )

  it.live(
    "is whole after its migration was killed again and again",
    () =>
      Effect.gen(function* () {
        const count = 8000
        const path = yield* Effect.promise(() => format1("killed", count))
        let kills = 0
        for (; kills < 3; kills++) {
          const killed = yield* Effect.promise(() => migrateUntilKilled(path, 30 + 20 * kills))
          if (!killed) break
        }
        const expected = Array.from({ length: count }, (_, i) => `n${i}`)
        assert.strictEqual((yield* using(path, all)).join(), expected.join())
        assert.strictEqual((yield* NodeCheck.check(path, [contents(1)])).damaged, 0)
      }),
    60_000
  )
})

/** Opens a directory in a process of its own and kills it soon; whether it was killed. */
const migrateUntilKilled = (path: string, afterMs: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const script = fileURLToPath(new URL("./fixtures/opener.ts", import.meta.url))
    const child = spawn(process.execPath, ["--conditions=ephor-source", script, path], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), afterMs))
    child.on("error", reject)
    child.on("close", (_, signal) => resolve(signal === "SIGKILL"))
  })

describe("Damage", () => {
  const damaged = Effect.fnUntraced(function* (name: string) {
    const path = join(root, name)
    yield* using(path, (store) =>
      store.batch(Array.from({ length: 400 }, (_, i) => names.put([i], `the name ${i} `.repeat(8))))
    )
    return path
  })
  /** Turns one bit of the value that holds a text, in every page that has it. */
  const turn = (path: string, text: string): void => {
    const bytes = readFileSync(join(path, "data.mdb"))
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) bytes[at + 2]! ^= 1
    writeFileSync(join(path, "data.mdb"), bytes)
  }

  it.effect("of a record is met when it is read, told by the condition, and named by a check", () =>
    Effect.gen(function* () {
      const path = yield* damaged("bit")
      turn(path, "the name 77 ")
      const report = yield* NodeCheck.check(path, [contents(1)])
      assert.strictEqual(report.damaged, 1)
      assert.include(report.faults[0], "its checksum is wrong")
      assert.include(NodeCheck.render(report), "damaged: names, record at 0x6e616d65000000004d")
      yield* Effect.gen(function* () {
        const store = yield* Store.Store
        const { problems } = yield* Condition.Condition
        const before = yield* problems
        assert.isTrue(Option.isSome(yield* names.get(store, [76])))
        const error = yield* Effect.flip(names.get(store, [77]))
        assert.strictEqual(error.reason._tag, "Corrupt")
        assert.include(error.message, "its checksum is wrong")
        assert.strictEqual((yield* Effect.flip(all(store))).reason._tag, "Corrupt")
        const after = (yield* problems).filter((problem) => !before.includes(problem))
        assert.include(after[0], "2 reads met a damaged record")
      }).pipe(Effect.provide(NodeStore.layer({ path })))
    })
  )

  it.effect("that a checksum does not see is seen by the table", () =>
    Effect.gen(function* () {
      const path = join(root, "undecodable")
      yield* using(path, (store) => store.batch([Store.put(names.key([1]), encoder.encode("no JSON"))]))
      const report = yield* NodeCheck.check(path, [contents(1)])
      assert.strictEqual(report.damaged, 1)
    })
  )

  it.effect("of any page is a sentence or an error of the store, never the end of the process", () =>
    Effect.gen(function* () {
      const path = yield* damaged("pages")
      const whole = readFileSync(join(path, "data.mdb"))
      const pages = whole.length / 4096
      let refused = 0
      for (let page = 0; page < pages; page++) {
        for (const fill of [0, 0xff]) {
          const copy = join(root, "page")
          cpSync(path, copy, { recursive: true })
          const bytes = Buffer.from(whole)
          bytes.fill(fill, page * 4096, (page + 1) * 4096)
          writeFileSync(join(copy, "data.mdb"), bytes)
          const opened = yield* Effect.result(using(copy, all))
          if (Result.isFailure(opened)) {
            refused++
            assert.include(["Io", "Corrupt"], opened.failure.reason._tag)
            assert.include(opened.failure.message, "restore the directory from a backup or delete it")
          } else assert.strictEqual(opened.success.length, 400)
          rmSync(copy, { recursive: true })
        }
      }
      assert.isAbove(refused, pages / 2)
    })
  )

  it.effect("of a data file without a byte: nothing to read, and a new database to write", () =>
    Effect.gen(function* () {
      const path = join(root, "empty")
      mkdirSync(path)
      writeFileSync(join(path, "data.mdb"), "")
      const readOnly = Effect.scoped(Layer.build(NodeStore.layerReadOnly({ path })))
      assert.include((yield* Effect.flip(readOnly)).message, "there is no database in it")
      assert.include((yield* Effect.flip(NodeCheck.check(path, [contents(1)]))).message, "no database in it")
      assert.deepStrictEqual(yield* using(path, all), [])
    })
  )
})

describe("A full disk", () => {
  it.effect("is told before it is full, and refuses a batch while the rest stands", () =>
    Effect.gen(function* () {
      const path = join(root, "full")
      yield* using(path, fill(3))
      yield* Effect.gen(function* () {
        const store = yield* Store.Store
        const error = yield* Effect.flip(store.batch([names.put([9], "nine")]))
        assert.strictEqual(error.reason._tag, "Full")
        assert.isTrue(error.retryable)
        assert.include(error.message, "batch failed: the disk is full")
        assert.deepStrictEqual(yield* all(store), ["n0", "n1", "n2"])
      }).pipe(
        Effect.provide(
          NodeStore.layer({ path, contents: contents(1), reservedBytes: Number.MAX_SAFE_INTEGER })
        )
      )
      yield* Effect.gen(function* () {
        const { problems } = yield* Condition.Condition
        yield* Effect.yieldNow
        assert.include((yield* problems)[0], "are left on the disk of")
      }).pipe(Effect.provide(NodeStore.layer({ path, lowSpaceBytes: Number.MAX_SAFE_INTEGER })))
    })
  )

  // polkadot issue 1402, polkadot-sdk issue 798: LMDB prints a stack trace of its own once a write has failed.
  it.effect(
    "is seen before LMDB tries where a file may not grow, too: one sentence, and all that was said is there",
    () =>
      Effect.gen(function* () {
        const path = join(root, "limited")
        const script = fileURLToPath(new URL("./fixtures/fullWriter.ts", import.meta.url))
        const limited = `trap '' XFSZ; ulimit -f 20480; exec "${process.execPath}" --conditions=ephor-source "${script}" "${path}"`
        const { stderr, stdout } = spawnSync("bash", ["-c", limited], { encoding: "utf8" })
        assert.strictEqual(stderr, "")
        const [, count, message] = /^(\d+) (.*)$/m.exec(stdout) ?? []
        assert.match(message ?? stdout, /batch failed: the disk is full: \d+ bytes are left for a batch/)
        assert.isAbove(Number(count), 5)
        const keys = yield* Effect.gen(function* () {
          const store = yield* Store.Store
          yield* store.batch([Store.put(encoder.encode("after"), encoder.encode("there is room again"))])
          return yield* Stream.runCollect(store.iterate(new Uint8Array(0)))
        }).pipe(Effect.provide(NodeStore.layer({ path })))
        assert.lengthOf(keys, Number(count) + 1)
      }),
    60_000
  )
})
