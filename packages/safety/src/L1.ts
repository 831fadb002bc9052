/**
 * The L1 as the supervisor sees it: the tip and the finalized block by polling, blocks by height once they are deep
 * enough. `make` builds the service out of four questions; `NodeL1` asks them of an execution client.
 */
import { Context, Effect, Layer, Metric, Option, PubSub, Schedule, type Scope, Stream } from "effect"
import type { BlockNumber, BlockRef, Hash } from "@ephor/types"
import { L1Error, type Source } from "./L1Source.ts"
import * as Metrics from "./Metrics.ts"

export { L1Error, type Source } from "./L1Source.ts"

/**
 * What polling found. `Latest`: a new tip; `reorg` says that it does not build on the one before it, be it that blocks
 * were skipped. `Finalized`: the answer of every poll, changed or not.
 */
export type L1Change =
  | { readonly _tag: "Latest"; readonly block: BlockRef; readonly reorg: boolean }
  | { readonly _tag: "Finalized"; readonly block: BlockRef }

/** Shape of the L1. */
export interface Service {
  /** The tip, once a poll succeeded. */
  readonly latest: Effect.Effect<Option.Option<BlockRef>>
  /** The highest finalized block seen, once a poll succeeded. */
  readonly finalized: Effect.Effect<Option.Option<BlockRef>>
  /** What polling finds: the state at the moment of subscription, then what comes. Slow readers miss the oldest. */
  readonly changes: Stream.Stream<L1Change>
  /** The canonical block at a height, if it is at least `confirmationDepth` blocks below the tip. */
  readonly blockByNumber: Source["blockByNumber"]
  /** A block by hash, whatever its depth. */
  readonly blockByHash: Source["blockByHash"]
}

/** Where L1 blocks and their finality come from. */
export class L1 extends Context.Service<L1, Service>()("@ephor/safety/L1") {}

/** How the L1 is followed. */
export interface Options {
  /** Pause between two polls of `latest` and `finalized`. */
  readonly pollIntervalMs: number
  /** Blocks less deep than this below the tip are not handed out by height. */
  readonly confirmationDepth: number
  /** Longest pause between two polls while the L1 can not be reached. */
  readonly maxBackoffMs: number
  /** A question that takes longer has failed. */
  readonly timeoutMs: number
  /** Changes kept for a slow reader. */
  readonly changeBuffer: number
}

/** 3 s, depth 2, at most 30 s of back-off, 10 s per question, 256 changes. */
export const defaults: Options = {
  pollIntervalMs: 3_000,
  confirmationDepth: 2,
  maxBackoffMs: 30_000,
  timeoutMs: 10_000,
  changeBuffer: 256
}

const bounded = <A>(afterMs: number, method: string, ask: Effect.Effect<A, L1Error>) =>
  Effect.timeoutOrElse(ask, {
    duration: afterMs,
    orElse: () => Effect.fail(new L1Error({ method, why: `no answer within ${afterMs} ms` }))
  })

/** What polling has found so far. */
interface Seen {
  tip: BlockRef | undefined
  final: BlockRef | undefined
}

type Publish = (change: L1Change) => Effect.Effect<unknown>

/** Looks for the tip once: what is new is remembered and published. */
const lookForTip = (source: Source, options: Options, seen: Seen, publish: Publish) =>
  Effect.gen(function* () {
    const latest = Option.getOrUndefined(yield* bounded(options.timeoutMs, "latest", source.latest))
    if (latest === undefined || latest.hash === seen.tip?.hash) return
    if (seen.tip !== undefined && latest.number < seen.tip.number) {
      return yield* Effect.logWarning("the L1 tip went back; waiting for a higher one", {
        tip: seen.tip,
        latest
      })
    }
    const reorg = latest.parentHash !== seen.tip?.hash
    seen.tip = latest
    yield* publish({ _tag: "Latest", block: latest, reorg })
  })

/** Looks for the finalized block once. */
const lookForFinalized = (source: Source, options: Options, seen: Seen, publish: Publish) =>
  Effect.gen(function* () {
    const finalized = Option.getOrUndefined(yield* bounded(options.timeoutMs, "finalized", source.finalized))
    if (finalized !== undefined && (seen.final === undefined || finalized.number > seen.final.number)) {
      seen.final = finalized
    }
    if (seen.final !== undefined) yield* publish({ _tag: "Finalized", block: seen.final })
  })

/** Looks for good, with pauses that grow while looking fails. */
const poll = (look: Effect.Effect<void, L1Error>, { maxBackoffMs, pollIntervalMs }: Options, seen: Seen) => {
  const backoff = Schedule.min([Schedule.exponential(pollIntervalMs), Schedule.spaced(maxBackoffMs)])
  return look.pipe(
    Effect.tapError((error) =>
      Effect.andThen(
        Metric.update(Metrics.l1PollFailures, 1),
        Effect.logWarning(`${error.message}; trying again`, { tip: seen.tip?.number })
      )
    ),
    Effect.retry(backoff),
    Effect.andThen(Effect.sleep(pollIntervalMs)),
    Effect.forever
  )
}

/**
 * Follows a source for as long as the scope lives. An unreachable source is retried with back-off, and logged. Tip and
 * finality are asked for apart: an L1 that has no finality, or none yet, is followed at the same pace.
 */
export const make = Effect.fnUntraced(function* (
  source: Source,
  overrides?: Partial<Options>
): Effect.fn.Return<Service, never, Scope.Scope> {
  const options = { ...defaults, ...overrides }
  const { confirmationDepth, timeoutMs } = options
  const hub = yield* PubSub.sliding<L1Change>(options.changeBuffer)
  const seen: Seen = { tip: undefined, final: undefined }
  const publish: Publish = (change) => PubSub.publish(hub, change)
  for (const look of [lookForTip, lookForFinalized]) {
    yield* Effect.forkScoped(poll(look(source, options, seen, publish), options, seen))
  }
  const known = (): ReadonlyArray<L1Change> => [
    ...(seen.tip === undefined ? [] : [{ _tag: "Latest" as const, block: seen.tip, reorg: true }]),
    ...(seen.final === undefined ? [] : [{ _tag: "Finalized" as const, block: seen.final }])
  ]
  return {
    latest: Effect.sync(() => Option.fromUndefinedOr(seen.tip)),
    finalized: Effect.sync(() => Option.fromUndefinedOr(seen.final)),
    changes: Stream.unwrap(
      Effect.map(PubSub.subscribe(hub), (subscription) =>
        Stream.concat(
          Stream.suspend(() => Stream.fromIterable(known())),
          Stream.fromSubscription(subscription)
        )
      )
    ),
    blockByNumber: Effect.fn("L1.blockByNumber")(function* (number: BlockNumber) {
      if (seen.tip === undefined || number > seen.tip.number - confirmationDepth)
        return Option.none<BlockRef>()
      return yield* bounded(timeoutMs, "blockByNumber", source.blockByNumber(number))
    }),
    blockByHash: Effect.fn("L1.blockByHash")((hash: Hash) =>
      bounded(timeoutMs, "blockByHash", source.blockByHash(hash))
    )
  }
})

/** Follows an L1 by asking a source of one's own. */
export const layer = (source: Source, options?: Partial<Options>): Layer.Layer<L1> =>
  Layer.effect(L1, make(source, options))
