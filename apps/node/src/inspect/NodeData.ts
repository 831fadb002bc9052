/**
 * What a node keeps in its data directory, read from outside: while it runs as well as after it was stopped.
 */
import { Store } from "@ephor/store"
import * as NodeStore from "@ephor/store/NodeStore"
import type { ValidatorIndex } from "@ephor/types"
import { Context, Effect, FileSystem, Layer, Option, Schema, Stream } from "effect"
import { join } from "node:path"
import * as DataDirectory from "../DataDirectory.ts"

/** A directory is not what was expected; the message says which, and what to give instead. */
export class NodeDataError extends Schema.TaggedError<NodeDataError>()("NodeDataError", {
  message: Schema.String
}) {}

/** The data of one node. */
export interface NodeData {
  readonly dataDir: string
  readonly store: Store.Service
  /** The validators whose records are in the store. */
  readonly validators: ReadonlyArray<ValidatorIndex>
}

/** The database in a data directory. */
export const storePath = (dataDir: string): string => join(dataDir, "store")

/** Where a validator keeps its own records in the store of its process. */
export const validatorPrefix = (validator: ValidatorIndex): string => `validator/${validator}/`

/** The directories of the nodes of a devnet, as the devnet names them. */
const nodeNames = /^(node|validator)-\d+/
const namedNodes = 12

/** Fails with a sentence for a directory in which no node has kept anything. */
export const checkDirectory = Effect.fnUntraced(function* (dataDir: string) {
  const fs = yield* FileSystem.FileSystem
  const exists = (path: string) => Effect.orElseSucceed(fs.exists(path), () => false)
  if (yield* exists(join(storePath(dataDir), "data.mdb"))) return
  if (!(yield* exists(dataDir))) {
    return yield* new NodeDataError({
      message: `the data directory ${dataDir} does not exist: correct --data-dir`
    })
  }
  const names = yield* Effect.orElseSucceed(fs.readDirectory(dataDir), (): Array<string> => [])
  const nodes: Array<string> = []
  for (const name of names.filter((name) => nodeNames.test(name)).toSorted()) {
    if (yield* exists(storePath(join(dataDir, name)))) nodes.push(name)
  }
  return yield* new NodeDataError({
    message:
      nodes.length === 0
        ? `${dataDir} holds no data of a node: there is no store in it; correct --data-dir`
        : `${dataDir} belongs to a devnet of several nodes: give --data-dir ${join(dataDir, nodes[0]!)}, or one of its others (${nodes.slice(1, namedNodes).join(", ")}${nodes.length > namedNodes ? ", ..." : ""})`
  })
})

const validatorKey = /^validator\/(\d+)\//

/** The validators that have records in a store; skips from one to the next without reading what is between. */
const validatorsIn = Effect.fnUntraced(function* (store: Store.Service) {
  const encode = (text: string) => new TextEncoder().encode(text)
  const found: Array<ValidatorIndex> = []
  let from = encode("validator/")
  while (true) {
    const next = yield* store
      .iterate(encode("validator/"), { from })
      .pipe(Stream.take(1), Stream.runHead, Effect.map(Option.getOrUndefined))
    if (next === undefined) break
    const index = validatorKey.exec(new TextDecoder().decode(next.key.subarray(0, 32)))?.[1]
    if (index === undefined) break
    found.push(Number(index))
    // "0" comes right after "/": the next key that is not this validator's.
    from = encode(`validator/${index}0`)
  }
  return found.toSorted((left, right) => left - right)
})

const dataIn = Effect.fnUntraced(function* (
  dataDir: string,
  layer: Layer.Layer<Store.Store, Store.StoreError>
) {
  yield* checkDirectory(dataDir)
  const store = Context.get(yield* Layer.build(layer), Store.Store)
  const data: NodeData = { dataDir, store, validators: yield* validatorsIn(store) }
  return data
})

/** Opens the data of a node for reading, whether the node runs or not. */
export const open = Effect.fn("NodeData.open")((dataDir: string) =>
  dataIn(dataDir, NodeStore.layerReadOnly({ path: storePath(dataDir), contents: DataDirectory.node }))
)

/** Opens the data of a node that does not run, for writing. */
export const openStopped = Effect.fn("NodeData.openStopped")((dataDir: string) =>
  dataIn(dataDir, NodeStore.layer({ path: storePath(dataDir), contents: DataDirectory.node }))
)

/** The part of a store that belongs to one of its validators. */
export const storeOf = ({ store }: NodeData, validator: ValidatorIndex): Store.Service =>
  Store.prefixed(store, validatorPrefix(validator))

/** The validators asked for: the given one, or all of which there are records. */
export const chosen = Effect.fnUntraced(function* (
  { dataDir, validators }: NodeData,
  given: ValidatorIndex | undefined
) {
  if (validators.length === 0) {
    return yield* new NodeDataError({
      message: `no validator has kept records in ${dataDir}: give --data-dir of a node that runs a validator`
    })
  }
  if (given === undefined) return validators
  if (validators.includes(given)) return [given]
  return yield* new NodeDataError({
    message: `validator ${given} has kept no records in ${dataDir}: give --validator-store ${validators.join(" or ")}`
  })
})
