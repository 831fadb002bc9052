/** A second look at accepted access lists: do the nodes know the blocks as we do? */
import { Effect, FiberSet, Metric, Option, Result, type Scope } from "effect"
import { type Access, type ChainId, parseAccessList } from "@ephor/types"
import * as LogsDb from "../LogsDb.ts"
import * as OpMetrics from "../OpMetrics.ts"
import { type ChainContext, stateOf } from "./ChainContext.ts"
import type { NodeLink } from "../node/Link.ts"

/** Access lists that are looked at beside each other; while so many are, further ones are not looked at. */
const maxVerifications = 16

const compare = Effect.fnUntraced(function* (chain: ChainContext, link: NodeLink, block: LogsDb.SealedBlock) {
  const theirs = yield* link.blockAt(block.number)
  if (Option.isSome(theirs) && theirs.value.hash === block.hash) return
  const found = Option.match(theirs, { onNone: () => "no block", onSome: ({ hash }) => hash })
  yield* Metric.update(Metric.withAttributes(OpMetrics.accessListVerifyFailure, { chain: chain.id }), 1)
  yield* Effect.logWarning("an access list was accepted for a block that a node knows otherwise", {
    chain: chain.id,
    node: link.name,
    block: block.number,
    ours: block.hash,
    theirs: found
  })
})

/** Gives what starts a look at an accepted list; it never holds up the answer. */
export const makeVerify = Effect.fnUntraced(function* (
  contexts: ReadonlyMap<ChainId, ChainContext>
): Effect.fn.Return<(entries: ReadonlyArray<string>) => Effect.Effect<void>, never, Scope.Scope> {
  const looks = yield* FiberSet.make<void, never>()
  const look = (access: Access) => {
    const { blockNumber, chainId } = LogsDb.queryOf(access)
    const chain = contexts.get(chainId)
    const block = chain === undefined ? undefined : LogsDb.at(stateOf(chain).logs, blockNumber)
    if (chain === undefined || block === undefined) return Effect.void
    return Effect.forEach(
      chain.links,
      (link) =>
        compare(chain, link, block).pipe(
          Effect.catch((error) =>
            Effect.logDebug(`an access list could not be verified with ${link.name}: ${error.message}`)
          )
        ),
      { discard: true }
    )
  }
  return (entries) =>
    Effect.suspend(() => {
      const parsed = parseAccessList(entries)
      if (Result.isFailure(parsed)) return Effect.void
      return Effect.flatMap(FiberSet.size(looks), (size) =>
        size >= maxVerifications
          ? Effect.void
          : Effect.asVoid(FiberSet.run(looks, Effect.forEach(parsed.success, look, { discard: true })))
      )
    })
})
