/** A chain that follows an execution client: its parts, put together. */
import { type Backend, make as makeChain, type Service as Chain } from "@ephor/chain/Chain"
import { toRef } from "@ephor/chain/BlockTree"
import type { Accompany, Followed } from "@ephor/chain/Companion"
import type { ChainId } from "@ephor/types"
import { anchor } from "@ephor/chain/ChainRecords"
import { Store } from "@ephor/store/Store"
import { Effect, Latch, Option } from "effect"
import { anvilOf } from "../anvil/Anvil.ts"
import { enginePowers } from "../engine/EnginePowers.ts"
import type { Client } from "../NodeEthRpcClient.ts"
import { connectPatiently, type Parts, type Problem, storageRoot } from "./Blocks.ts"
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
  const stored = Option.getOrUndefined(yield* anchor(yield* Store))?.number
  const connected = yield* connectPatiently(client, options, stored, powersOf(client, options))
  const { chainId, first, powers } = connected
  // The hub needs a backend and the backend reads the hub: it is set before anything below can run.
  let hub!: Chain
  const chain = () => hub
  const companion = yield* accompany({ chainId, firstNumber: first.number, chain })
  const parts: Parts = { client, options, chain, companion }
  const steering = makeSteering(parts, powers)
  const genesis = companion.genesis(first)
  const { derive, finalizable, keepFrom } = companion
  const anchorSource = companion.anchorSource ?? toRef(genesis.ref)
  const { emit, replace, setHeads } = steering
  const messagePasserRoot: Backend["messagePasserRoot"] = (block) =>
    storageRoot(client, options.messagePasserRoot, block).pipe(
      // The client may have replaced the block: what stands there then tells the output that it replaced.
      Effect.catch((error) =>
        steering.rootOfReplaced(block).pipe(
          Effect.orElseSucceed(() => undefined),
          Effect.flatMap((root) => (root === undefined ? Effect.fail(error) : Effect.succeed(root)))
        )
      )
    )
  const backend = {
    messagePasserRoot,
    genesis,
    anchorSource,
    replace,
    setHeads,
    ...(derive === undefined ? {} : { derive }),
    ...(keepFrom === undefined ? {} : { keepFrom }),
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
