import { Effect, Schedule, Stream } from "effect"
import { headKey, type Hash } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import type { Backend, Limits, Service } from "../Chain.ts"
import type { ChainError } from "../ChainError.ts"
import { check, type Core, during, makeCore } from "./Core.ts"
import { makeDerivation } from "./Deriving.ts"
import { makeOutput } from "./Outputs.ts"
import { makePruning } from "./Pruning.ts"
import { makeReads } from "./Reads.ts"
import * as Rules from "./Rules.ts"
import { type Draft } from "./State.ts"
import { makeVerbs } from "./Verbs.ts"

/** Uses each item of a stream of the backend; the stream is run again when it fails, what the chain refuses is logged. */
const follow = <A>(
  name: string,
  stream: Stream.Stream<A, ChainError>,
  retryDelayMs: number,
  use: (item: A) => Effect.Effect<void, ChainError>
) =>
  Stream.runForEach(stream, (item) =>
    Effect.catchIf(
      use(item),
      (error) => !error.retryable,
      (error) => Effect.logWarning(`the backend's ${name}: ${error.message}`)
    )
  ).pipe(
    Effect.tapError((error) =>
      Effect.logWarning(`the backend's ${name} failed and will be run again: ${error.message}`)
    ),
    Effect.retry(Schedule.spaced(retryDelayMs)),
    Effect.andThen(Effect.logInfo(`the backend's ${name} ended; the chain stays as it is`)),
    Effect.tapCause((cause) => Effect.logError(`the backend's ${name} broke down`, cause)),
    Effect.forkScoped
  )

/** Says again what waits for an answer from outside: the next L1 block, or dictated heads. */
const repeatWaiting = Effect.fnUntraced(function* (core: Core, isFollowing: () => boolean) {
  const every = (intervalMs: number, tell: (draft: Draft) => void) =>
    Effect.sleep(intervalMs).pipe(
      Effect.andThen(
        Effect.suspend(() => {
          const draft: Draft = { state: core.state(), events: [], writes: [] }
          if (isFollowing()) tell(draft)
          return core.repeat(draft.events)
        })
      ),
      Effect.forever,
      Effect.forkScoped
    )
  yield* every(core.limits.exhaustedRepeatMs, (draft) => {
    const { consumed, stopped } = draft.state.derivation
    if (consumed && stopped === undefined) Rules.exhausted(draft)
  })
  yield* every(core.limits.stoppedRepeatMs, (draft) => {
    const { stopped } = draft.state.derivation
    if (stopped !== undefined) Rules.stopped(draft, stopped)
  })
})

/** See `Chain.make`. */
export const makeChain = Effect.fnUntraced(function* (backend: Backend, limits: Limits) {
  const { historyBlocks } = limits
  // What is in memory is on disk, too.
  const retainedBlocks =
    historyBlocks === "archive" ? limits.retainedBlocks : Math.min(limits.retainedBlocks, historyBlocks)
  const core = yield* makeCore(backend, { ...limits, retainedBlocks })
  const { state } = core
  const derivation = yield* makeDerivation(core)
  const reads = makeReads(core)
  const output = makeOutput(core, reads)
  const { keep } = yield* makePruning(core)
  const verbs = makeVerbs(core, reads, derivation.resume)
  // A chain that nobody feeds with L1 has nothing to repeat.
  let following = backend.derive !== undefined
  const now = Effect.sync(() => {
    following = true
  })
  yield* repeatWaiting(core, () => following)
  yield* derivation.resume
  const finalize = (hash: Hash) =>
    core.change("finality", (draft) =>
      Effect.suspend(() => check(Rules.finalize(draft, hash, retainedBlocks)))
    )
  if (backend.imports !== undefined)
    yield* follow("imports", backend.imports, limits.retryDelayMs, verbs.import)
  if (backend.finality !== undefined)
    yield* follow("finality", backend.finality, limits.retryDelayMs, finalize)
  const service: Service = {
    anchor: { source: backend.anchorSource, derived: BlockTree.toRef(backend.genesis.ref) },
    head: (level) => Effect.sync(() => state().heads[headKey[level]]),
    heads: Effect.sync(() => state().heads),
    block: (id) => during("block", reads.block(id)),
    blockAt: (timestamp) => during("blockAt", reads.blockAt(timestamp)),
    content: (hash) => during("content", reads.content(hash)),
    output: (hash) => during("output", output(hash)),
    ancestors: (hash, limit) => during("ancestors", reads.ancestors(hash, limit)),
    descendants: (hash) => during("descendants", reads.descendants(hash)),
    isInvalidated: (hash) => Effect.sync(() => BlockTree.isInvalid(state().tree, hash)),
    history: Effect.sync(() => core.history.lowest),
    keep,
    events: core.events,
    ...verbs,
    revert: (heads, reason, how) =>
      Effect.andThen(how?.commanded === true ? now : Effect.void, verbs.revert(heads, reason, how)),
    provide: (source) => Effect.andThen(now, verbs.provide(source))
  }
  return service
})
