/** What becomes of processes: killed from outside, stopped, closed, left behind; and of what they prepared. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Adder, Pvf } from "@ephor/backing"
import * as NodePvf from "@ephor/backing/NodePvf"
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { explainEnd } from "../src/validation/NodePvfProcess.ts"
import * as NodeArtifactCache from "../src/validation/NodeArtifactCache.ts"
import * as Fixtures from "./fixtures/wasm.ts"
import * as Hostile from "./support/hostile.ts"

const params = {
  parentHead: Adder.encodeHead(Adder.genesis(5n)),
  blockData: Adder.encodeBlock({ state: 5n, add: 7n }),
  relayParentNumber: 1,
  relayParentStorageRoot: `0x${"00".repeat(32)}` as const
}
const execute = (code: Uint8Array, timeoutMs = 10_000) =>
  Pvf.Pvf.use((pvf) => pvf.execute({ code, params, timeoutMs }))

/** Processes that another one started. */
const childrenOf = (pid: number): ReadonlyArray<number> =>
  execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .flatMap((row) =>
      row !== null && Number(row[2]) === pid && row[3]!.includes("NodePvfWorker") ? [Number(row[1])] : []
    )

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
const pause = (ms: number) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, ms)))
const until = (what: () => boolean) =>
  Effect.gen(function* () {
    while (!what()) yield* pause(10)
  })

/** Counts down: about half a second of CPU time, and an answer that does not decode. */
const busy = Hostile.assemble({
  locals: [1, 1, 0x7f],
  body: [
    0x03, 0x40, 0x20, 2, 0x41, 1, 0x6a, 0x22, 2, 0x41, 0x80, 0x84, 0xaf, 0xdf, 0x01, 0x49, 0x0d, 0, 0x0b,
    0x42, 0
  ]
})

describe.skipIf(process.platform === "win32")("a process", () => {
  it.live("that is killed from outside is no verdict, and the next one serves", () =>
    Effect.gen(function* () {
      yield* execute(Adder.code)
      const [pid] = childrenOf(process.pid)
      const fiber = yield* Effect.forkChild(execute(Fixtures.looping, 60_000), { startImmediately: true })
      yield* pause(300)
      process.kill(pid!, "SIGKILL")
      const outcome = yield* Fiber.join(fiber)
      assert.strictEqual(outcome._tag, "Internal")
      assert.strictEqual((yield* execute(Adder.code))._tag, "Valid")
    }).pipe(Effect.provide(NodePvf.layer({ workers: 1 })))
  )

  it.live("that is stopped for a while goes on, and the pause is not counted", () =>
    Effect.gen(function* () {
      yield* execute(Adder.code)
      const [pid] = childrenOf(process.pid)
      const fiber = yield* Effect.forkChild(execute(busy, 3000), { startImmediately: true })
      yield* pause(150)
      process.kill(pid!, "SIGSTOP")
      yield* pause(4000)
      process.kill(pid!, "SIGCONT")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "BadReturn")
    }).pipe(Effect.provide(NodePvf.layer({ workers: 1 })))
  )

  it.live("that stays stopped is no verdict", () =>
    Effect.gen(function* () {
      yield* execute(Adder.code)
      const [pid] = childrenOf(process.pid)
      process.kill(pid!, "SIGSTOP")
      assert.strictEqual((yield* execute(Adder.code, 100))._tag, "Internal")
      yield* until(() => !alive(pid!))
    }).pipe(Effect.provide(NodePvf.layer({ workers: 1, minWallTimeMs: 1000 })))
  )

  it.live("is gone when the layer is closed, whatever it does", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(NodePvf.layer({ workers: 2 }), scope)
      const fill = Hostile.kinds.find(({ kind }) => kind === "memory.fill")!.make(() => 1)
      for (const code of [Fixtures.looping, fill]) {
        yield* Effect.forkChild(execute(code, 60_000).pipe(Effect.provide(context)), {
          startImmediately: true
        })
      }
      yield* until(() => childrenOf(process.pid).length === 2)
      const pids = childrenOf(process.pid)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(pids.filter(alive), [])
    })
  )

  it.live("is gone when the process that started it is killed", () =>
    Effect.gen(function* () {
      const script = `
        import { Effect } from "effect"
        import { Pvf } from "@ephor/backing"
        import * as NodePvf from "@ephor/backing/NodePvf"
        const code = Uint8Array.from(${JSON.stringify([...Fixtures.looping])})
        const params = { parentHead: new Uint8Array(), blockData: new Uint8Array(), relayParentNumber: 1, relayParentStorageRoot: "0x${"00".repeat(32)}" }
        await Effect.runPromise(Pvf.Pvf.use((pvf) => pvf.execute({ code, params, timeoutMs: 600000 })).pipe(Effect.provide(NodePvf.layer({ workers: 1 }))))`
      const parent = spawn(
        process.execPath,
        ["--conditions=ephor-source", "--input-type=module", "--eval", script],
        { cwd: import.meta.dirname, stdio: "ignore" }
      )
      yield* until(() => childrenOf(parent.pid!).length === 1)
      const [pid] = childrenOf(parent.pid!)
      yield* pause(500)
      parent.kill("SIGKILL")
      yield* until(() => !alive(pid!))
    })
  )

  it("tells a crash from an end that came from outside, or for want of memory", () => {
    assert.strictEqual(explainEnd(null, "SIGSEGV", "")._tag, "WorkerDied")
    assert.strictEqual(explainEnd(134, null, "")._tag, "WorkerDied")
    assert.strictEqual(explainEnd(null, "SIGKILL", "")._tag, "Internal")
    assert.strictEqual(explainEnd(1, null, "")._tag, "Internal")
    assert.strictEqual(explainEnd(null, "SIGTRAP", "Fatal process out of memory: Zone")._tag, "Internal")
  })

  it.live("that cannot be started is no verdict", () =>
    Effect.gen(function* () {
      const entry = new URL("./nothing.ts", import.meta.url)
      const outcome = yield* execute(Adder.code).pipe(Effect.provide(NodePvf.layer({ entry })))
      assert.strictEqual(outcome._tag, "Internal")
    })
  )
})

