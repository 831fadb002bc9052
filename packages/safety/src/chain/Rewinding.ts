/** Going back by order of an operator. */
import { Effect, Result } from "effect"
import type { BlockId } from "@ephor/types"
import * as DerivationDb from "../DerivationDb.ts"
import { show, type Verdict } from "../Fault.ts"
import * as LogsDb from "../LogsDb.ts"
import type { SupervisorError } from "../SupervisorError.ts"
import { type ChainContext, rewindLogs, stateOf } from "../supervisor/ChainContext.ts"
import { unchanged } from "../supervisor/Ledger.ts"
import { fromVerdict } from "../supervisor/Queries.ts"
import { resetNode } from "./Resetting.ts"

/**
 * Takes everything above a block out of the databases of a chain, and resets its nodes to what is left: they tell the rest
 * anew. A block that the databases do not hold changes nothing.
 */
export const rewind = Effect.fnUntraced(function* (
  chain: ChainContext,
  to: BlockId
): Effect.fn.Return<void, SupervisorError> {
  const { ledger } = chain.shared
  const removed = yield* Effect.flatMap(
    ledger.decide<Verdict<number>>(() => {
      const { cross, local, logs } = stateOf(chain)
      const edits = Result.all([
        LogsDb.rewindTo(logs, to),
        DerivationDb.rewindToDerived(local, to),
        DerivationDb.rewindToDerived(cross, to)
      ])
      if (Result.isFailure(edits)) return unchanged(Result.fail(edits.failure))
      const [keep, localEdit, crossEdit] = edits.success
      const { others, own, removed } = rewindLogs(ledger, chain.id, logs[keep - 1]!)
      return {
        result: Result.succeed(removed),
        changes: [{ ...own, local: localEdit, cross: crossEdit }, ...others]
      }
    }),
    (verdict) => fromVerdict("admin_rewind", verdict)
  )
  chain.indexTarget = to.number
  chain.shared.wakeAll()
  yield* Effect.logWarning(`the databases went back to block ${show(to)} by order`, { removed })
  for (const link of chain.links) yield* resetNode(chain, link, `the databases went back to ${show(to)}`)
})
