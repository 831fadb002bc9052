/**
 * How far a chain is approved: block by block upwards, to the first that includes what we did not approve.
 */
import type { Chain, RuntimeApi } from "@ephor/chain"
import type { ApprovedAncestor, ApprovedBlock, CandidateInSession } from "@ephor/overseer"
import { type BlockRef, candidateHash, type CandidateHash } from "@ephor/types"
import { Effect } from "effect"
import type { Approval } from "./ApprovalRecord.ts"

/** The blocks above `base` up to `target`, lowest first; none if they do not hang together. */
const between = Effect.fnUntraced(function* (
  chain: Chain.Service,
  { base, target }: Pick<ApprovedAncestor, "base" | "target">
) {
  const distance = target.number - base.number
  if (distance <= 0) return []
  const below = yield* chain.ancestors(target.hash, distance)
  const hangsTogether = below.length === distance && below.at(-1)?.hash === base.hash
  return hangsTogether ? [...below.slice(0, -1).toReversed(), target] : []
})

/** What is approved between two blocks; what cannot be read counts as not approved. */
export const approvedBlocks = Effect.fnUntraced(
  function* (
    chain: Chain.Service,
    runtime: RuntimeApi.Service,
    approvalOf: (candidate: CandidateHash) => Approval | undefined,
    asked: Pick<ApprovedAncestor, "base" | "target">
  ) {
    const found: Array<ApprovedBlock> = []
    for (const block of yield* between(chain, asked)) {
      const candidates = yield* candidatesOf(runtime, approvalOf, block)
      if (candidates === undefined) break
      found.push({ block, candidates })
    }
    return found
  },
  Effect.catch((error) =>
    Effect.as(
      Effect.logWarning("approvals of a chain cannot be told", error.message),
      [] as ReadonlyArray<ApprovedBlock>
    )
  )
)

/** The candidates that a block includes with their sessions, or nothing if one of them is not approved. */
const candidatesOf = Effect.fnUntraced(function* (
  runtime: RuntimeApi.Service,
  approvalOf: (candidate: CandidateHash) => Approval | undefined,
  block: BlockRef
) {
  const events = yield* Effect.option(runtime.candidateEvents(block.hash))
  if (events._tag === "None") return undefined
  const candidates: Array<CandidateInSession> = []
  for (const event of events.value) {
    if (event._tag !== "CandidateIncluded") continue
    const hash = candidateHash(event.value[0])
    const approval = approvalOf(hash)
    if (approval === undefined) return undefined
    candidates.push({ session: approval.session, candidateHash: hash })
  }
  return candidates
})
