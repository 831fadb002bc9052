/**
 * Gives a validator its say in what a development chain finalizes: nothing that it has not approved, and nothing that is
 * disputed.
 */
import { DevChain } from "@ephor/chain"
import {
  ApprovalVoting,
  type ApprovedBlock,
  type BlockDescription,
  DisputeCoordinator
} from "@ephor/overseer"
import type { BlockId, BlockRef, SessionIndex } from "@ephor/types"
import { Cause, type Deferred, Effect, Layer } from "effect"

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

/** Votes about finality until the layer is closed. */
export const layer: Layer.Layer<never, never, DevChain.DevChain | ApprovalVoting | DisputeCoordinator> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const devChain = yield* DevChain.DevChain
      const approvals = yield* ApprovalVoting
      const disputes = yield* DisputeCoordinator

      const undisputed = Effect.fnUntraced(function* (
        base: BlockRef,
        approved: ReadonlyArray<ApprovedBlock>
      ) {
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

      yield* devChain.voteFinality((base, target) =>
        approvals
          .askPriority((reply: Deferred.Deferred<ReadonlyArray<ApprovedBlock>>) => ({
            _tag: "ApprovedAncestor",
            base,
            target,
            reply
          }))
          .pipe(
            Effect.flatMap((approved) => undisputed(base, approved)),
            // The subsystems have ended, and with them our part in the chain.
            Effect.catchCauseIf(Cause.hasInterruptsOnly, () => Effect.succeed(base.number))
          )
      )
    })
  )
