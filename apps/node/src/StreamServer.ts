/**
 * The door for observers: where blocks and commits are published, and who is let in.
 */
import { Settings } from "@ephor/cli"
import { Effect, Layer, Redacted } from "effect"
import * as Access from "./Access.ts"

/** The settings, by their names in a configuration file. */
export const settings = {
  streamAddr: Settings.text("stream-addr", {
    description: "Address of the block and commit streams",
    default: "127.0.0.1"
  }),
  streamPort: Settings.port("stream-port", {
    description: "Port of the block and commit streams (gRPC)",
    default: 50_051
  }),
  streamTlsKey: Settings.optionalText("stream-tls-key", {
    description: "PEM file with the private key of the streams; with it they are served over TLS only"
  }),
  streamTlsCert: Settings.optionalText("stream-tls-cert", {
    description: "PEM file with the certificate of that key, followed by those of its issuers"
  }),
  streamClientKeys: Settings.list("stream-client-key", {
    description: "SHA-256 names (0x...) of the keys of the observers that are let in; needs TLS",
    default: []
  }),
  streamTokenFile: Settings.optionalText("stream-token-file", {
    description: "File with the bearer tokens that let an observer in, one a line"
  })
}

/** What was chosen. */
export type Chosen = Settings.Resolved<typeof settings>

const tlsOf = Effect.fnUntraced(function* ({ streamClientKeys, streamTlsCert, streamTlsKey }: Chosen) {
  if ((streamTlsKey === undefined) !== (streamTlsCert === undefined)) {
    return yield* new Access.AccessError({
      message: "--stream-tls-key and --stream-tls-cert go together: give both, or neither"
    })
  }
  const clientKeys = yield* Access.keyNames("stream-client-key", streamClientKeys)
  if (streamTlsKey === undefined || streamTlsCert === undefined) {
    if (clientKeys === undefined) return undefined
    return yield* new Access.AccessError({
      message: "--stream-client-key needs TLS: give --stream-tls-key and --stream-tls-cert, too"
    })
  }
  const key = Redacted.make(yield* Access.read("stream-tls-key", streamTlsKey))
  const cert = yield* Access.read("stream-tls-cert", streamTlsCert)
  return { key, cert, ...Access.given({ clientKeys }) }
})

/** The server of an `ObserverApi`, as it was chosen. */
export const layer = (chosen: Chosen) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const tls = yield* tlsOf(chosen)
      const tokens =
        chosen.streamTokenFile === undefined
          ? undefined
          : yield* Access.readTokens("stream-token-file", chosen.streamTokenFile)
      const NodeGrpcServer = yield* Effect.promise(() => import("@ephor/streaming/NodeGrpcServer"))
      return NodeGrpcServer.layer({ host: chosen.streamAddr, port: chosen.streamPort, tls, tokens })
    })
  )
