/** Every setting of the binaries is read by the command that offers it, and those of the streams reach what they set. */
import { assert, describe, it } from "@effect/vitest"
import { Publisher } from "@ephor/streaming"
import * as NodeGrpcServer from "@ephor/streaming/NodeGrpcServer"
import { Settings } from "@ephor/cli"
import { Effect } from "effect"
import { NodeServices } from "@effect/platform-node"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { settings as supervisorSettings } from "../../supervisor/src/SupervisorConfig.ts"
import { settings as runSettings } from "../src/NodeConfig.ts"
import { settings as observeSettings } from "../src/observe/ObserveCommand.ts"
import * as Publishers from "../src/observe/Publishers.ts"
import { settings as relaySettings } from "../src/observe/RelayCommand.ts"
import * as Limits from "../src/stream/Limits.ts"
import * as StreamServer from "../src/StreamServer.ts"

const apps = fileURLToPath(new URL("../..", import.meta.url))

/** The text of a module and of those of its own app that it imports, at once or when it runs, without what only describes settings. */
const sourcesOf = (root: string): string => {
  const seen = new Map<string, string>()
  const visit = (path: string): void => {
    if (seen.has(path) || !existsSync(path)) return
    const text = readFileSync(path, "utf8")
    seen.set(path, text)
    for (const [, to] of text.matchAll(/(?:from |\bimport\()"(\.[^"]+)"/g)) visit(join(dirname(path), to!))
  }
  visit(join(apps, root))
  // The tail of every command is in a place of its own.
  visit(fileURLToPath(new URL("../../../packages/cli/src/NodeCommand.ts", import.meta.url)))
  return [...seen.values()].join("\n")
}

/** Whether a name is read off an object, or taken out of one by destructuring. */
const isRead = (text: string, name: string): boolean =>
  new RegExp(`\\.${name}\\b(?!:)`).test(text) ||
  [...text.matchAll(/\{([^{}]*)\}\s*(?::|=)/g)].some(([, inside]) =>
    new RegExp(`(^|,|\\s)${name}\\s*(,|:|=|$)`).test(inside!.trim())
  )

const commands = {
  "ephor-node run": [runSettings, "node/src/RunCommand.ts"],
  "ephor-node observe": [observeSettings, "node/src/observe/ObserveCommand.ts"],
  "ephor-node relay": [relaySettings, "node/src/observe/RelayCommand.ts"],
  "ephor-supervisor run": [supervisorSettings, "supervisor/src/Command.ts"]
} as const

const limits = new Set(Object.keys(Limits.settings))
/** What the help of a setting says that other programs of the kind take, and that does nothing here. */
const forOthers = "Accepted and not used"

describe("every setting is read", () => {
  for (const [command, [table, root]] of Object.entries(commands)) {
    it(command, () => {
      const text = sourcesOf(root)
      const unread = Object.entries<Settings.Setting<unknown>>(table).filter(
        ([name]) => !limits.has(name) && !isRead(text, name)
      )
      assert.deepStrictEqual(
        unread.filter(([, { description }]) => description !== forOthers).map(([name]) => name),
        []
      )
      assert.isFalse(isRead(text, "aSettingThatNobodyReads"))
    })
  }

  it("observe, which takes commits only, has no setting about waiting blocks; relay, which takes blocks, has both", () => {
    for (const name of Object.keys(Publishers.queueSettings)) {
      assert.notProperty(observeSettings, name)
      assert.property(relaySettings, name)
    }
  })
})

const resolve = <const T extends Settings.Table>(table: T, flags: Record<string, ReadonlyArray<string>>) =>
  Settings.resolve(table, { flags, environment: {}, prefixes: ["X"] })

const committee = { epoch: 0, authorities: [] }
const numbersOf = (defaults: object) =>
  Object.entries(defaults).flatMap(([name, value]) => (typeof value === "number" ? [name] : []))

describe("the limits of the streams", () => {
  it("are settings of run and of relay, all of them", () => {
    assert.sameMembers(
      Object.keys(Limits.serverLimits),
      numbersOf(NodeGrpcServer.defaults).filter((name) => name !== "port")
    )
    assert.sameMembers(Object.keys(Limits.publisherLimits), numbersOf(Publisher.defaults))
    assert.sameMembers(
      Object.keys(Limits.suiLimits).map((name) => name.toLowerCase()),
      numbersOf(Publisher.suiDefaults).map((name) => `sui${name}`.toLowerCase())
    )
    for (const name of Object.keys(StreamServer.settings)) {
      assert.property(runSettings, name)
      assert.property(relaySettings, name)
    }
  })

  it.effect("without a word are the packages' own", () =>
    Effect.gen(function* () {
      const chosen = yield* resolve(StreamServer.settings, {})
      const { port, ...server } = yield* StreamServer.serverOptions(chosen)
      assert.strictEqual(port, 50_051)
      const { aliases: _, port: __, serving: ____, ...defaults } = NodeGrpcServer.defaults
      assert.deepStrictEqual({ ...server }, { ...defaults })
      const { identity: ___, ...publisher } = Publisher.defaults
      assert.deepStrictEqual({ ...StreamServer.publisherOptions(chosen, committee) }, { ...publisher })
      const sui = yield* resolve(StreamServer.settings, { streamSui: ["true"] })
      assert.deepStrictEqual(StreamServer.publisherOptions(sui, committee).sui, {
        committee,
        ...Publisher.suiDefaults
      })
    }).pipe(Effect.provide(NodeServices.layer))
  )

  for (const [name, setting] of Object.entries(Limits.settings)) {
    it.effect(`--${setting.flag} reaches what it sets, and nothing else`, () =>
      Effect.gen(function* () {
        const before = yield* resolve(StreamServer.settings, { streamSui: ["true"] })
        const after = yield* resolve(StreamServer.settings, { streamSui: ["true"], [name]: ["123457"] })
        const all = Effect.fnUntraced(function* (chosen: StreamServer.Chosen) {
          const { sui = {}, ...publisher } = StreamServer.publisherOptions(chosen, committee)
          const server = yield* StreamServer.serverOptions(chosen)
          const ofSui = Object.entries(sui).map(([option, value]) => [`sui${option}`, value] as const)
          return [...Object.entries({ ...publisher, ...server }), ...ofSui]
        })
        const changed = (yield* all(after)).filter(([, value]) => value === 123_457)
        assert.lengthOf(changed, 1)
        assert.strictEqual(`stream${changed[0]![0]}`.toLowerCase(), name.toLowerCase())
        assert.isFalse((yield* all(before)).some(([, value]) => value === 123_457))
      }).pipe(Effect.provide(NodeServices.layer))
    )
  }

  it.effect("addresses reach the server, and what is none is refused with a sentence", () =>
    Effect.gen(function* () {
      const listen = (text: string) =>
        Effect.map(
          Effect.flatMap(
            resolve(StreamServer.settings, { streamListen: [text] }),
            StreamServer.serverOptions
          ),
          (options) => options.listen
        )
      assert.deepStrictEqual(yield* listen("0.0.0.0:1,[::1]:65535,unix:/run/e:1"), [
        { host: "0.0.0.0", port: 1 },
        { host: "::1", port: 65_535 },
        { path: "/run/e:1" }
      ])
      for (const wrong of ["1234", "a:", "a:65536", "::1:1", "unix:relative", "http://a:1"]) {
        const error = yield* Effect.flip(listen(wrong))
        assert.include(error.message, `--stream-listen ${wrong} is no address: give host:port`)
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("thresholds of an observer reach its configuration", () =>
    Effect.gen(function* () {
      const table = { ...Publishers.settings, ...Publishers.queueSettings }
      const flags = {
        from: ["127.0.0.1:1"],
        startCommitSyncLag: ["71"],
        resumeBlocksLag: ["21"],
        stopCommitSyncLag: ["3"],
        giveUpMs: ["777"],
        blockPublishers: ["2"],
        pauseBlocksQueueSize: ["90"],
        resumeBlocksQueueSize: ["9"]
      }
      const chosen = yield* resolve(table, flags)
      assert.deepStrictEqual(
        { ...Publishers.thresholds(chosen), ...Publishers.queueThresholds(chosen) },
        {
          startCommitSyncLag: 71,
          resumeBlocksLag: 21,
          stopCommitSyncLag: 3,
          giveUpMs: 777,
          blockPublishers: 2,
          pauseBlocksQueueSize: 90,
          resumeBlocksQueueSize: 9
        }
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
