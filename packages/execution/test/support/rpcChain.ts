/** Runs chains that follow a fake client, and waits for them. */
import { Context, Effect, Layer, Redacted, Schedule } from "effect"
import * as Chain from "@ephor/chain/Chain"
import * as DevCompanion from "@ephor/devchain/DevCompanion"
import * as DevChain from "@ephor/devchain/DevChain"
import * as NodeRpcChain from "../../src/NodeRpcChain.ts"
import * as Store from "@ephor/store/Store"
import { startClient } from "./engine.ts"
import type { FakeClient, Options } from "./fakeClient.ts"

export const secret = Uint8Array.from({ length: 32 }, (_, at) => at + 1)

export const newStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), Context.get(Store.Store))

export const following = Effect.fnUntraced(function* (
  url: string,
  store: Store.Service,
  options: Partial<NodeRpcChain.Options> = {}
) {
  const follow = NodeRpcChain.make({
    url,
    pollIntervalMs: 10,
    messagePasserRoot: "withdrawalsRoot",
    ...options
  })
  const layer = DevCompanion.layer({}, follow).pipe(Layer.provide(Layer.succeed(Store.Store, store)))
  const services = yield* Layer.build(Layer.fresh(layer))
  return { chain: Context.get(services, Chain.Chain), devChain: Context.get(services, DevChain.DevChain) }
})

/** A client with some blocks, and a chain that follows it and steers it. */
export const steered = Effect.fnUntraced(function* (
  fake: Partial<Options> = {},
  options: Partial<NodeRpcChain.Options> = {},
  blocks = 0
) {
  const { client, engineUrl, url } = yield* startClient({ secret, ...fake })
  mine(client, blocks)
  const engine = { url: engineUrl, jwtSecret: Redacted.make(secret) }
  const { chain, devChain } = yield* following(url, yield* newStore, { engine, ...options })
  return { chain, client, devChain, engineUrl, url }
})

export const until = <A, E>(effect: Effect.Effect<A, E>, holds: (a: A) => boolean) =>
  effect.pipe(
    Effect.filterOrFail(holds, () => "not yet"),
    Effect.retry(Schedule.spaced(10).pipe(Schedule.upTo({ times: 1000 })))
  )

/** Waits until the chain's head is the client's latest block. */
export const caughtUp = (client: FakeClient, chain: Chain.Service) =>
  until(chain.head("LocalUnsafe"), ({ hash }) => hash === client.latest.hash)

export const mine = (client: FakeClient, count: number, given: Parameters<FakeClient["mine"]>[0] = {}) =>
  Array.from({ length: count }, () => client.mine(given))

export const mixed = ["0x7ef85301", "0x02f87001", "0x7ef85302", "0xf86c7e", "0x7e"]
