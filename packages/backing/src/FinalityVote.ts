/**
 * A validator's say in what a chain finalizes: nothing that it has not approved, and nothing that is disputed.
 */
import {
  ApprovalVoting,
  type ApprovedBlock,
  type BlockDescription,
  DisputeCoordinator
} from "@ephor/overseer"
import type { BlockId, BlockNumber, BlockRef, SessionIndex } from "@ephor/types"
import { Cause, type Deferred, Effect } from "effect"

/** The blocks as the coordinator wants them, with the candidates of one session. */
const descriptions = (
  blocks: ReadonlyArray<ApprovedBlock>,
  session: SessionIndex
): ReadonlyArray<BlockDescription> =>
  blocks.map(({ block, candidates }) => ({
    blockHash: block.hash,
    session,
    candidates: candidates
      .filter((candidate) => candidate.session === session)
      .map(({ candidateHash }) => candidateHash)
  }))

/** The sessions whose validators judge these candidates; at a boundary a block may include some of two. */
const sessionsOf = (blocks: ReadonlyArray<ApprovedBlock>): ReadonlySet<SessionIndex> =>
  new Set(blocks.flatMap(({ candidates }) => candidates.map(({ session }) => session)))

/** Answers up to which height, from the final `base` to `target` (which builds upon it), nothing speaks against finality. */
export type FinalityVote = (base: BlockRef, target: BlockRef) => Effect.Effect<BlockNumber>

/** Votes by what approval voting and the dispute coordinator of this validator say; `base` once they have ended. */
export const make: Effect.Effect<FinalityVote, never, ApprovalVoting | DisputeCoordinator> = Effect.gen(
  function* () {
    const approvals = yield* ApprovalVoting
    const disputes = yield* DisputeCoordinator

    const undisputed = Effect.fnUntraced(function* (base: BlockRef, approved: ReadonlyArray<ApprovedBlock>) {
      let height = base.number + approved.length
      for (const session of sessionsOf(approved)) {
        const { number } = yield* disputes.askPriority((reply: Deferred.Deferred<BlockId>) => ({
          _tag: "DetermineUndisputedChain",
          base: { hash: base.hash, number: base.number },
          descriptions: descriptions(approved, session),
          reply
        }))
        height = Math.min(height, number)
      }
      return height
    })

    return (base, target) =>
      approvals
        .askPriority((reply: Deferred.Deferred<ReadonlyArray<ApprovedBlock>>) => ({
          _tag: "ApprovedAncestor",
          base,
          target,
          reply
        }))
        .pipe(
          Effect.flatMap((approved) => undisputed(base, approved)),
          Effect.catchCauseIf(Cause.hasInterruptsOnly, () => Effect.succeed(base.number))
        )
  }
)
