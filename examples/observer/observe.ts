/**
 * Follows a node's publisher and prints what its committee has certified.
 * `node observe.ts 127.0.0.1:50051 ./data/committee.json [commits]`
 */
import { Subscriber } from "@ephor/streaming"
import * as NodeBlockVerifier from "@ephor/streaming/NodeBlockVerifier"
import * as NodeGrpcClient from "@ephor/streaming/NodeGrpcClient"
import { DagCommittee, Json } from "@ephor/types"
import { Layer, ManagedRuntime, Stream } from "effect"
import { readFileSync } from "node:fs"

const [
  publisher = "127.0.0.1:50051",
  committeeFile = "./ephor-node-data/committee.json",
  count = "Infinity"
] = process.argv.slice(2)
const committee = Json.parse(DagCommittee)(readFileSync(committeeFile, "utf8"))

const runtime = ManagedRuntime.make(
  Subscriber.layer().pipe(
    Layer.provide(NodeGrpcClient.layer({ url: `http://${publisher}` })),
    Layer.provide(NodeBlockVerifier.layerMysticeti({ committee }))
  )
)

const subscriber = await runtime.runPromise(Subscriber.Subscriber)
let left = Number(count)
for await (const commit of Stream.toAsyncIterable(subscriber.commits)) {
  console.log(`commit ${commit.index} ${commit.digest} with ${commit.blocks.length} blocks`)
  if (--left <= 0) break // also says "processed": a later run would go on after this commit
}
await runtime.dispose()
