import { describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as ManagedNode from "../src/ManagedNode.ts"
import { ManagedNodeServer } from "../src/ManagedNodeServer.ts"
import * as NodeManagedNodeClient from "../src/NodeManagedNodeClient.ts"
import * as NodeManagedNodeServer from "../src/NodeManagedNodeServer.ts"
import { chainId, checks, layerChain } from "../src/testing/ManagedNodeTest.ts"

const jwtSecret = Redacted.make(new Uint8Array(32).fill(7))

const remote = (scheme: "ws" | "http") =>
  Layer.unwrap(
    Effect.map(ManagedNodeServer, ({ port }) =>
      NodeManagedNodeClient.layer({
        url: `${scheme}://127.0.0.1:${port}`,
        jwtSecret,
        limits: { pollIntervalMs: 5 }
      })
    )
  ).pipe(
    Layer.provide(NodeManagedNodeServer.layer({ host: "127.0.0.1", port: 0, jwtSecret })),
    Layer.provide(ManagedNode.layerChain({ chainId })),
    Layer.provideMerge(layerChain)
  )

for (const scheme of ["ws", "http"] as const) {
  const layer = remote(scheme)
  describe(`a node behind ${scheme}`, () => {
    for (const { name, run } of checks) {
      it.live(name, () => Effect.scoped(run).pipe(Effect.provide(layer)))
    }
  })
}
