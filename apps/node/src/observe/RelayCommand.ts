/**
 * `ephor-node relay`: follows publishers and publishes what the committee has certified, to any depth.
 */
import * as NodeStore from "@ephor/store/NodeStore"
import { Health, NodeAdmin, Settings, Telemetry } from "@ephor/cli"
import { Publisher, Relay } from "@ephor/streaming"
import { Effect, FileSystem, Layer, SubscriptionRef } from "effect"
import { Command } from "effect/cli"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { ObserveError, readCommittee, verifier } from "./Committee.ts"
import * as StreamServer from "../StreamServer.ts"
import { version } from "../version.ts"
import * as Progress from "./Progress.ts"
import * as Publishers from "./Publishers.ts"

/** Settings of `relay`. */
export const settings = {
  ...Publishers.settings,
  ...Publishers.queueSettings,
  ...StreamServer.settings,
  dataDir: Settings.path("data-dir", {
    description: "Directory for the history that this relay serves",
    default: "./ephor-relay-data"
  }),
  identity: Settings.optionalPath("identity", {
    description:
      "Name of this relay in the paths by which loops are seen (default: a random one, made once in the data directory)"
  }),
  maxHistoryCommits: Settings.integer("max-history-commits", {
    description: "Commits kept on disk",
    default: Relay.defaults.maxHistoryCommits,
    minimum: 1
  }),
  maxHistoryBytes: Settings.integer("max-history-bytes", {
    description: "Bytes of commits kept on disk",
    default: Relay.defaults.maxHistoryBytes,
    minimum: 1
  }),
  fromCommit: Settings.integer("from-commit", {
    description: "Begin after this commit when the data directory is empty; 0 is the beginning",
    default: 0,
    maximum: 0xffff_ffff
  }),
  adminAddr: Settings.text("admin-addr", {
    description: "Address of health and metrics",
    default: "127.0.0.1"
  }),
  adminPort: Settings.port("admin-port", {
    description: "Port of /healthz, /readyz, /metrics and /status",
    default: 9649
  })
}
type Config = Settings.Resolved<typeof settings>

/** The name that was given, or the one that this directory has. */
const identityOf = Effect.fnUntraced(function* (config: Config) {
  if (config.identity !== undefined) return config.identity
  const fs = yield* FileSystem.FileSystem
  const path = join(config.dataDir, "identity")
  const failed = (error: { readonly message: string }) =>
    new ObserveError({
      message: `the data directory ${config.dataDir} cannot be used: ${error.message}; choose another --data-dir`
    })
  return yield* Effect.gen(function* () {
    yield* fs.makeDirectory(config.dataDir, { recursive: true })
    if (yield* fs.exists(path)) return (yield* fs.readFileString(path)).trim()
    const made = `relay-${randomUUID()}`
    yield* fs.writeFileString(path, `${made}\n`)
    return made
  }).pipe(Effect.mapError(failed))
})

/** Figures for `/status`, and a word for `/readyz` while the relay is far behind. */
const admin = (config: Config) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { path, subscriber } = yield* Relay.Relay
      const figures = Effect.gen(function* () {
        return {
          path: yield* SubscriptionRef.get(path),
          mode: yield* SubscriptionRef.get(subscriber.mode),
          lag: yield* subscriber.lag,
          position: yield* subscriber.position,
          ...(yield* subscriber.stats)
        }
      })
      const health = yield* Health.Health
      yield* health.check(
        "relay",
        Effect.map(subscriber.lag, (lag) =>
          lag > config.startCommitSyncLag ? `${lag} commits behind` : undefined
        )
      )
      return NodeAdmin.layer(
        { host: config.adminAddr, port: config.adminPort, version },
        NodeAdmin.status(figures)
      )
    })
  )

const relay = Effect.fn("relay")(function* (config: Config) {
  if (config.committee === undefined) {
    return yield* new ObserveError({
      message: "a relay publishes only what it has verified: give --committee FILE"
    })
  }
  const committee = yield* readCommittee(config.committee)
  const identity = yield* identityOf(config)
  const { fromCommit, maxHistoryBytes, maxHistoryCommits } = config
  const doors = Layer.mergeAll(
    admin(config),
    StreamServer.layer(config).pipe(
      Layer.provide(Publisher.layer({ ...StreamServer.publisherOptions(config), identity }))
    )
  )
  const layer = Health.whole(
    Layer.provideMerge(
      doors,
      Relay.layer({
        identity,
        maxHistoryBytes,
        maxHistoryCommits,
        peers: yield* Publishers.peers(config),
        subscriber: {
          ...Publishers.thresholds(config),
          ...Publishers.queueThresholds(config),
          from: { index: fromCommit }
        }
      })
    )
  ).pipe(
    Layer.provide([
      NodeStore.layer({ path: join(config.dataDir, "store") }),
      verifier(committee),
      Health.layer
    ])
  )
  return yield* Effect.gen(function* () {
    const { failure, subscriber } = yield* Relay.Relay
    return yield* Effect.raceFirst(failure, Progress.show(subscriber, process.stderr.isTTY))
  }).pipe(Effect.provide(layer))
})

/** The `relay` command. */
export const relayCommand = Command.make("relay", Settings.flags(settings), (flags) =>
  Effect.gen(function* () {
    const config = yield* Settings.resolve(settings, {
      flags,
      environment: process.env,
      prefixes: ["NODE_RELAY"]
    })
    const telemetry = Telemetry.layer(config.logFormat, { isTerminal: process.stderr.isTTY })
    return yield* Effect.provide(relay(config), telemetry)
  })
).pipe(Command.withDescription("Follow a node, and publish what is verified to other observers"))
