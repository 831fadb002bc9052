/** The runtime API over states of the development runtime, wherever they come from. */
import type { ChainError } from "@ephor/chain/ChainError"
import type { BlockRef, CandidateReceipt, Hash, SessionIndex } from "@ephor/types"
import { Effect, Option } from "effect"
import type { Options, RuntimeState } from "../DevRuntime.ts"
import * as Answers from "../DevRuntimeApi.ts"
import type { BackedIn, Service as RuntimeApi } from "@ephor/chain/RuntimeApi"
import { RuntimeApiError, UnknownSession, UnknownState } from "@ephor/chain/RuntimeApiError"
import type { StoreError } from "@ephor/store/Store"

/** Finds the state of a block. */
export type StateAt = (hash: Hash, request: string) => Effect.Effect<RuntimeState, RuntimeApiError>

/** Answers from the state of the block that is asked about; codes are found by hash. */
export const runtimeApi = (
  options: Options,
  stateAt: StateAt,
  codeOf: (hash: Hash) => Effect.Effect<Option.Option<Uint8Array>, StoreError>,
  blocksWith: (
    candidate: CandidateReceipt
  ) => Effect.Effect<ReadonlyArray<BlockRef>, StoreError | ChainError> = () => Effect.succeed([]),
  committedAt: (
    at: Hash,
    candidate: CandidateReceipt
  ) => Effect.Effect<Option.Option<BackedIn>, ChainError> = () => Effect.succeedNone
): RuntimeApi => {
  const ask =
    <Rest extends ReadonlyArray<unknown>, A>(
      request: string,
      answer: (state: RuntimeState, ...rest: Rest) => A
    ) =>
    (at: Hash, ...rest: Rest) =>
      Effect.map(stateAt(at, request), (state) => answer(state, ...rest))
  const code = (at: Hash, request: string, hash: Hash | undefined) =>
    hash === undefined
      ? Effect.succeedNone
      : Effect.catchTag(codeOf(hash), "StoreError", (error) =>
          Effect.logWarning(error.message).pipe(
            Effect.andThen(
              Effect.fail(new RuntimeApiError({ request, reason: new UnknownState({ block: at }) }))
            )
          )
        )
  return {
    sessionIndexForChild: ask("sessionIndexForChild", (state) =>
      Answers.sessionIndexForChild(options, state)
    ),
    sessionInfo: (at, session: SessionIndex) =>
      Effect.flatMap(stateAt(at, "sessionInfo"), (state) => {
        const info = Answers.sessionInfo(options, state, session)
        const unknown = { request: "sessionInfo", reason: new UnknownSession({ session }) }
        return info === undefined ? Effect.fail(new RuntimeApiError(unknown)) : Effect.succeed(info)
      }),
    validators: ask("validators", () => options.validators),
    validatorGroups: ask("validatorGroups", (state) => Answers.validatorGroups(options, state)),
    availabilityCores: ask("availabilityCores", (state) => Answers.availabilityCores(options, state)),
    persistedValidationData: ask("persistedValidationData", (state, para: number) =>
      Option.fromUndefinedOr(Answers.persistedValidationData(options, state, para))
    ),
    validationCode: (at, para) =>
      Effect.flatMap(stateAt(at, "validationCode"), (state) =>
        code(at, "validationCode", Answers.validationCodeHashOf(state, para))
      ),
    validationCodeByHash: (at, hash) => code(at, "validationCodeByHash", hash),
    minimumBackingVotes: ask("minimumBackingVotes", () => options.minimumBackingVotes),
    disabledValidators: ask("disabledValidators", (state) => Answers.disabledValidators(options, state)),
    inclusions: (candidate) =>
      Effect.catch(blocksWith(candidate), (error) =>
        Effect.logWarning(`the blocks of a candidate cannot be read: ${error.message}`).pipe(
          Effect.andThen(
            Effect.fail(
              new RuntimeApiError({
                request: "inclusions",
                reason: new UnknownState({ block: candidate.descriptor.relayParent })
              })
            )
          )
        )
      ),
    committedCandidate: (at, candidate) =>
      Effect.catch(committedAt(at, candidate), (error) =>
        Effect.logDebug(`the block that backed a candidate cannot be read: ${error.message}`).pipe(
          Effect.andThen(
            Effect.fail(
              new RuntimeApiError({ request: "committedCandidate", reason: new UnknownState({ block: at }) })
            )
          )
        )
      ),
    candidateEvents: ask("candidateEvents", (state) => state.events),
    disputes: ask("disputes", (state) => Answers.disputes(state)),
    unappliedSlashes: ask("unappliedSlashes", Answers.unappliedSlashes),
    standings: ask("standings", (state) => Answers.standings(options, state)),
    onChainVotes: ask("onChainVotes", (state) => state.votes)
  }
}
