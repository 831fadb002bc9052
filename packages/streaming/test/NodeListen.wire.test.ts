import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { spawnSync } from "node:child_process"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { dagOf } from "./dag.ts"
import { makeIdentity } from "./support/certificates.ts"
import { quietly } from "./support/quietly.ts"
import { fromTheFirst as start, serveCommits } from "./support/commits.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ephor-socket-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
const dag = dagOf(5)

/** A publisher of five commits. */
const serve = (options: Partial<NodeGrpcServer.ServerOptions>) => serveCommits(dag, options)

/** The commits that a publisher sends first. */
const read = (options: NodeGrpcClient.Options) =>
  Effect.scoped(
    Effect.gen(function* () {
      const api = yield* NodeGrpcClient.connect(options)
      const first = yield* Stream.runHead(api.streamCommits(start))
      return first._tag === "Some" ? first.value.commits.map(({ commitIndex }) => commitIndex) : []
    })
  )

describe("several addresses and Unix sockets", () => {
  it.live("all of them serve, and all of them close; the socket is its user's alone", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "stream")
      const port = { host: "127.0.0.1", port: 0 }
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { port: first, urls } = yield* serve({ listen: [port, { path }, port] })
          assert.lengthOf(new Set(urls), 3)
          assert.strictEqual(urls[0], `http://127.0.0.1:${first}`)
          assert.strictEqual(urls[1], `unix:${path}`)
          for (const url of urls) assert.strictEqual((yield* read({ url }))[0], 1)
          assert.strictEqual(statSync(path).mode & 0o777, 0o600)
        })
      )
      assert.isFalse(existsSync(path))
    }).pipe(Effect.scoped, quietly)
  )

  it.live("beside TLS a socket is in the clear; tokens are asked for everywhere", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "stream")
      const { cert, hash, key } = makeIdentity()
      const token = Redacted.make("s3cret")
      const listen = [{ path }, { host: "127.0.0.1", port: 0 }]
      const { urls } = yield* serve({ listen, tls: { key, cert }, tokens: [token] })
      assert.strictEqual((yield* read({ url: urls[0]!, token }))[0], 1)
      assert.strictEqual((yield* read({ url: urls[1]!, token, serverKeys: [hash] }))[0], 1)
      assert.strictEqual((yield* Effect.flip(read({ url: urls[0]! }))).reason._tag, "Refused")
      const keyed = yield* Effect.flip(
        Effect.scoped(serve({ listen: [{ path }], tls: { key, cert, clientKeys: [hash] } }))
      )
      assert.match(keyed.message, /nobody shows a key on unix:/)
    }).pipe(Effect.scoped, quietly)
  )

  it.live(
    "a socket that a dead process left is taken over; one that somebody serves, and a file, are not",
    () =>
      Effect.gen(function* () {
        const path = join(yield* folder, "stream")
        const leave = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`
        spawnSync(process.execPath, ["-e", leave])
        assert.isTrue(existsSync(path))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { url } = yield* serve({ listen: [{ path }] })
            assert.strictEqual((yield* read({ url }))[0], 1)
            const second = yield* Effect.flip(Effect.scoped(serve({ listen: [{ path }] })))
            assert.match(
              second.message,
              /cannot listen on unix:.*another process listens there; stop it, or choose another path/
            )
            // Whoever was there first is still there.
            assert.strictEqual((yield* read({ url }))[0], 1)
          })
        )
        writeFileSync(path, "mine")
        assert.strictEqual(
          (yield* Effect.flip(Effect.scoped(serve({ listen: [{ path }] })))).reason._tag,
          "Bind"
        )
        assert.isTrue(existsSync(path))
      }).pipe(Effect.scoped, quietly)
  )

  it.live("if one address is taken, none stays open", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "stream")
      const taken = createServer().listen(0, "127.0.0.1")
      yield* Effect.callback<void>((resume) => void taken.once("listening", () => resume(Effect.void)))
      yield* Effect.addFinalizer(() => Effect.sync(() => taken.close()))
      const { port } = taken.address() as { port: number }
      const error = yield* Effect.flip(
        Effect.scoped(serve({ listen: [{ path }, { host: "127.0.0.1", port }] }))
      )
      assert.strictEqual(error.reason._tag, "Bind")
      assert.isFalse(existsSync(path))
    }).pipe(Effect.scoped, quietly)
  )

  it.live("addresses that are none are refused with a sentence", () =>
    Effect.gen(function* () {
      const { hash } = makeIdentity()
      const wrong = [{ url: "unix:relative" }, { url: "unix:/tmp/x", serverKeys: [hash] }]
      for (const options of wrong) {
        assert.strictEqual((yield* Effect.flip(read(options))).reason._tag, "Misconfigured")
      }
      assert.strictEqual(
        (yield* Effect.flip(read({ url: "unix:/nowhere/at/all" }))).reason._tag,
        "Unavailable"
      )
    }).pipe(Effect.scoped, quietly)
  )
})
