/**
 * Follows publishers and publishes what the committee has certified, to any depth.
 */
import * as NodeFile from "@ephor/store/NodeFile"
import * as NodeStore from "@ephor/store/NodeStore"
import { Health, NodeAdmin } from "@ephor/cli"
import { Publisher, Relay } from "@ephor/streaming"
import * as NodeArchive from "@ephor/streaming/NodeArchive"
import type { DagCommittee } from "@ephor/types"
import { Effect, FileSystem, Layer, SubscriptionRef } from "effect"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { ObserveError, readCommittee, verifier } from "./Committee.ts"
import * as DataDirectory from "../DataDirectory.ts"
import * as Readiness from "../Readiness.ts"
import * as StreamServer from "../StreamServer.ts"
import { version } from "../version.ts"
import * as Progress from "./Progress.ts"
import * as Publishers from "./Publishers.ts"
import type { Config } from "./RelayCommand.ts"

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
    yield* NodeFile.replace(path, `${made}\n`)
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
      return NodeAdmin.layer({ host: config.adminAddr, port: config.adminPort, version }, [
        NodeAdmin.status(figures)
      ])
    })
  )

/** The archive behind the history, if there is to be one. */
const archiveOf = (config: Config, committee: DagCommittee) =>
  config.archiveDir === undefined
    ? Effect.succeed({})
    : Effect.map(
        NodeArchive.make({
          directory: config.archiveDir,
          committee,
          segmentCommits: config.archiveSegmentCommits,
          segmentBytes: config.archiveSegmentBytes,
          indexedSegments: config.archiveIndexedSegments,
          cachedBytes: config.archiveCachedBytes
        }),
        (archive) => ({ archive })
      )

/** Relays by its settings until it is interrupted. */
export const relay = Effect.fn("relay")(function* (config: Config) {
  if (config.committee === undefined) {
    return yield* new ObserveError({
      message: "a relay publishes only what it has verified: give --committee FILE"
    })
  }
  yield* DataDirectory.checkOwner(config.dataDir)
  const committee = yield* readCommittee(config.committee)
  const identity = yield* identityOf(config)
  const { fromCommit, maxHistoryBytes, maxHistoryCommits } = config
  const doors = Layer.mergeAll(
    admin(config),
    Readiness.storage,
    StreamServer.layer(config).pipe(
      Layer.provide(Publisher.layer({ ...StreamServer.publisherOptions(config, committee), identity }))
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
        ...(yield* archiveOf(config, committee)),
        subscriber: {
          ...Publishers.thresholds(config),
          ...Publishers.queueThresholds(config),
          from: { index: fromCommit }
        }
      })
    )
  ).pipe(
    Layer.provide([
      NodeStore.layer({ path: join(config.dataDir, "store"), contents: DataDirectory.relay }),
      verifier(committee, config.randomnessKey),
      Health.layer
    ])
  )
  return yield* Effect.gen(function* () {
    const { failure, subscriber } = yield* Relay.Relay
    return yield* Effect.raceFirst(failure, Progress.show(subscriber, process.stderr.isTTY))
  }).pipe(Effect.provide(layer))
})
