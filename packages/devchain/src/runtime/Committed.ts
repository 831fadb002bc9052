/**
 * Candidates with their commitments: states know those by hash only, the block that backed a candidate holds them.
 */
import type { ChainError } from "@ephor/chain/ChainError"
import type { ChainBlock, Service as Chain } from "@ephor/chain/Chain"
import type { BackedIn } from "@ephor/chain/RuntimeApi"
import { candidateHash, type CandidateReceipt, type Hash, toPlain } from "@ephor/types"
import { Effect, Option } from "effect"
import type { Options } from "../DevRuntime.ts"
import { inherentOfBlock } from "./StateStore.ts"

/**
 * The block that backed a candidate, `at` or one below it: as far down as its relay parent, and no further than a candidate may
 * wait for its data. Nothing if it was not backed there, or the block is not kept any more.
 */
export const committedAt = Effect.fnUntraced(function* (
  { allowedAncestry, availabilityTimeoutBlocks }: Options,
  chain: Pick<Chain, "block" | "content">,
  at: Hash,
  candidate: CandidateReceipt
): Effect.fn.Return<Option.Option<BackedIn>, ChainError> {
  const wanted = candidateHash(candidate)
  let block: ChainBlock | undefined = Option.isSome(yield* chain.block(at))
    ? yield* chain.content(at)
    : undefined
  for (let left = allowedAncestry + availabilityTimeoutBlocks + 2; left > 0 && block !== undefined; left--) {
    const { hash, parentHash } = block.ref
    if (hash === candidate.descriptor.relayParent || Option.isNone(yield* chain.block(parentHash))) break
    const parent: ChainBlock = yield* chain.content(parentHash)
    for (const backed of inherentOfBlock(parent, block)?.backedCandidates ?? [])
      if (candidateHash(toPlain(backed.candidate)) === wanted) {
        return Option.some({ candidate: backed.candidate, block: block.ref })
      }
    block = parent
  }
  return Option.none()
})
