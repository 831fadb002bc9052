/** Who is asked for the inherent of a block. */
import type { AuthorityIndex, BlockRef, ValidatorIndex } from "@ephor/types"
import { Cause, Effect, Metric, Option } from "effect"
import type { Service as RuntimeApi } from "@ephor/chain/RuntimeApi"
import type { InherentProvider, Provided } from "../DevChain.ts"
import { inherentsMissed } from "../DevMetrics.ts"
import { makeRegistry } from "./Providers.ts"

const missed = (log: Effect.Effect<void>) =>
  Effect.as(Effect.andThen(Metric.update(inherentsMissed, 1), log), null)

/** Who provides for a leader's block: the leader, or the next author that is not disabled; the leader if all are. */
export const standIn = (
  leader: AuthorityIndex,
  authors: number,
  disabled: ReadonlyArray<ValidatorIndex>
): AuthorityIndex => {
  for (let step = 0; step < authors; step++) {
    const author = (leader + step) % authors
    if (!disabled.includes(author)) return author
  }
  return leader
}

/** Providers by author; an answer later than `timeoutMs` is no answer. */
export const makeProviders = (timeoutMs: number) => {
  const { providers, register } = makeRegistry<InherentProvider>()
  /** The author's inherent, or nothing when there is no provider, it is late, or it breaks. */
  const ask = (author: number, parent: BlockRef): Effect.Effect<Provided | null> =>
    Effect.suspend(() => providers.get(author)?.(parent) ?? Effect.succeed(null)).pipe(
      Effect.timeoutOption(timeoutMs),
      Effect.flatMap((answer) =>
        Option.isSome(answer)
          ? Effect.succeed(answer.value)
          : missed(Effect.logWarning(`author ${author} had no inherent after ${timeoutMs} ms`))
      ),
      Effect.catchCauseIf(
        (cause) => !Cause.hasInterruptsOnly(cause),
        (cause) => missed(Effect.logError(`the inherent of author ${author} failed`, cause))
      )
    )
  /** The inherent of the next block upon `parent`, whose round this author leads. */
  const askFor = (
    api: Pick<RuntimeApi, "disabledValidators">,
    leader: number,
    authors: number,
    parent: BlockRef
  ) =>
    api.disabledValidators(parent.hash).pipe(
      Effect.orElseSucceed(() => []),
      Effect.flatMap((disabled) => ask(standIn(leader, authors, disabled), parent))
    )
  return { register, askFor }
}

/** See `makeProviders`. */
export type Providers = ReturnType<typeof makeProviders>
