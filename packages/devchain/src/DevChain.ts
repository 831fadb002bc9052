/**
 * A development chain: a committee of authors, here or each in a process of its own, makes a DAG round per block on the
 * `Clock`; this process commits it, executes it and imports it. It stands for a relay chain (with a runtime for
 * parachains), for an L2 (derived from the L1 blocks that it is provided with) or, with a single author, for an L1.
 */
import type { AuthorityIndex, BlockRef, CandidateHash, ChainId, DagCommittee, Timestamp } from "@ephor/types"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import { Chain, type Limits as ChainLimits } from "@ephor/chain/Chain"
import type { ChainError } from "@ephor/chain/ChainError"
import * as Committee from "@ephor/chain/Committee"
import * as DevRuntime from "./DevRuntime.ts"
import type { DevTransaction } from "./DevTransaction.ts"
import type { Provided } from "./runtime/StateStore.ts"
import type { Finality, FinalityVoter, FinalityVoting } from "./finality/FinalityVotes.ts"
import { authorFromSecret, developmentAuthors } from "./DevAuthors.ts"
import type { RoundProposal } from "./RoundProposal.ts"
import { makeDevChain } from "./authoring/Assembly.ts"
import { RuntimeApi } from "@ephor/chain/RuntimeApi"
import type { Store, StoreError } from "@ephor/store/Store"

export type { Provided } from "./runtime/StateStore.ts"

/** Answers what the leader's block takes in on behalf of parachains; `null` is nothing. */
export type InherentProvider = (parent: BlockRef) => Effect.Effect<Provided | null>

/** Signs what the maker of the chain proposes to an author; the bytes of its block. */
export type BlockProvider = (proposal: RoundProposal) => Effect.Effect<Uint8Array, ChainError>

export type { Finality, FinalityVoter, FinalityVoting } from "./finality/FinalityVotes.ts"

/** Shape of the service. */
export interface Service {
  /** The public side of the committee that authors blocks. */
  readonly committee: DagCommittee
  /**
   * Queues a transaction for the next blocks; suspends while the queue is full. Queued transactions are lost by a crash. One
   * that is too large for any block (`BlockBounds`) is refused as `Unsupported`.
   */
  readonly submit: (transaction: DevTransaction) => Effect.Effect<void, ChainError>
  /** Registers who provides the inherents of an author's blocks, until the scope closes. The last one registered counts. */
  readonly provideInherents: (
    author: AuthorityIndex,
    provider: InherentProvider
  ) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Registers who signs the blocks of an author whose key is elsewhere, until the scope closes. The last one registered
   * counts; an author without one has no blocks.
   */
  readonly provideBlocks: (
    author: AuthorityIndex,
    provider: BlockProvider
  ) => Effect.Effect<void, never, Scope.Scope>
  /** Bars a candidate from ever being backed again, on any branch. Durable when it returns. */
  readonly reject: (candidate: CandidateHash) => Effect.Effect<void, StoreError>
  /**
   * Gives somebody a say in what becomes final, until the scope closes, on a chain that counts votes
   * (`FinalityVoting.votes`). On any other chain nobody is ever asked.
   */
  readonly voteFinality: (voter: FinalityVoter) => Effect.Effect<void, never, Scope.Scope>
  /** Blocks that were to become final since the start and had to wait for votes. */
  readonly finalityWaited: Effect.Effect<number>
  /** Stops authoring; a block in the making is finished. */
  readonly pause: Effect.Effect<void>
  /** Goes on authoring. */
  readonly resume: Effect.Effect<void>
}

/** Steers a development chain. */
export class DevChain extends Context.Service<DevChain, Service>()("@ephor/devchain/DevChain") {}

/** An author: one that this process signs for, or one that signs for itself elsewhere. */
export type Member = Committee.Author | Pick<Committee.Author, "publicKey">

/**
 * Who authors: keys that sign here or elsewhere, secrets of 32 bytes each, or a seed text that anybody may know, for networks
 * that are thrown away.
 */
export type Authors =
  | { readonly members: ReadonlyArray<Member> }
  | { readonly secrets: ReadonlyArray<Redacted.Redacted<Uint8Array>> }
  | { readonly seed: string; readonly size: number }

/** The authors that a configuration names. */
export const authorsOf = (authors: Authors): ReadonlyArray<Member> =>
  "members" in authors
    ? authors.members
    : "secrets" in authors
      ? authors.secrets.map((secret) => authorFromSecret(Redacted.value(secret)))
      : developmentAuthors(authors.seed, authors.size)

/** The runtime of the chain: validators, groups and parachains, and whatever differs from `DevRuntime.defaults`. */
export type RuntimeOptions = Partial<DevRuntime.Options> &
  Pick<DevRuntime.Options, "validators" | "groups" | "paras">

