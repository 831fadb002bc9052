/**
 * Plays the supervisor of one managed node: asks what it is, listens to it, raises its cross-unsafe head.
 * `node drive.ts ws://127.0.0.1:9645 ./data/jwt.hex [events]`
 */
import { ManagedNode } from "@ephor/supervisor-protocol"
import * as NodeJwt from "@ephor/json-rpc/NodeJwt"
import * as NodeManagedNodeClient from "@ephor/supervisor-protocol/NodeManagedNodeClient"
import { Console, Effect, Layer, Stream } from "effect"

const [url = "ws://127.0.0.1:9645", secretFile = "./ephor-node-data/jwt.hex", events = "10"] =
  process.argv.slice(2)

const drive = Effect.gen(function* () {
  const node = yield* ManagedNode.ManagedNode
  const { derived } = yield* node.anchorPoint
  yield* Console.log(`chain ${yield* node.chainId}, anchored at block ${derived.number} ${derived.hash}`)
  yield* node.events.pipe(
    Stream.take(Number(events)),
    Stream.runForEach(
      Effect.fnUntraced(function* (event) {
        yield* Console.log("event", ...Object.keys(event))
        // A node that restarted asks for heads first: let this one go on from where it stands.
        if (event.reset !== undefined) yield* node.resetPreInterop
        if (event.unsafeBlock !== undefined) {
          yield* node.updateCrossUnsafe(event.unsafeBlock)
          yield* Console.log(`cross-unsafe is now block ${event.unsafeBlock.number}`)
        }
      })
    )
  )
})

const Client = Layer.unwrap(
  Effect.map(NodeJwt.readSecret(secretFile), (jwtSecret) => NodeManagedNodeClient.layer({ url, jwtSecret }))
)

await Effect.runPromise(
  drive.pipe(
    Effect.provide(Client),
    Effect.catch((error) =>
      Console.error(error.message).pipe(Effect.andThen(Effect.sync(() => void (process.exitCode = 1))))
    )
  )
)
