/**
 * Tells what a node derived, L1 block by L1 block, as a managed node would: it waits for a reset, says where it stands
 * (`exhaustL1`), is given the next L1 block, waits until op-node is done with that, and tells the blocks that it gave.
 */
import { Effect, Latch, Metric } from "effect"
import type { BlockId, BlockRef, L2BlockRef } from "@ephor/types"
import type { Sink } from "../client/Events.ts"
import type { ManagedNodeError } from "../ManagedNodeError.ts"
import { followedL1Blocks } from "../Metrics.ts"
import type { Beginning } from "./Beginning.ts"
import { type Execution, refOf } from "./Execution.ts"
import type { AsOf, History } from "./History.ts"
import type { Lookups } from "./Lookups.ts"
import { asked, exhausted, type Following, type From, show, type Stage } from "./Stage.ts"

/** What deriving needs. */
export interface Parts {
  readonly execution: Execution
  readonly history: History
  readonly lookups: Lookups
  readonly beginning: Effect.Effect<Beginning | undefined, ManagedNodeError>
  readonly limits: {
    readonly pollIntervalMs: number
    readonly pollLimitMs: number
    readonly repeatMs: number
    readonly fetchAheadBlocks: number
  }
}

/** See `makeDeriving`. */
export interface Deriving {
  readonly run: (sink: Sink) => Effect.Effect<never>
  /** Offers the next L1 block. */
  readonly provide: (l1: BlockRef) => Effect.Effect<void>
  /** Has the telling begin anew, if the check succeeds; meanwhile nothing is asked for. */
  readonly restart: <E extends { readonly message: string }>(
    from: From,
    check: Effect.Effect<void, E>
  ) => Effect.Effect<void, E>
  /** Has it look again now. */
  readonly poke: () => void
}

/** The height of the block before the first one with interop. */
const beforeInterop = ({
  block_time: blockTime,
  genesis,
  interop_time: time
}: Beginning): number | undefined => {
  if (time === undefined || time === null) return undefined
  const { number, timestamp } = genesis.l2
  return number + Math.max(0, Math.ceil((time - timestamp) / blockTime) - 1)
}

