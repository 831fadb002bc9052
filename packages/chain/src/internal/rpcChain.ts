/** A chain that follows an execution client: its parts, put together. */
import type { BlockNumber, BlockRef, ChainId } from "@ephor/types"
import { Effect, Latch } from "effect"
import { type Limits, make as makeChain, type Service as Chain } from "../Chain.ts"
import type { Author } from "../Committee.ts"
import type { Service as DevChain } from "../DevChain.ts"
import type { Options as RuntimeOptions } from "../DevRuntime.ts"
import type { Client } from "../NodeEthRpcClient.ts"
import { toRef } from "./chainState.ts"
import { makeDag } from "./dagMaker.ts"
import { makeProviders } from "./inherents.ts"
import { makeOrigins } from "./origins.ts"
import { makeRelayStates } from "./relayStates.ts"
import { connectPatiently, genesisOf, type Parts } from "./rpcBlocks.ts"
import { makeFollowing } from "./rpcFollowing.ts"
import { makeSteering } from "./rpcSteering.ts"

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
  readonly pollIntervalMs: number
  readonly retryLimitMs: number
  readonly connectTimeoutMs: number
  readonly derivationDelayBlocks: number
  readonly inherentTimeoutMs: number
  readonly heldRounds: number
  readonly keptStates: number
  readonly cachedStates: number
}

/** Builds the chain with its services; following runs in the scope. */
export const makeRpcChain = Effect.fnUntraced(function* (client: Client, options: Options) {
  const { anvil, block: first, chainId } = yield* connectPatiently(client, options)
  // The hub needs a backend and the backend reads the hub: it is set before anything below can run.
  let hub!: Chain
  const chain = () => hub
  const dag = yield* makeDag(options.authorsFor(chainId), first.number, options.heldRounds)
  const relay = yield* makeRelayStates(options.runtime, options, chain)
  const origins = yield* makeOrigins({ ...options, l1Genesis: options.l1Genesis }, chain)
  const parts: Parts = { client, options, chain, dag, relay, origins }
  const steering = makeSteering(parts, anvil)
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
    pause: Effect.asVoid(running.close),
    resume: Effect.asVoid(running.open)
  }
  return { chain: hub, devChain, runtimeApi: relay.api }
})
