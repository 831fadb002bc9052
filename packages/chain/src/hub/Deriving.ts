import { Effect, FiberHandle, Stream } from "effect"
import type { BlockRef, L2BlockRef } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import type { ChainError } from "../ChainError.ts"
import * as Derivation from "../Derivation.ts"
import { check, type Core } from "./Core.ts"
import * as Rules from "./Rules.ts"
import type { Draft, Refused, State } from "./State.ts"

/** Whether `source` is what is being derived. */
const isOrigin = ({ derivation }: State, source: BlockRef) =>
  derivation.origin.hash === source.hash && !derivation.consumed && derivation.stopped === undefined

/** The job that derives the current L1 block, one at a time; what it does after it was called off has no effect. */
export const makeDerivation = Effect.fnUntraced(function* (core: Core) {
  const { backend, change, limits, state } = core
  const job = yield* FiberHandle.make<void, never>()

  /** Changes the chain as long as `source` is still wanted. */
  const step = (source: BlockRef, rule: (draft: Draft) => Refused) =>
    change("provide", (draft) =>
      isOrigin(draft.state, source) ? Effect.suspend(() => check(rule(draft))) : Effect.interrupt
    )

  const exhaust = (source: BlockRef) =>
    step(source, (draft) => {
      draft.state = { ...draft.state, derivation: Derivation.exhaust(draft.state.derivation) }
      Rules.exhausted(draft)
      return undefined
    })

  const halt = (source: BlockRef, reason: string) =>
    step(source, (draft) => {
      draft.state = { ...draft.state, derivation: Derivation.stop(draft.state.derivation, reason) }
      Rules.stopped(draft, reason)
      return undefined
    })

  const blocks = (source: BlockRef): Stream.Stream<L2BlockRef, ChainError> => {
    const { heads, tree } = state()
    return backend.derive?.(source, BlockTree.get(tree, heads.localSafe.hash)!) ?? Stream.empty
  }

  /** Derives to the end, however often the backend fails; what the rules refuse stops derivation. */
  const derive = (source: BlockRef): Effect.Effect<void, ChainError> =>
    Stream.suspend(() => blocks(source)).pipe(
      Stream.runForEach((block) => step(source, (draft) => Rules.derived(draft, block))),
      Effect.andThen(exhaust(source)),
      Effect.catch((error) =>
        error.retryable
          ? Effect.logWarning(
              `deriving L1 block ${source.number} failed and will be tried again: ${error.message}`
            ).pipe(
              Effect.andThen(Effect.sleep(limits.retryDelayMs)),
              Effect.andThen(Effect.suspend(() => (isOrigin(state(), source) ? derive(source) : Effect.void)))
            )
          : Effect.andThen(
              Effect.logWarning(`derivation stops at L1 block ${source.number}: ${error.message}`),
              halt(source, error.message)
            )
      )
    )

  /** What the job was started for: a job that is still wanted is not started again. */
  let running: BlockRef | undefined

  const run = (source: BlockRef): Effect.Effect<void> => {
    running = source
    const whole = derive(source).pipe(
      Effect.catch((error) => Effect.logError(`derivation of L1 block ${source.number}: ${error.message}`)),
      Effect.ensuring(
        Effect.sync(() => {
          if (running === source) running = undefined
        })
      )
    )
    return Effect.asVoid(FiberHandle.run(job, whole, { startImmediately: false }))
  }

  const callOff = Effect.suspend(() => {
    running = undefined
    return Effect.asVoid(FiberHandle.run(job, Effect.void))
  })

  return {
    /** Derives the origin, if it is not derived already; calls off whatever is running for another one. */
    resume: Effect.suspend(() => {
      const { origin } = state().derivation
      if (!isOrigin(state(), origin)) return running === undefined ? Effect.void : callOff
      return running?.hash === origin.hash ? Effect.void : run(origin)
    })
  }
})
