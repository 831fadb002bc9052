/** The standard services as grpc-js sees them: health, and reflection. */
import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as loader from "@grpc/proto-loader"
import { Effect, Layer, Redacted } from "effect"
import { fileURLToPath } from "node:url"
import { BlockSource, Publisher } from "../src/index.ts"
import { descriptors } from "../src/grpc/Descriptors.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const load = (file: string) =>
  grpc.loadPackageDefinition(loader.loadSync(pathOf(file), { oneofs: true, defaults: true })) as any
const { Health } = load("../proto/grpc/health/v1/health.proto").grpc.health.v1
const { ServerReflection } = load("vectors/reflection.proto").grpc.reflection.v1

const serve = Effect.fnUntraced(function* (options: Partial<NodeGrpcServer.ServerOptions> = {}) {
  const layer = NodeGrpcServer.layer(options).pipe(
    Layer.provide(Publisher.layer()),
    Layer.provide(BlockSource.layerMemory({ committeeSize: 4 }))
  )
  const { port } = yield* Effect.provide(NodeGrpcServer.GrpcServer, yield* Layer.build(layer))
  return `127.0.0.1:${port}`
})

const client = (service: new (...args: ReadonlyArray<unknown>) => any, address: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new service(address, grpc.credentials.createInsecure())),
    (one) => Effect.sync(() => one.close())
  )

const check = (health: any, service: string) =>
  Effect.callback<number | string>((resume) => {
    health.Check({ service }, (error: grpc.ServiceError | null, answer: any) =>
      resume(Effect.succeed(error === null ? answer.status : `status ${error.code}`))
    )
  })

describe("grpc.health.v1", () => {
  it.live("tells of the server, and of every name that a service has", () =>
    Effect.gen(function* () {
      let serving = true
      const health = yield* client(
        Health,
        yield* serve({ serving: Effect.sync(() => serving), aliases: { "ns.Blocks": "BlockStreamService" } })
      )
      const names = ["", "BlockStreamService", "observer.v1.CommitStreamService", "ns.Blocks", "Nobody"]
      const all = Effect.forEach(names, (name) => check(health, name))
      assert.deepStrictEqual(yield* all, [1, 1, 1, 1, "status 5"])
      serving = false
      assert.deepStrictEqual(yield* all, [2, 2, 2, 2, "status 5"])
    }).pipe(Effect.scoped)
  )

  it.live("tells those who watch what changes, and needs no token", () =>
    Effect.gen(function* () {
      let serving = false
      const address = yield* serve({
        serving: Effect.sync(() => serving),
        healthIntervalMs: 20,
        tokens: [Redacted.make("s3cret")]
      })
      const health = yield* client(Health, address)
      const seen = yield* Effect.callback<ReadonlyArray<number>>((resume) => {
        const statuses: Array<number> = []
        const call = health.Watch({ service: "BlockStreamService" })
        call.on("error", () => {})
        call.on("data", ({ status }: { readonly status: number }) => {
          statuses.push(status)
          serving = !serving
          if (statuses.length < 3) return
          call.cancel()
          resume(Effect.succeed(statuses))
        })
      })
      assert.deepStrictEqual(seen, [2, 1, 2])
      assert.strictEqual(yield* check(health, "Nobody"), "status 5")
    }).pipe(Effect.scoped)
  )
})

describe("grpc.reflection.v1", () => {
  it("tells the definitions that are shipped", () => {
    for (const [name, text] of Object.entries(descriptors)) {
      const file = name.startsWith("grpc/") ? `../proto/${name}` : `../${name}`
      const made = Object.values(loader.loadSync(pathOf(file), {})).find(
        (one): one is loader.MessageTypeDefinition<object, object> => "fileDescriptorProtos" in one
      )!
      assert.strictEqual(text, made.fileDescriptorProtos[0]!.toString("base64"))
    }
  })

  it.live("lists services, finds what defines a name, and says what it does not know", () =>
    Effect.gen(function* () {
      const reflection = yield* client(ServerReflection, yield* serve())
      const answers = yield* Effect.callback<ReadonlyArray<any>>((resume) => {
        const all: Array<any> = []
        const call = reflection.ServerReflectionInfo()
        call.on("error", () => {})
        call.on("data", (one: any) => {
          all.push(one)
          if (all.length < 5) return
          call.end()
          resume(Effect.succeed(all))
        })
        call.write({ listServices: "*" })
        call.write({ fileContainingSymbol: "BlockStreamService" })
        call.write({ fileContainingSymbol: "grpc.health.v1.Health" })
        call.write({ fileByFilename: "grpc/health/v1/health.proto" })
        call.write({ fileContainingSymbol: "Nobody" })
      })
      const [list, blocks, health, byName, nobody] = answers
      assert.deepStrictEqual(
        list.listServicesResponse.service.map(({ name }: { readonly name: string }) => name),
        ["BlockStreamService", "CommitStreamService", "ObserverExtService", "grpc.health.v1.Health"]
      )
      const bytes = (one: any) => one.fileDescriptorResponse.fileDescriptorProto[0].toString("base64")
      assert.strictEqual(bytes(blocks), descriptors["observer.proto"])
      assert.strictEqual(bytes(health), descriptors["grpc/health/v1/health.proto"])
      assert.strictEqual(bytes(byName), bytes(health))
      assert.strictEqual(nobody.errorResponse.errorCode, 5)
      assert.strictEqual(nobody.originalRequest.fileContainingSymbol, "Nobody")
    }).pipe(Effect.scoped)
  )

  it.live("is served only as long as that is wanted", () =>
    Effect.gen(function* () {
      const reflection = yield* client(ServerReflection, yield* serve({ reflection: false }))
      const code = yield* Effect.callback<number>((resume) => {
        const call = reflection.ServerReflectionInfo()
        call.on("data", () => {})
        call.on("error", (error: grpc.ServiceError) => resume(Effect.succeed(error.code)))
        call.write({ listServices: "*" })
      })
      assert.strictEqual(code, grpc.status.UNIMPLEMENTED)
    }).pipe(Effect.scoped)
  )
})
