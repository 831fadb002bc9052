/** A chain that follows an execution client: its parts, put together. */
import { make as makeChain, type Service as Chain } from "@ephor/chain/Chain"
import { toRef } from "@ephor/chain/BlockTree"
import type { Accompany, Followed } from "@ephor/chain/Companion"
import type { ChainId } from "@ephor/types"
import { Effect, Latch } from "effect"
import { anvilOf } from "../anvil/Anvil.ts"
import { enginePowers } from "../engine/EnginePowers.ts"
import type { Client } from "../NodeEthRpcClient.ts"
import { connectPatiently, type Parts, type Problem } from "./Blocks.ts"
import type { Options } from "./Options.ts"
import { makeFollowing } from "./Following.ts"
import { makeSteering, type Powers, powerless } from "./Steering.ts"

const powersOf =
  (client: Client, { engine }: Options) =>
  (chainId: ChainId): Effect.Effect<Powers, Problem> =>
    engine === undefined
      ? Effect.map(anvilOf(client), (anvil) => anvil ?? powerless(client))
      : enginePowers(client, engine, chainId)

/** Builds the chain; following runs in the scope. */
export const makeRpcChain = Effect.fnUntraced(function* (
  client: Client,
  options: Options,
  accompany: Accompany
) {
  const connected = yield* connectPatiently(client, options, powersOf(client, options))
  const { chainId, first, powers } = connected
  // The hub needs a backend and the backend reads the hub: it is set before anything below can run.
  let hub!: Chain
  const chain = () => hub
  const companion = yield* accompany({ chainId, firstNumber: first.number, chain })
  const parts: Parts = { client, options, chain, companion }
  const steering = makeSteering(parts, powers)
  const genesis = companion.genesis(first)
  const { derive, finalizable } = companion
  const anchorSource = companion.anchorSource ?? toRef(genesis.ref)
  const { emit, replace, setHeads } = steering
  const backend = {
    genesis,
    anchorSource,
    replace,
    setHeads,
    ...(derive === undefined ? {} : { derive }),
    ...(finalizable === undefined ? {} : { finalizable })
  }
  hub = yield* makeChain(backend, options.chainLimits)
  const running = yield* Latch.make(true)
  yield* Effect.forkScoped(makeFollowing(parts, steering, running))
  const followed: Followed = {
    chain: hub,
    emit,
    pause: Effect.asVoid(running.close),
    resume: Effect.asVoid(running.open)
  }
  return followed
})
