import { assert, describe, it } from "@effect/vitest"
import { NodeServices } from "@effect/platform-node"
import { Settings } from "@ephor/cli"
import { Effect, Redacted, Stream } from "effect"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeIdentity } from "../../../packages/streaming/test/support/certificates.ts"
import * as StreamServer from "../src/StreamServer.ts"
import { temporary } from "./processes.ts"

describe("the certificate of the streams", () => {
  it.live("is read again when its files have changed, and only then", () =>
    Effect.gen(function* () {
      using folder = temporary()
      const [keyFile, certFile] = [join(folder.path, "key.pem"), join(folder.path, "cert.pem")]
      const write = ({ cert, key }: ReturnType<typeof makeIdentity>) => {
        writeFileSync(keyFile, Redacted.value(key))
        writeFileSync(certFile, cert)
      }
      const [one, two] = [makeIdentity("one"), makeIdentity("two")]
      write(one)
      const chosen = yield* Settings.resolve(StreamServer.settings, {
        flags: { streamTlsKey: [keyFile], streamTlsCert: [certFile], streamTlsReloadMs: ["10"] },
        environment: {},
        prefixes: ["X"]
      })
      const { tls } = yield* StreamServer.serverOptions(chosen)
      assert.strictEqual(tls?.cert, one.cert)
      const renewed = yield* tls!.renewals!.pipe(
        Stream.filter(
          ({ cert, key }) => cert === two.cert && Redacted.value(key) === Redacted.value(two.key)
        ),
        Stream.runHead,
        Effect.forkScoped
      )
      yield* Effect.sleep(50)
      assert.isUndefined(renewed.pollUnsafe())
      // Gone for a moment, as while they are replaced.
      rmSync(certFile)
      yield* Effect.sleep(50)
      write(two)
      while (renewed.pollUnsafe() === undefined) yield* Effect.sleep(10)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
