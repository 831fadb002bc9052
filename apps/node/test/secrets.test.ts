/** Secrets that are given where they do not belong are refused, and nobody repeats them. */
import { assert, describe, it } from "@effect/vitest"
import { Secrets, Settings } from "@ephor/cli"
import { Effect } from "effect"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { settings } from "../src/NodeConfig.ts"
import { readSecret, writeSecret } from "../src/KeyFile.ts"
import { Redacted } from "effect"

const phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
const key = `0x${"5e".repeat(32)}`
const token = "eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE3MDAwMDAwMDB9.c2lnbmF0dXJlLW9mLXRoaXM"
const secrets = [phrase, `${phrase}//hard`, key, key.slice(2), token, "-----BEGIN PRIVATE KEY-----"]

describe("secrets in words", () => {
  it("paths, development keys and names of files are none", () => {
    for (const path of [
      "./a b/key.txt",
      "//Alice",
      "/var/lib/node.key",
      "C:\\keys\\my key",
      "a.b.c",
      `/keys/${key}`
    ])
      assert.isFalse(Secrets.isLike(path), path)
  })

  it.effect("every setting that names a file refuses them", () =>
    Effect.gen(function* () {
      const files = Object.entries(settings).filter(([, { expected }]) => expected.includes("path"))
      assert.isAtLeast(files.length, 9)
      for (const [name, { flag }] of files) {
        for (const secret of secrets) {
          const error = yield* Settings.resolve(settings, {
            flags: { [name]: [secret] },
            environment: {},
            prefixes: ["EPHOR_NODE"]
          }).pipe(Effect.flip)
          assert.include(error.message, `--${flag} is what looks like a secret`)
          assert.notInclude(error.message, secret)
        }
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("so do the commands that read and write keys", () =>
    Effect.gen(function* () {
      for (const secret of secrets) {
        const errors = [
          yield* Effect.flip(readSecret(secret)),
          yield* Effect.flip(writeSecret(secret, Redacted.make("x")))
        ]
        for (const { message } of errors) assert.notInclude(message, secret)
      }
    })
  )

  it("settings are printed without what URLs carry", () => {
    const printed = Settings.render({
      one: "https://user:word@host.example/v3/0123456789abcdef?key=secret",
      many: ["ws://127.0.0.1:9645", "wss://host.example/s3cret"]
    })
    assert.deepStrictEqual(JSON.parse(printed), {
      one: "https://host.example/<redacted>",
      many: ["ws://127.0.0.1:9645", "wss://host.example/<redacted>"]
    })
  })
})
