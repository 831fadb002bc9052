import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { readOrMakeSecret, readSecret } from "../src/NodeJwt.ts"

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "jwt-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)
const text = (path: string) => Effect.promise(() => readFile(path, "utf8"))

describe("secret files", () => {
  it.effect("a node makes a missing file, for its owner only, and keeps it", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "jwt.hex")
      const made = yield* readOrMakeSecret(path)
      const content = yield* text(path)
      assert.match(content, /^0x[0-9a-f]{64}$/)
      const { mode } = yield* Effect.promise(() => stat(path))
      assert.strictEqual(mode & 0o777, 0o600)
      const again = yield* readOrMakeSecret(path)
      assert.strictEqual(yield* text(path), content)
      assert.deepStrictEqual(Redacted.value(again), Redacted.value(made))
      assert.deepStrictEqual(Redacted.value(yield* readSecret(path)), Redacted.value(made))
      assert.notInclude(String(made), content)
    })
  )
  it.effect("a supervisor makes nothing up", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "jwt.hex")
      const error = yield* Effect.flip(readSecret(path))
      assert.strictEqual(error.reason.message, `JWT-secret in path "${path}" does not exist`)
      assert.isTrue(
        yield* Effect.promise(() =>
          stat(path).then(
            () => false,
            () => true
          )
        )
      )
    })
  )
  it.effect("a bad file is refused and not overwritten", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "jwt.hex")
      yield* Effect.promise(() => writeFile(path, "0x1234"))
      for (const read of [readSecret, readOrMakeSecret]) {
        const error = yield* Effect.flip(read(path))
        assert.strictEqual(
          error.reason.message,
          `invalid jwt secret in path "${path}", not 32 hex-formatted bytes`
        )
      }
      assert.strictEqual(yield* text(path), "0x1234")
    })
  )
  it.effect("a directory that is not there is named", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "none", "jwt.hex")
      const error = yield* Effect.flip(readOrMakeSecret(path))
      assert.include(error.message, `cannot write the jwt secret in path "${path}"`)
    })
  )
})