/** The derivation of a node. */
export const makeDeriving = ({ beginning, execution, history, limits, lookups }: Parts): Deriving => {
  const look = Latch.makeUnsafe(false)
  const poke = () => void look.openUnsafe()
  let stage: Stage = asked("what is derived is told from where the supervisor wants it")
  const become = (from: Stage, to: Stage) => {
    if (stage === from) stage = to
  }
  /** Until something happens, and not for longer than that. */
  const pause = (afterMs: number) =>
    Effect.suspend(() => {
      look.closeUnsafe()
      return Effect.raceFirst(Effect.sleep(afterMs), look.await)
    })

  /** Says why it does not go on, once for each reason. */
  let complaint: string | undefined
  const complain = (why: string | undefined) => {
    const isNew = why !== undefined && why !== complaint
    complaint = why
    return isNew ? Effect.logWarning(`derivation is not told further for now: ${why}`) : Effect.void
  }

  /** The block at a height, if it is the one that was meant. */
  const same = (block: BlockId) =>
    execution.block(block.number, "interop_blockRefByNumber").pipe(
      Effect.map((found) => (found.hash === block.hash ? found : undefined)),
      Effect.catchReason("ManagedNodeError", "BlockNotFound", () => Effect.undefined)
    )

  const originOf = (block: L2BlockRef, began: Beginning | undefined) =>
    Math.max(block.l1origin.number, began?.genesis.l1.number ?? 0)

  const seek = Effect.fnUntraced(function* (at: Extract<Stage, { readonly _tag: "Seeking" }>) {
    const began = yield* beginning
    const { from } = at
    const height = from === "Activation" ? began && beforeInterop(began) : from.number
    const block =
      height === undefined ? undefined : yield* same(from === "Activation" ? yield* ref(height) : from)
    if (block === undefined) {
      if (from !== "Activation") become(at, asked(`block ${show(from)} is gone`))
      return yield* pause(limits.repeatMs)
    }
    const origin = originOf(yield* lookups.withOrigin(block), began)
    const number = yield* history.search(block, origin)
    const isBehind = number === undefined && history.progress() !== undefined
    yield* complain(isBehind ? `${history.url} has not come as far as block ${show(block)}` : undefined)
    if (number === undefined) return yield* pause(limits.repeatMs)
    become(at, {
      _tag: "Following",
      source: { number },
      derived: refOf(block),
      isReached: false,
      offered: undefined
    })
  })

  const ref = (height: number) => Effect.map(execution.block(height, "interop_blockRefByNumber"), refOf)

  /** Tells the blocks after `derived` up to a height, as derived from an L1 block; false if that came to nothing. */
  const tellUpTo = Effect.fnUntraced(function* (at: Following, source: BlockRef, height: number, sink: Sink) {
    while (at.derived.number < height) {
      const first = at.derived.number + 1
      const count = Math.min(limits.fetchAheadBlocks, height - first + 1)
      const blocks = yield* Effect.forEach(
        Array.from({ length: count }, (_, i) => first + i),
        ref,
        { concurrency: count }
      )
      for (const derived of blocks) {
        if (stage !== at) return false
        if (derived.parentHash !== at.derived.hash) {
          become(at, asked(`block ${show(at.derived)} is gone`))
          return false
        }
        yield* sink([{ derivationUpdate: { source, derived } }])
        at.derived = derived
      }
    }
    return stage === at
  })

  /** Why nothing can be told of an L1 block yet. */
  const notYet = Effect.fnUntraced(function* (at: Following, next: BlockRef, found: AsOf) {
    if (found._tag === "OtherL1") {
      return `${history.url} has L1 block ${show(found.theirs)} in the place of ${show(next)}`
    }
    if (found._tag !== "Head" || found.head.number <= at.derived.number) return undefined
    if ((yield* same(found.head)) !== undefined) return undefined
    history.forget()
    return `${execution.url} does not have safe block ${show(found.head)} of ${history.url}`
  })

  const advance = Effect.fnUntraced(function* (at: Following, next: BlockRef, sink: Sink) {
    const { derived, source } = at
    if (next.number !== source.number + 1) {
      at.offered = undefined
      return
    }
    if (source.hash !== undefined && next.parentHash !== source.hash) {
      const why = `provided next L1 block ${show(next)} does not build on last processed L1 block ${show(source)}`
      return become(at, asked(why))
    }
    const progress = history.progress()
    if (progress === undefined || progress.currentL1.number <= next.number) {
      return yield* pause(limits.repeatMs)
    }
    const found = yield* history.headAsOf(next)
    const why = yield* notYet(at, next, found)
    yield* complain(why)
    if (why !== undefined) return yield* pause(limits.repeatMs)
    // What is safe for whoever had us begin here stays so, be op-node behind or know nothing of that time.
    const head = found._tag === "Head" ? found.head : derived
    if (head.number < derived.number && at.isReached) {
      return become(at, asked(`the safe head went back to ${show(head)}`))
    }
    const isGone = head.number === derived.number && head.hash !== derived.hash
    if (isGone || (yield* same(derived)) === undefined) {
      return become(at, asked(`block ${show(derived)} is gone`))
    }
    if (stage !== at) return
    at.isReached ||= found._tag === "Head" && head.number >= derived.number
    yield* sink([{ derivationUpdate: { source: next, derived }, derivationOriginUpdate: next }])
    if (!(yield* tellUpTo(at, next, head.number, sink))) return
    yield* Metric.update(followedL1Blocks, 1)
    at.source = next
    if (at.offered === next) at.offered = undefined
  })

  const step = Effect.fnUntraced(function* (sink: Sink) {
    const at = stage
    switch (at._tag) {
      case "Asking":
        yield* sink([{ reset: at.why }])
        return yield* stage === at ? pause(limits.repeatMs) : Effect.void
      case "Checking":
        return yield* pause(limits.repeatMs)
      case "Seeking":
        return yield* seek(at)
      case "Following": {
        const { offered } = at
        if (offered !== undefined) return yield* advance(at, offered, sink)
        yield* sink([exhausted(at)])
        return yield* stage === at && at.offered === undefined ? pause(limits.repeatMs) : Effect.void
      }
    }
  })

  const run: Deriving["run"] = (sink) => {
    let pauseMs = limits.pollIntervalMs
    return step(sink).pipe(
      Effect.matchEffect({
        onSuccess: () =>
          Effect.sync(() => {
            pauseMs = limits.pollIntervalMs
          }),
        onFailure: (error) =>
          Effect.suspend(() => {
            const restMs = pauseMs
            pauseMs = Math.min(pauseMs * 2, limits.pollLimitMs)
            return Effect.andThen(complain(error.message), Effect.sleep(restMs))
          })
      }),
      Effect.forever
    )
  }

  return {
    run,
    poke,
    provide: (l1) =>
      Effect.sync(() => {
        if (stage._tag !== "Following" || l1.number !== stage.source.number + 1) return
        stage.offered = l1
        poke()
      }),
    restart: (from, check) =>
      Effect.suspend(() => {
        const checking: Stage = { _tag: "Checking" }
        stage = checking
        return check.pipe(
          Effect.tap(() => Effect.sync(() => become(checking, { _tag: "Seeking", from }))),
          Effect.tapError(({ message }) => Effect.sync(() => become(checking, asked(message)))),
          Effect.onInterrupt(() =>
            Effect.sync(() => become(checking, asked("it was not told from where in time")))
          ),
          Effect.ensuring(Effect.sync(poke))
        )
      })
  }
}
