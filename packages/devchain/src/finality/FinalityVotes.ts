/**
 * How far finality may go, whether a chain finalizes itself by depth or is told from outside: no further than enough of
 * those who vote accept, except that it never falls back more than a bounded number of blocks behind the head. Where too
 * few are left that do not wait for people, it stands.
 */
import type { BlockNumber, BlockRef, Hash } from "@ephor/types"
import { Cause, Effect, Metric, Option, type Scope } from "effect"
import type { Service as Chain } from "@ephor/chain/Chain"
import type { ChainError } from "@ephor/chain/ChainError"
import { finalityForced, finalityHeld, finalityWaited } from "../DevMetrics.ts"

/**
 * Answers up to which height, from the final `base` to `target` (which builds upon it), nothing speaks against finality;
 * `null` while it waits for people to decide: then nothing becomes final, however far behind that is.
 */
export type FinalityVoter = (base: BlockRef, target: BlockRef) => Effect.Effect<BlockNumber | null>

/** Who has a say in finality. */
export interface FinalityVoting {
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

/** Finality by depth, as far as voters accept. */
export interface Finality extends FinalityVoting {
  /** Blocks between the head and the final block, at least. */
  readonly depth: number
}

/** What applies where nothing is given. */
export const defaults: Required<FinalityVoting> = {
  votes: 0,
  maxLagBlocks: 500,
  voteTimeoutMs: 2000
}

/** The highest height that `needed` votes reach; `base` if there are not so many. Pure. */
export const accepted = (votes: ReadonlyArray<BlockNumber>, needed: number, base: BlockNumber): BlockNumber =>
  Math.max(base, votes.toSorted((a, b) => b - a)[needed - 1] ?? base)

/** Whether people are waited for: without those who do, too few are left to vote. Pure. */
export const stands = (votes: ReadonlyArray<BlockNumber | null>, needed: number): boolean => {
  const others = votes.filter((vote) => vote !== null).length
  return others < votes.length && others < needed
}

/** Those who vote, and what follows from their votes. */
export interface FinalityVotes {
  /** Lets somebody vote until the scope closes. */
  readonly register: (voter: FinalityVoter) => Effect.Effect<void, never, Scope.Scope>
  /** The block to finalize now that the chain's head has this height; nothing if the final block stays. */
  readonly choose: (head: BlockNumber) => Effect.Effect<Option.Option<Hash>, ChainError>
  /**
   * The block to finalize now that somebody outside calls this one final: the block, one below it, or the final block. What
   * is not canonical is given back: the chain itself says what is wrong with it.
   */
  readonly bound: (called: Hash) => Effect.Effect<Hash, ChainError>
  /** Whether those who vote wait for people, so that this block must not become final. */
  readonly isStanding: (called: Hash) => Effect.Effect<boolean, ChainError>
  /** Blocks that were to become final and had to wait for votes. */
  readonly waited: Effect.Effect<number>
}

/** Votes about the finality of a chain; without a depth it does not choose by itself. */
export const make = (
  given: FinalityVoting & Partial<Finality>,
  chain: () => Pick<Chain, "ancestors" | "block" | "head">
): FinalityVotes => {
  const { depth = Infinity, maxLagBlocks, voteTimeoutMs, votes: needed } = { ...defaults, ...given }
  const voters = new Set<FinalityVoter>()
  let waited = 0
  let counted = 0

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

  /** Counts each block that has to wait once. */
  const note = Effect.fnUntraced(function* (target: BlockNumber, accepted: BlockNumber) {
    yield* Metric.update(finalityHeld, target - accepted)
    const more = Math.max(0, target - Math.max(accepted, counted))
    waited += more
    counted = Math.max(counted, target)
    if (more > 0) yield* Metric.update(finalityWaited, more)
  })

  /** How far it may go by the votes, or because the head is too far ahead. */
  const height = Effect.fnUntraced(function* (base: BlockRef, target: BlockRef, head: BlockNumber) {
    if (needed <= 0) return target.number
    const votes = yield* Effect.forEach(voters, ask(base, target), { concurrency: "unbounded" })
    const isStanding = stands(votes, needed)
    const heights = votes.map((vote) => vote ?? base.number)
    const byVotes = isStanding ? base.number : Math.min(target.number, accepted(heights, needed, base.number))
    yield* note(target.number, byVotes)
    const byLag = Math.min(target.number, head - maxLagBlocks)
    if (isStanding || byLag <= byVotes) return byVotes
    yield* Metric.update(finalityForced, 1)
    yield* Effect.logError(
      `block ${byLag} becomes final although it is not approved: finality was ${maxLagBlocks} blocks behind`
    )
    return byLag
  })

  /** The block of that height under the target. */
  const under = Effect.fnUntraced(function* (base: BlockRef, target: BlockRef, head: BlockNumber) {
    const chosen = yield* height(base, target, head)
    if (chosen <= base.number) return Option.none<Hash>()
    if (chosen === target.number) return Option.some(target.hash)
    // By way of the target: the canonical block of that height may have changed while voters thought.
    const between = yield* chain().ancestors(target.hash, target.number - chosen)
    return Option.fromUndefinedOr(between.find(({ number }) => number === chosen)?.hash)
  })

  const choose = Effect.fnUntraced(function* (head: BlockNumber) {
    if (head < depth) return Option.none<Hash>()
    const base = yield* chain().head("Finalized")
    const target = Option.getOrUndefined(yield* chain().block(head - depth))
    if (target === undefined || target.number <= base.number) return Option.none<Hash>()
    return yield* under(base, target, head)
  })

  const bound = Effect.fnUntraced(function* (called: Hash) {
    const base = yield* chain().head("Finalized")
    const target = Option.getOrUndefined(yield* chain().block(called))
    if (target === undefined || target.number <= base.number) return called
    const canonical = Option.getOrUndefined(yield* chain().block(target.number))
    if (canonical?.hash !== called) return called
    const { number } = yield* chain().head("LocalUnsafe")
    return Option.getOrElse(yield* under(base, target, number), () => base.hash)
  })

  return {
    register: (voter) =>
      Effect.acquireRelease(
        Effect.sync(() => void voters.add(voter)),
        () => Effect.sync(() => void voters.delete(voter))
      ),
    choose,
    bound,
    isStanding: Effect.fnUntraced(function* (called) {
      const base = yield* chain().head("Finalized")
      const target = Option.getOrUndefined(yield* chain().block(called))
      if (target === undefined) return false
      return stands(yield* Effect.forEach(voters, ask(base, target), { concurrency: "unbounded" }), needed)
    }),
    waited: Effect.sync(() => waited)
  }
}
