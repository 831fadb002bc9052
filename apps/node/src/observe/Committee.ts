/**
 * Whose signatures count for an observer, and the file in which that stands.
 */
import { BlockVerifier, Subscriber } from "@ephor/streaming"
import * as NodeBlockVerifier from "@ephor/streaming/NodeBlockVerifier"
import * as NodeGrpcClient from "@ephor/streaming/NodeGrpcClient"
import * as NodeFile from "@ephor/store/NodeFile"
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
  NodeFile.replace(path, `${Json.stringify(DagCommittee)(committee, 2)}\n`)

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

/**
 * What decides about blocks: the committee if there is one, else nothing. Signatures of randomness are checked with their
 * key, if there is one.
 */
export const verifier = (committee: DagCommittee | undefined, randomnessKey?: string | undefined) => {
  if (committee === undefined) return BlockVerifier.layerTrusting()
  if (randomnessKey === undefined) return NodeBlockVerifier.layerMysticeti({ committee })
  return Layer.unwrap(
    Effect.map(NodeBlockVerifier.randomnessCheck(randomnessKey), (randomness) =>
      NodeBlockVerifier.layerMysticeti({ committee, randomness })
    )
  )
}

/** A subscriber of one publisher, checked by a committee. */
export const layer = (url: string, committee: DagCommittee) =>
  Subscriber.layerPeers([{ name: url, connect: NodeGrpcClient.connect({ url }) }]).pipe(
    Layer.provide(verifier(committee))
  )
