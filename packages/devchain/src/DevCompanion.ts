/**
 * The companion that makes a development chain of an execution client: a committee wraps each of the client's blocks
 * into a round of its DAG, so that the chain can be streamed, and carries the inherents of a relay chain beside it.
 */
import type { BlockRef } from "@ephor/types"
import { Chain } from "@ephor/chain/Chain"
import { ChainError, Unsupported } from "@ephor/chain/ChainError"
import type { Accompany, Followed } from "@ephor/chain/Companion"
import { RuntimeApi } from "@ephor/chain/RuntimeApi"
import type { Store, StoreError } from "@ephor/store/Store"
import { Context, Effect, Layer, type Scope } from "effect"
import { companion } from "./authoring/Companion.ts"
import { makeProviders } from "./authoring/Inherents.ts"
import { makeSigners, type Signers } from "./authoring/Signers.ts"
import {
  type Authors,
  authorsOf,
  defaults as devChainDefaults,
  DevChain,
  type FinalityVoting,
  resolveRuntime,
  type RuntimeOptions,
  type Service,
  type Settings as DevChainSettings
} from "./DevChain.ts"

/** Bounds and times, as those of a development chain. */
export interface Settings extends Pick<
  DevChainSettings,
  | "derivationDelayBlocks"
  | "inherentTimeoutMs"
  | "roundTimeoutMs"
  | "quorumTimeoutMs"
  | "heldRounds"
  | "keptStates"
  | "cachedStates"
> {}

/** What applies where nothing is given. */
export const defaults: Settings = {
  derivationDelayBlocks: devChainDefaults.derivationDelayBlocks,
  inherentTimeoutMs: devChainDefaults.inherentTimeoutMs,
  roundTimeoutMs: devChainDefaults.roundTimeoutMs,
  quorumTimeoutMs: devChainDefaults.quorumTimeoutMs,
  heldRounds: devChainDefaults.heldRounds,
  keptStates: devChainDefaults.keptStates,
  cachedStates: devChainDefaults.cachedStates
}

/** The committee and the runtime beside a client. */
export interface Options extends Partial<Settings> {
  /** Default: four authors with the client's chain id as seed. */
  readonly authors?: Authors
  /** The L1 block that the chain begins with; without one it is its own L1. */
  readonly l1Genesis?: BlockRef
  /** Default: no validators and no parachains. */
  readonly runtime?: RuntimeOptions
  /** Who has a say in what is promoted to be final. Default: nobody. */
  readonly voting?: FinalityVoting
}

/**
 * A development chain over a client that `follow` follows: `DevCompanion.layer(options, NodeRpcChain.make({ url }))`.
 * `DevChain.submit` works as far as the client emits logs to order (an anvil does).
 */
export const layer = <E, R>(
  options: Options,
  follow: (accompany: Accompany) => Effect.Effect<Followed, E, R>
): Layer.Layer<Chain | RuntimeApi | DevChain, E | ChainError | StoreError, Exclude<R, Scope.Scope> | Store> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const settings = { ...defaults, ...options }
      const providers = makeProviders(settings.inherentTimeoutMs)
      let signers!: Signers
      let parts!: Effect.Success<ReturnType<typeof companion>>
      const accompany: Accompany = (start) => {
        const authors = authorsOf(options.authors ?? { seed: start.chainId, size: 4 })
        signers = makeSigners(authors, settings)
        return Effect.map(
          companion(start, {
            ...settings,
            providers,
            signers,
            authors,
            l1Genesis: options.l1Genesis,
            runtime: resolveRuntime(options.runtime),
            voting: options.voting ?? {}
          }),
          (made) => {
            parts = made
            return made.companion
          }
        )
      }
      const { chain, emit, pause, resume } = yield* follow(accompany)
      const { committee, relay } = parts
      const devChain: Service = {
        committee,
        submit: (transaction) =>
          transaction._tag === "Emit"
            ? Effect.forEach(transaction.value.logs, emit, { discard: true })
            : Effect.fail(
                new ChainError({
                  method: "submit",
                  reason: new Unsupported({ what: `take a transaction ${transaction._tag}` })
                })
              ),
        provideInherents: providers.register,
        provideBlocks: signers.register,
        reject: relay.reject,
        voteFinality: parts.votes.register,
        finalityWaited: parts.votes.waited,
        pause,
        resume
      }
      return Context.make(Chain, chain).pipe(
        Context.add(RuntimeApi, relay.api),
        Context.add(DevChain, devChain)
      )
    })
  )