/** Bounds and times; see `defaults`. */
export interface Settings {
  /** Time between blocks. */
  readonly blockTimeMs: number
  /** A block becomes derivable from L1 only when this many blocks build on it: the time that disputes have. */
  readonly derivationDelayBlocks: number
  /** How long the leader waits for its inherent provider. */
  readonly inherentTimeoutMs: number
  /** How long a round with a quorum waits for blocks of other processes; who is late has none in that round. */
  readonly roundTimeoutMs: number
  /** How long a block waits for a quorum of authors before its slot is given up; the round is asked for again. */
  readonly quorumTimeoutMs: number
  /** Transactions that wait; `submit` suspends beyond. */
  readonly queueCapacity: number
  /** Transactions that one block takes from the queue, as far as they fit (`BlockBounds`). */
  readonly transactionsPerBlock: number
  /** Rounds of the committee that are held in memory; a branch that begins further back is read from the store. */
  readonly heldRounds: number
  /** Blocks below the finalized one whose runtime states, and rejected candidates, are kept. */
  readonly keptStates: number
  /** Runtime states that are held in memory. */
  readonly cachedStates: number
}

/** What applies where nothing is given. */
export const defaults: Settings = {
  blockTimeMs: 1000,
  derivationDelayBlocks: 4,
  inherentTimeoutMs: 300,
  roundTimeoutMs: 400,
  quorumTimeoutMs: 5000,
  queueCapacity: 1024,
  transactionsPerBlock: 512,
  heldRounds: 1024,
  keptStates: 256,
  cachedStates: 512
}

/** See `Options.finality`. */
export type FinalityChoice = "external" | { readonly external: FinalityVoting } | Finality

/** A development chain. */
export interface Options extends Partial<Settings> {
  readonly chainId: ChainId
  /** Time of the first block in seconds. */
  readonly genesisTime: Timestamp
  /** Default: four authors with the chain id as seed. */
  readonly authors?: Authors
  /** The L1 block that the chain begins with; without one it is its own L1. */
  readonly l1Genesis?: BlockRef
  /** Default: no validators and no parachains. */
  readonly runtime?: RuntimeOptions
  /**
   * Who finalizes: somebody outside by `promote` (as far as voters accept, if some are needed), or the chain itself so many
   * blocks behind its head, as far as voters accept. Default `external`.
   */
  readonly finality?: FinalityChoice
  readonly chainLimits?: Partial<ChainLimits>
}

/** Options with nothing left open. */
export interface Resolved extends Settings {
  readonly chainId: ChainId
  readonly genesisTime: Timestamp
  readonly authors: ReadonlyArray<Member>
  readonly l1Genesis: BlockRef | undefined
  readonly runtime: DevRuntime.Options
  readonly finality: FinalityChoice
  readonly chainLimits: Partial<ChainLimits>
}

/** The runtime options with defaults; parachains beyond the number of groups are a mistake of the caller (a defect). */
export const resolveRuntime = (options: RuntimeOptions | undefined): DevRuntime.Options => {
  const runtime = { ...DevRuntime.defaults, validators: [], groups: [], paras: [], ...options }
  if (runtime.paras.length > runtime.groups.length) {
    throw new RangeError(
      `${runtime.paras.length} parachains need as many groups of validators, not ${runtime.groups.length}`
    )
  }
  return runtime
}

const resolve = (options: Options): Resolved => ({
  ...defaults,
  finality: "external",
  chainLimits: {},
  ...options,
  l1Genesis: options.l1Genesis,
  authors: authorsOf(options.authors ?? { seed: options.chainId, size: 4 }),
  runtime: resolveRuntime(options.runtime)
})

/**
 * Runs a development chain; it goes on where the store left it. Verbs of `Chain` change what it builds upon: after a
 * `revert`, a `blacklist` or an `invalidate` the next block builds on the new head.
 */
export const layer = (
  options: Options
): Layer.Layer<Chain | RuntimeApi | DevChain, ChainError | StoreError, Store> =>
  Layer.effectContext(
    Effect.map(makeDevChain(resolve(options)), ({ chain, devChain, runtimeApi }) =>
      Context.make(Chain, chain).pipe(Context.add(RuntimeApi, runtimeApi), Context.add(DevChain, devChain))
    )
  )

/** A development L1. */
export interface L1Options extends Partial<Settings> {
  readonly chainId: ChainId
  /** Time of the first block in seconds. */
  readonly genesisTime: Timestamp
  /** Blocks between the head and the finalized block. Default 4. */
  readonly finalityDepth?: number
  readonly chainLimits?: Partial<ChainLimits>
}

/** A chain of one author that finalizes itself: what others take for their L1. */
export const layerL1 = (
  options: L1Options
): Layer.Layer<Chain | RuntimeApi | DevChain, ChainError | StoreError, Store> =>
  layer({
    ...options,
    authors: { seed: options.chainId, size: 1 },
    finality: { depth: options.finalityDepth ?? 4 }
  })
