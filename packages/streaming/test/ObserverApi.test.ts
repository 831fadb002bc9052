import { Effect, Layer } from "effect"
import { Publisher } from "../src/index.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import * as ObserverApiTest from "../src/testing/ObserverApiTest.ts"

ObserverApiTest.suite("in memory", Publisher.layer())

const client = Layer.unwrap(Effect.map(NodeGrpcServer.GrpcServer, ({ url }) => NodeGrpcClient.layer({ url })))
ObserverApiTest.suite(
  "gRPC",
  client.pipe(Layer.provide(NodeGrpcServer.layer()), Layer.provide(Publisher.layer()))
)
const packaged = Layer.unwrap(
  Effect.map(NodeGrpcServer.GrpcServer, ({ url }) =>
    NodeGrpcClient.layer({
      url,
      package: "observer.v1",
      streamWindowBytes: 65_535,
      connectionWindowBytes: 65_535
    })
  )
)
ObserverApiTest.suite(
  "gRPC with a package alias and small windows",
  packaged.pipe(Layer.provide(NodeGrpcServer.layer()), Layer.provide(Publisher.layer()))
)

for (const encoding of ["gzip", "zstd"] as const) {
  const compressed = Layer.unwrap(
    Effect.map(NodeGrpcServer.GrpcServer, ({ url }) => NodeGrpcClient.layer({ url, compression: [encoding] }))
  )
  ObserverApiTest.suite(
    `gRPC with ${encoding}`,
    compressed.pipe(
      Layer.provide(NodeGrpcServer.layer({ compression: ["zstd", "gzip"], minCompressBytes: 1 })),
      Layer.provide(Publisher.layer())
    )
  )
}
