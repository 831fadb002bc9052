/**
 * How far a chain that finalizes itself by depth may go: no further than enough of those who vote accept, except that it
 * never falls back more than a bounded number of blocks behind its head.
 */
import type { BlockNumber, BlockRef, Hash } from "@ephor/types"
import { Cause, Effect, Metric, Option, type Scope } from "effect"
import type { Service as Chain } from "@ephor/chain/Chain"
import type { ChainError } from "@ephor/chain/ChainError"
import { finalityForced, finalityHeld } from "../DevMetrics.ts"

/** Answers up to which height, from the final `base` to `target` (which builds upon it), nothing speaks against finality. */
export type FinalityVoter = (base: BlockRef, target: BlockRef) => Effect.Effect<BlockNumber>

/** Finality by depth, and who has a say in it. */
export interface Finality {
  /** Blocks between the head and the final block, at least. */
  readonly depth: number
  /**
   * Voters that must accept a block before it is final; one that is away, or late, accepts nothing new. Default 0: depth
   * alone decides.
   */
  readonly votes?: number
  /** Blocks that the final block may be behind the head, whatever the voters say (polkadot-sdk's `MAX_FINALITY_LAG`). */
  readonly maxLagBlocks?: number
  /** How long a voter may take. */
  readonly voteTimeoutMs?: number
}

/** What applies where nothing is given. */
export const defaults: Required<Omit<Finality, "depth">> = {
  votes: 0,
  maxLagBlocks: 500,
  voteTimeoutMs: 2000
}

/** The highest height that `needed` votes reach; `base` if there are not so many. Pure. */
export const accepted = (votes: ReadonlyArray<BlockNumber>, needed: number, base: BlockNumber): BlockNumber =>
  Math.max(base, votes.toSorted((a, b) => b - a)[needed - 1] ?? base)

/** Those who vote, and what follows from their votes. */
export interface FinalityVotes {
  /** Lets somebody vote until the scope closes. */
  readonly register: (voter: FinalityVoter) => Effect.Effect<void, never, Scope.Scope>
  /** The block to finalize now that the chain's head has this height; nothing if the final block stays. */
  readonly choose: (head: BlockNumber) => Effect.Effect<Option.Option<Hash>, ChainError>
}

/** Votes about the finality of a chain. */
export const make = (
  given: Finality,
  chain: () => Pick<Chain, "ancestors" | "block" | "head">
): FinalityVotes => {
  const { depth, maxLagBlocks, voteTimeoutMs, votes: needed } = { ...defaults, ...given }
  const voters = new Set<FinalityVoter>()

  const ask = (base: BlockRef, target: BlockRef) => (voter: FinalityVoter) =>
    voter(base, target).pipe(
      Effect.timeoutOption(voteTimeoutMs),
      Effect.map(Option.getOrElse(() => base.number)),
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.succeed(base.number)
          : Effect.as(Effect.logError("a vote about finality failed", cause), base.number)
      )
    )

  /** How far it may go by the votes, or because the head is too far ahead. */
  const height = Effect.fnUntraced(function* (base: BlockRef, target: BlockRef, head: BlockNumber) {
    if (needed <= 0) return target.number
    const votes = yield* Effect.forEach(voters, ask(base, target), { concurrency: "unbounded" })
    const byVotes = Math.min(target.number, accepted(votes, needed, base.number))
    yield* Metric.update(finalityHeld, target.number - byVotes)
    const byLag = Math.min(target.number, head - maxLagBlocks)
    if (byLag <= byVotes) return byVotes
    yield* Metric.update(finalityForced, 1)
    yield* Effect.logError(
      `block ${byLag} becomes final although it is not approved: finality was ${maxLagBlocks} blocks behind`
    )
    return byLag
  })

  const choose = Effect.fnUntraced(function* (head: BlockNumber) {
    if (head < depth) return Option.none<Hash>()
    const base = yield* chain().head("Finalized")
    const target = Option.getOrUndefined(yield* chain().block(head - depth))
    if (target === undefined || target.number <= base.number) return Option.none<Hash>()
    const chosen = yield* height(base, target, head)
    if (chosen <= base.number) return Option.none<Hash>()
    if (chosen === target.number) return Option.some(target.hash)
    // By way of the target: the canonical block of that height may have changed while voters thought.
    const between = yield* chain().ancestors(target.hash, target.number - chosen)
    return Option.fromUndefinedOr(between.find(({ number }) => number === chosen)?.hash)
  })

  return {
    register: (voter) =>
      Effect.acquireRelease(
        Effect.sync(() => void voters.add(voter)),
        () => Effect.sync(() => void voters.delete(voter))
      ),
    choose
  }
}
