// @effect-diagnostics missingLayerContext:off -- what does not compile is the point here
import { assert, describe, it } from "@effect/vitest"
import { Subsystem } from "@ephor/overseer"
import { Data, Effect, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Extension from "../src/Extension.ts"
import { bins, temporary } from "./processes.ts"

class Listener extends Subsystem.Service<Listener, { readonly _tag: "Hear" }>()("test/Listener") {}
const ListenerLive = Listener.toLayer(Effect.succeed({ message: () => Effect.void }))

class NoOracle extends Data.TaggedError("NoOracle")<{ readonly message: string }> {}

describe("Extension", () => {
  it("takes layers that need its own subsystems, and no others", () => {
    assert.deepStrictEqual(Extension.make({ subsystems: [Listener], layer: ListenerLive }).subsystems, [
      Listener
    ])
    // @ts-expect-error Listener is not among the subsystems, so nobody creates its address
    Extension.make({ layer: ListenerLive })
  })

  it.effect("turns what a layer fails with into one sentence", () =>
    Effect.gen(function* () {
      const { layer } = Extension.make({
        layer: Layer.effectDiscard(Effect.fail(new NoOracle({ message: "no oracle today" })))
      })
      const error = yield* Effect.flip(Layer.build(layer as Layer.Layer<never, Extension.ExtensionError>))
      assert.strictEqual(error.message, "the extension of this program failed: no oracle today")
    }).pipe(Effect.scoped)
  )

  it.effect("refuses modules that are missing, broken or no extension", () =>
    Effect.gen(function* () {
      using folder = temporary()
      const module = (name: string, text: string) => {
        const path = join(folder.path, name)
        writeFileSync(path, text)
        return path
      }
      const refusal = (path: string) =>
        Effect.map(Effect.flip(Extension.load([path])), (error) => error.message)
      assert.include(yield* refusal("/no/such.ts"), "the extension /no/such.ts cannot be loaded")
      assert.include(
        yield* refusal(module("broken.mjs", "throw new Error('boom')")),
        "cannot be loaded: boom"
      )
      assert.include(
        yield* refusal(module("other.mjs", "export default 7")),
        "has no default export made by Extension.make"
      )
    })
  )

  /** A program of its own, in a directory where an extension is installed that brings neither effect nor our packages. */
  const within = (folder: string, bin: keyof typeof bins, ...args: ReadonlyArray<string>) =>
    spawnSync(process.execPath, ["--conditions=ephor-source", bins[bin], ...args], {
      cwd: folder,
      encoding: "utf8"
    })
  const write = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const extension = (program: string, parts: string) => `
    import { Effect, Layer } from "effect"
    import { Extension } from "@ephor/${program}"
    const closed = Layer.effectDiscard(Effect.die(new Error("acme is closed")))
    export default Extension.make({ ${parts} })`

  it("finds packages and several files, lends them what the program has, and names the one that fails", () => {
    using folder = temporary()
    const at = (name: string) => join(folder.path, name)
    write(at("node_modules/acme-ext/package.json"), '{"type":"module","exports":{"import":"./main.js"}}')
    write(at("node_modules/acme-ext/main.js"), extension("node", "store: closed"))
    write(at("plain.mjs"), extension("node", ""))
    write(at("other.mjs"), extension("node", "store: closed"))
    const node = (command: string, ...extend: ReadonlyArray<string>) =>
      within(
        folder.path,
        "node",
        command,
        "--dev",
        "--data-dir",
        "data",
        "--extend",
        extend.join(","),
        "--log-format",
        "json"
      )
    const checked = node("check-config", "acme-ext", "./plain.mjs")
    assert.strictEqual(checked.status, 0, checked.stderr)
    assert.deepStrictEqual(JSON.parse(checked.stdout).extend, ["acme-ext", "./plain.mjs"])
    assert.include(
      node("check-config", "acme-ext", "./other.mjs").stderr,
      "the extensions acme-ext and ./other.mjs both bring a store: leave out one of them"
    )
    assert.include(
      node("check-config", "no-such-package").stderr,
      "the extension no-such-package cannot be loaded"
    )
    const failed = node("run", "acme-ext")
    assert.strictEqual(failed.status, 1)
    assert.strictEqual(
      failed.stderr.trim().split("\n").at(-1),
      "ephor-node: the extension acme-ext failed: acme is closed"
    )
  }, 120_000)

  it("so does a supervisor", () => {
    using folder = temporary()
    const at = (name: string) => join(folder.path, name)
    write(at("acme.mjs"), extension("supervisor", "l1: closed"))
    write(at("jwt"), "11".repeat(32))
    write(at("set.json"), '{"dependencies":{"901":{}}}')
    const anchor = { hash: `0x${"22".repeat(32)}`, number: 0, timestamp: 0 }
    write(at("rollups.json"), JSON.stringify({ 901: { genesis: { l1: anchor, l2: anchor }, block_time: 1 } }))
    const { status, stderr } = within(
      folder.path,
      "supervisor",
      "run",
      "--extend",
      "./acme.mjs",
      "--datadir",
      "data",
      "--l1-rpc",
      "http://127.0.0.1:1",
      "--l2-consensus.nodes",
      "ws://127.0.0.1:1",
      "--l2-consensus.jwt-secret",
      "jwt",

      "--dependency-set",
      "set.json",
      "--rollup-config-set",
      "rollups.json",
      "--rpc.port",
      "0",
      "--log.format",
      "json"
    )
    assert.strictEqual(status, 1)
    assert.strictEqual(
      stderr.trim().split("\n").at(-1),
      "ephor-supervisor: the extension ./acme.mjs failed: acme is closed"
    )
  }, 60_000)
})
