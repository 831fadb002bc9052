/**
 * A collator of one's own: follows a committee's chain, makes the next block of an adder parachain, and advertises it.
 * `node collate.ts ./chain-spec.json 2000 /ip4/127.0.0.1/tcp/30333,/ip4/127.0.0.1/tcp/30334`
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Collating, Collator } from "@ephor/backing"
import { Chain, RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import { Stranger } from "@ephor/node"
import { Console, Effect, Layer, Option, Redacted, Stream } from "effect"

const [chainSpec = "./chain-spec.json", para = "2000", to = ""] = process.argv.slice(2)
const paraId = Number(para)

const program = Effect.gen(function* () {
  const chain = yield* Chain.Chain
  const runtime = yield* RuntimeApi.RuntimeApi
  const keystore = yield* Keystore.Keystore
  const collator = keystore.publicKeys[0]!
  const collating = yield* Collating.make({ collator, paras: [paraId] })
  yield* Effect.forkScoped(Stream.runForEach(collating.reports, Console.log))

  const collateAt = Effect.fnUntraced(function* (relayParent: `0x${string}`) {
    const data = yield* runtime.persistedValidationData(relayParent, paraId)
    const block = Option.isSome(data) ? Collator.nextBlock(0n, data.value.parentHead) : undefined
    if (Option.isNone(data) || block === undefined) return
    const material = { paraId, relayParent, collator, validationData: data.value, block, garbage: false }
    const candidate = yield* Collator.collate(keystore, material)
    for (const target of yield* Collator.targets(runtime, relayParent, paraId)) {
      yield* collating.advertise(target, candidate, data.value.parentHead)
    }
  })
  yield* Stream.runForEach(chain.events, (event) =>
    event._tag === "Imported" ? Effect.ignore(collateAt(event.block.hash), { log: "Warn" }) : Effect.void
  )
})
const committee = Stranger.layer({ chainSpec, to: to.split(","), dataDir: "./my-collator" })
const keys = Keystore.layerSr25519({ secrets: [Redacted.make("//Collator")] }) // keep yours in a file
const app = Layer.merge(committee, keys).pipe(Layer.provideMerge(NodeServices.layer))
NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(app)))
