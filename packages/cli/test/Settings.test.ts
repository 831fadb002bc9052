import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Redacted } from "effect"
import { Settings } from "../src/index.ts"

const table = {
  name: Settings.text("name", { description: "A name", default: "nobody" }),
  port: Settings.port("the.port", { description: "A port", default: 1 }),
  nodes: Settings.list("nodes", { description: "Some nodes", default: [] }),
  fast: Settings.boolean("fast", { description: "Go fast", default: false }),
  mode: Settings.choice("mode", ["slow", "quick"], { description: "How", default: "slow" }),
  url: Settings.url<undefined>("url", { description: "Where", protocols: ["http:"], default: undefined })
}
const resolve = (
  flags: { readonly [name: string]: ReadonlyArray<string> } = {},
  environment: { readonly [name: string]: string } = {}
) => Settings.resolve(table, { flags, environment, prefixes: ["APP", "OLD_APP"] })
const complaint = (effect: ReturnType<typeof resolve>) =>
  Effect.map(Effect.flip(effect), (error) => error.message)

const withFile = <A, E, R>(content: string, use: (path: string) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* fs.makeTempFileScoped()
    yield* fs.writeFileString(path, content)
    return yield* use(path)
  }).pipe(Effect.scoped)

describe("Settings", () => {
  it.effect("takes defaults where nobody says anything", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* resolve(), {
        name: "nobody",
        port: 1,
        nodes: [],
        fast: false,
        mode: "slow",
        url: undefined
      })
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("prefers flag to environment to file to default", () =>
    withFile(JSON.stringify({ name: "file", port: 4, nodes: ["a", "b"], fast: true }), (config) =>
      Effect.gen(function* () {
        const flags = { config: [config], name: ["flag"] }
        const resolved = yield* resolve(flags, { APP_NAME: "environment", APP_THE_PORT: "3" })
        assert.deepStrictEqual(
          [resolved.name, resolved.port, resolved.nodes, resolved.fast, resolved.mode],
          ["flag", 3, ["a", "b"], true, "slow"]
        )
      })
    ).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("reads every prefix of the environment, the first one first", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* resolve({}, { OLD_APP_NAME: "old" })).name, "old")
      assert.strictEqual((yield* resolve({}, { OLD_APP_NAME: "old", APP_NAME: "new" })).name, "new")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("joins repeated flags of a list", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* resolve({ nodes: ["a,b", "c"] })).nodes, ["a", "b", "c"])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("reads a yes or no in the words of Go", () =>
    Effect.gen(function* () {
      const table = { on: Settings.boolean("on", { description: "Whether", default: false }) }
      const read = (word: string) =>
        Settings.resolve(table, { flags: { on: [word] }, environment: {}, prefixes: ["APP"] })
      for (const word of ["1", "t", "T", "TRUE", "true", "True"]) assert.isTrue((yield* read(word)).on, word)
      for (const word of ["0", "f", "F", "FALSE", "false", "False"])
        assert.isFalse((yield* read(word)).on, word)
      for (const word of ["yes", "tRUE", "2"]) yield* Effect.flip(read(word))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("reads a number, or the word that stands for none", () =>
    Effect.gen(function* () {
      const kept = {
        kept: Settings.integerOr("kept", "all", { description: "Kept", default: 9, minimum: 5 })
      }
      const read = (...texts: ReadonlyArray<string>) =>
        Settings.resolve(kept, {
          flags: texts.length === 0 ? {} : { kept: texts },
          environment: {},
          prefixes: []
        })
      assert.strictEqual((yield* read()).kept, 9)
      assert.strictEqual((yield* read("5")).kept, 5)
      assert.strictEqual((yield* read("all")).kept, "all")
      for (const text of ["4", "-1", "none", "5.5", "1e9", "99999999999999999999"]) {
        const { message } = yield* Effect.flip(read(text))
        assert.include(message, "should be a whole number from 5 on, or all", text)
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("never shows a URL, which may hold a secret", () =>
    Effect.gen(function* () {
      const urls = { url: Settings.urls("url", { description: "Where", protocols: ["http:"] }) }
      const read = (text: string) =>
        Settings.resolve(urls, { flags: { url: [text] }, environment: {}, prefixes: ["APP"] })
      const resolved = yield* read("http://user:sesame@h/key,http://i")
      assert.deepStrictEqual(JSON.parse(Settings.render(resolved)), {
        url: ["http://h/<redacted>", "http://i"]
      })
      assert.notInclude((yield* Effect.flip(read("ftp://user:sesame@h"))).message, "sesame")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("says where a bad value came from and what it should be", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* complaint(resolve({ port: ["70000"] })),
        '--the.port is "70000" but should be a whole number from 0 to 65535'
      )
      assert.strictEqual(
        yield* complaint(resolve({}, { APP_MODE: "fast" })),
        'APP_MODE is "fast" but should be one of slow, quick'
      )
      assert.strictEqual(
        yield* complaint(resolve({ url: ["ftp://x"] })),
        "--url should be a URL with http://; what it is is not shown, as it may hold a secret"
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("refuses unknown settings, broken files and missing files with one sentence", () =>
    Effect.gen(function* () {
      yield* withFile('{"nam":1}', (path) =>
        Effect.map(complaint(resolve({ config: [path] })), (text) =>
          assert.include(text, 'has an unknown setting "nam": known are name, port')
        )
      )
      yield* withFile("[1", (path) =>
        Effect.map(complaint(resolve({ config: [path] })), (text) =>
          assert.include(text, "is not a JSON object")
        )
      )
      assert.include(
        yield* complaint(resolve({ config: ["/does/not/exist"] })),
        "the configuration file /does/not/exist does not exist"
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("names what is required and missing", () =>
    Effect.gen(function* () {
      const required = { key: Settings.text("key", { description: "The key" }) }
      const error = yield* Effect.flip(
        Settings.resolve(required, { flags: {}, environment: {}, prefixes: ["APP"] })
      )
      assert.strictEqual(error.message, "required flag is missing: key (The key); give --key or APP_KEY")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it("prints secrets redacted", () => {
    assert.notInclude(Settings.render({ secret: Redacted.make("hunter2"), name: "n" }), "hunter2")
  })
})