describe("the cache of prepared functions", () => {
  const inDirectory = <A>(use: (directory: string) => Effect.Effect<A>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "ephor-pvf-"))),
      use,
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
    )

  it.live("is read by the next executor, and mended when it is damaged", () =>
    inDirectory((cacheDirectory) =>
      Effect.gen(function* () {
        const once = execute(Adder.code).pipe(Effect.provide(NodePvf.layer({ workers: 1, cacheDirectory })))
        const first = yield* once
        const [name] = readdirSync(cacheDirectory)
        const path = join(cacheDirectory, name!)
        const kept = readFileSync(path)
        assert.deepStrictEqual(yield* once, first)
        const damaged = Uint8Array.from(kept)
        damaged[damaged.length - 1]! ^= 1
        assert.isUndefined(NodeArtifactCache.decode(damaged))
        writeFileSync(path, damaged)
        assert.deepStrictEqual(yield* once, first)
        assert.deepStrictEqual(readFileSync(path), kept)
      })
    )
  )

  it.live("keeps what was used last, within its bytes", () =>
    inDirectory((directory) =>
      Effect.gen(function* () {
        const cache = NodeArtifactCache.make({ directory, maxBytes: 2500 })
        for (const name of ["a", "b"]) {
          yield* cache.put(name, { code: new Uint8Array(1000), maxPages: 1 })
          yield* pause(20)
        }
        assert.isDefined(yield* cache.get("a"))
        yield* pause(20)
        yield* cache.put("c", { code: new Uint8Array(1000), maxPages: 1 })
        assert.deepStrictEqual(readdirSync(directory).toSorted(), ["a.pvf", "c.pvf"])
        yield* cache.put("d", { code: new Uint8Array(9000), maxPages: 1 })
        assert.isUndefined(yield* cache.get("d"))
      })
    )
  )

  it.live("costs nothing but time when the disk gives trouble", () =>
    inDirectory((directory) =>
      Effect.gen(function* () {
        const file = join(directory, "file")
        writeFileSync(file, "")
        const layer = NodePvf.layer({ workers: 1, cacheDirectory: join(file, "below") })
        assert.strictEqual((yield* execute(Adder.code).pipe(Effect.provide(layer)))._tag, "Valid")
      })
    )
  )
})
