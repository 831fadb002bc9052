/** A chain that follows an execution client: its parts, put together. */
import type { BlockNumber, BlockRef, ChainId } from "@ephor/types"
import { Effect, Latch } from "effect"
import { type Limits, make as makeChain, type Service as Chain } from "../Chain.ts"
import type { Author } from "../Committee.ts"
import type { Service as DevChain } from "../DevChain.ts"
import type { Options as RuntimeOptions } from "../DevRuntime.ts"
import type { Client } from "../NodeEthRpcClient.ts"
import { anvilOf } from "./anvil.ts"
import { toRef } from "./chainState.ts"
import { makeDag } from "./dagMaker.ts"
import { type EngineConnection, enginePowers } from "./enginePowers.ts"
import { makeProviders } from "./inherents.ts"
import { makeOrigins } from "./origins.ts"
import { makeRelayStates } from "./relayStates.ts"
import { connectPatiently, genesisOf, type Parts, type Problem } from "./rpcBlocks.ts"
import { makeFollowing } from "./rpcFollowing.ts"
import { makeSteering, type Powers, powerless } from "./rpcSteering.ts"

/** Where the storage root of the message passer is read: see `NodeRpcChain.Options`. */
export type MessagePasserRoot = "proof" | "withdrawalsRoot" | "none"

/** What `NodeRpcChain.layer` was given, with nothing left open. */
export interface Options {
  readonly chainId?: ChainId
  readonly anchor?: BlockNumber
  readonly authorsFor: (chainId: ChainId) => ReadonlyArray<Author>
  readonly l1Genesis?: BlockRef
  readonly runtime: RuntimeOptions
  readonly chainLimits?: Partial<Limits>
  readonly messagePasserRoot: MessagePasserRoot
  /** The way to steer the client; without one it can be steered only if it is an anvil. */
  readonly engine: EngineConnection | undefined
  readonly pollIntervalMs: number
  readonly fetchAheadBlocks: number
  readonly retryLimitMs: number
  readonly connectTimeoutMs: number
  readonly derivationDelayBlocks: number
  readonly inherentTimeoutMs: number
  readonly heldRounds: number
  readonly keptStates: number
  readonly cachedStates: number
}

const powersOf =
  (client: Client, { engine }: Options) =>
  (chainId: ChainId): Effect.Effect<Powers, Problem> =>
    engine === undefined
      ? Effect.map(anvilOf(client), (anvil) => anvil ?? powerless(client))
      : enginePowers(client, engine, chainId)

/** Builds the chain with its services; following runs in the scope. */
export const makeRpcChain = Effect.fnUntraced(function* (client: Client, options: Options) {
  const connected = yield* connectPatiently(client, options, powersOf(client, options))
  const { block: first, chainId, powers } = connected
  // The hub needs a backend and the backend reads the hub: it is set before anything below can run.
  let hub!: Chain
  const chain = () => hub
  const dag = yield* makeDag(options.authorsFor(chainId), first.number, options.heldRounds)
  const relay = yield* makeRelayStates(options.runtime, options, chain)
  const origins = yield* makeOrigins({ ...options, l1Genesis: options.l1Genesis }, chain)
  const parts: Parts = { client, options, chain, dag, relay, origins }
  const steering = makeSteering(parts, powers)
  const genesis = yield* genesisOf(parts, first)
  const anchorSource = options.l1Genesis ?? toRef(genesis.ref)
  const { replace, setHeads, submit } = steering
  const backend = { genesis, anchorSource, replace, setHeads, derive: origins.derive }
  hub = yield* makeChain(backend, options.chainLimits)
  const providers = makeProviders(options.inherentTimeoutMs)
  const running = yield* Latch.make(true)
  yield* Effect.forkScoped(makeFollowing(parts, steering, providers, running))
  const devChain: DevChain = {
    committee: dag.committee,
    submit,
    provideInherents: providers.register,
    reject: relay.reject,
    voteFinality: () => Effect.void,
    pause: Effect.asVoid(running.close),
    resume: Effect.asVoid(running.open)
  }
  return { chain: hub, devChain, runtimeApi: relay.api }
})
