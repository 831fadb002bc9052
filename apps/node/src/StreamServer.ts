/**
 * The door for observers: where blocks and commits are published, and who is let in.
 */
import { Health, Settings } from "@ephor/cli"
import { Publisher } from "@ephor/streaming"
import type * as NodeGrpcServer from "@ephor/streaming/NodeGrpcServer"
import type { DagCommittee } from "@ephor/types"
import { Effect, type FileSystem, Layer, Option, Redacted, Stream } from "effect"
import * as Access from "./Access.ts"
import * as Limits from "./stream/Limits.ts"

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
  streamListen: Settings.list("stream-listen", {
    description:
      "Where to listen instead of --stream-addr and --stream-port, all of them: host:port, [ipv6]:port, unix:/path (for this user only, in the clear)",
    default: []
  }),
  streamTlsKey: Settings.optionalPath("stream-tls-key", {
    description: "PEM file with the private key of the streams; with it they are served over TLS only"
  }),
  streamTlsCert: Settings.optionalPath("stream-tls-cert", {
    description: "PEM file with the certificate of that key, followed by those of its issuers"
  }),
  streamTlsReloadMs: Settings.integer("stream-tls-reload-ms", {
    description: "Milliseconds between looks at these files: a renewed certificate is used without a restart",
    default: 60_000,
    minimum: 1
  }),
  streamClientKeys: Settings.list("stream-client-key", {
    description: "SHA-256 names (0x...) of the keys of the observers that are let in; needs TLS",
    default: []
  }),
  streamTokenFile: Settings.optionalPath("stream-token-file", {
    description: "File with the bearer tokens that let an observer in, one a line"
  }),
  streamInsecureTokens: Settings.boolean("stream-insecure-tokens", {
    description: "Take tokens in the clear beyond loopback: something else protects them",
    default: false
  }),
  streamCompression: Settings.list("stream-compression", {
    description: "What responses are compressed with for observers that list it, best first: zstd, gzip",
    default: []
  }),
  streamPackages: Settings.list("stream-packages", {
    description: "Packages under which the services are served beside their bare names (default any)",
    default: []
  }),
  streamCertifierBlocks: Settings.boolean("stream-certifier-blocks", {
    description: "Send the blocks whose votes certify the newest commits",
    default: true
  }),
  streamReleaseOnQuorum: Settings.boolean("stream-release-on-quorum", {
    description: "Hold live blocks back until their round holds a quorum of stake",
    default: false
  }),
  streamReleaseTimeoutMs: Settings.integer("stream-release-timeout-ms", {
    description: "Milliseconds for which they are held back at most",
    default: Publisher.defaultReleaseTimeoutMs,
    minimum: 1
  }),
  streamSui: Settings.boolean("stream-sui", {
    description: "Serve Sui's ObserverService (consensus.ObserverService), too",
    default: false
  }),
  streamReflection: Settings.boolean("stream-reflection", {
    description: "Tell the definitions of the services to tools that have none (grpc.reflection.v1)",
    default: true
  }),
  ...Limits.settings
}

/** What was chosen. */
export type Chosen = Settings.Resolved<typeof settings>

/** Key and certificate as their files are now. */
const readPair = (key: string, cert: string) =>
  Effect.all({ key: Access.read("stream-tls-key", key), cert: Access.read("stream-tls-cert", cert) })

const tlsOf = Effect.fnUntraced(function* ({
  streamClientKeys,
  streamTlsCert,
  streamTlsKey,
  streamTlsReloadMs
}: Chosen) {
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
  const context = yield* Effect.context<FileSystem.FileSystem>()
  const read = Effect.provide(readPair(streamTlsKey, streamTlsCert), context)
  const first = yield* read
  // Files that are being replaced may be missing for a moment, or not belong together: the next look is soon.
  const later = Stream.forever(
    Stream.fromIterableEffect(
      Effect.delay(Effect.map(Effect.option(read), Option.toArray), streamTlsReloadMs)
    )
  )
  const renewals = Stream.concat(Stream.make(first), later).pipe(
    Stream.changesWith((before, now) => before.key === now.key && before.cert === now.cert),
    Stream.drop(1),
    Stream.map(({ cert, key }) => ({ cert, key: Redacted.make(key) }))
  )
  return { key: Redacted.make(first.key), cert: first.cert, renewals, ...Access.given({ clientKeys }) }
})

/** An address to listen on. */
const addressOf = Effect.fnUntraced(function* (
  text: string
): Effect.fn.Return<NodeGrpcServer.ListenAddress, Access.AccessError> {
  if (text.startsWith("unix:/")) return { path: text.slice("unix:".length) }
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text)
  const port = Number(found?.[3])
  if (found !== null && port <= 65_535) return { host: found[1] ?? found[2]!, port }
  return yield* new Access.AccessError({
    message: `--stream-listen ${text} is no address: give host:port, [ipv6]:port or unix:/path`
  })
})

/** What the publisher behind the server is told; the committee is the one whose commits it tells. */
export const publisherOptions = (
  chosen: Chosen,
  committee: DagCommittee
): Partial<Publisher.PublisherOptions> => ({
  ...Limits.ofPublisher(chosen),
  certifierBlocks: chosen.streamCertifierBlocks,
  release: chosen.streamReleaseOnQuorum ? { committee, timeoutMs: chosen.streamReleaseTimeoutMs } : undefined,
  sui: chosen.streamSui ? { committee, ...Limits.ofSui(chosen) } : undefined
})

/** What the server is told; fails when a file, a key or an encoding does not fit. */
export const serverOptions = Effect.fnUntraced(function* (chosen: Chosen) {
  const tls = yield* tlsOf(chosen)
  const tokens =
    chosen.streamTokenFile === undefined
      ? undefined
      : yield* Access.readTokens("stream-token-file", chosen.streamTokenFile)
  const options: Partial<NodeGrpcServer.ServerOptions> = {
    ...Limits.ofServer(chosen),
    host: chosen.streamAddr,
    port: chosen.streamPort,
    listen: yield* Effect.forEach(chosen.streamListen, addressOf),
    tls,
    tokens,
    insecureTokens: chosen.streamInsecureTokens,
    reflection: chosen.streamReflection,
    packages: chosen.streamPackages.length === 0 ? "any" : chosen.streamPackages,
    compression: yield* Access.encodings("stream-compression", chosen.streamCompression)
  }
  return options
})

/** The server of an `ObserverApi`, as it was chosen; probes hear there what `/readyz` tells. */
export const layer = (chosen: Chosen) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { problems } = yield* Health.Health
      const serving = Effect.map(problems, (all) => Object.keys(all).length === 0)
      const options = { ...(yield* serverOptions(chosen)), serving }
      const { layer: server } = yield* Effect.promise(() => import("@ephor/streaming/NodeGrpcServer"))
      return server(options)
    })
  )
