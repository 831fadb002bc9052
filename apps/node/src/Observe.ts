/**
 * Observing a chain: a subscriber over gRPC with fail-over, verified against a committee or trusting.
 */
import { BlockVerifier, Subscriber, type SubscriberConfig } from "@ephor/streaming"
import * as NodeBlockVerifier from "@ephor/streaming/NodeBlockVerifier"
import * as NodeGrpcClient from "@ephor/streaming/NodeGrpcClient"
import { DagCommittee, Json } from "@ephor/types"
import { Effect, FileSystem, Layer, Schema } from "effect"

/** The committee file cannot be used, or the settings of an observer contradict each other. */
export class ObserveError extends Schema.TaggedError<ObserveError>()("ObserveError", {
  message: Schema.String
}) {}

/** Name of the file in a node's data directory that holds its committee. */
export const committeeFile = "committee.json"

/** Writes the committee for those who observe. */
export const writeCommittee = (path: string, committee: DagCommittee) =>
  FileSystem.FileSystem.use((fs) =>
    fs.writeFileString(path, `${Json.stringify(DagCommittee)(committee, 2)}\n`)
  )

/** Reads a committee file. */
export const readCommittee = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(path).pipe(
    Effect.mapError(
      () =>
        new ObserveError({
          message: `the committee file ${path} cannot be read: a node writes it to its data directory as ${committeeFile}`
        })
    )
  )
  return yield* Effect.try({
    try: () => Json.parse(DagCommittee)(text),
    catch: (cause) =>
      new ObserveError({
        message: `the committee file ${path} is not valid: ${cause instanceof Error ? cause.message : String(cause)}`
      })
  })
})

/** Whom to follow, and whether to check what they say. */
export interface Options {
  /** Publishers in the order of preference: `host:port` or `http://host:port`. */
  readonly from: ReadonlyArray<string>
  /** The committee whose signatures count; without one the publishers are trusted. */
  readonly committee: DagCommittee | undefined
  readonly subscriber?: SubscriberConfig.Options
}

/** A subscriber of the given publishers. */
export const layer = ({ committee, from, subscriber }: Options) =>
  Subscriber.layerPeers(
    from.map((address) => {
      const url = address.includes("://") ? address : `http://${address}`
      return { name: url, connect: NodeGrpcClient.connect({ url }) }
    }),
    subscriber
  ).pipe(
    Layer.provide(
      committee === undefined
        ? BlockVerifier.layerTrusting()
        : NodeBlockVerifier.layerMysticeti({ committee })
    )
  )
