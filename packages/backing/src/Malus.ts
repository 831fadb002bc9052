/**
 * A faulty candidate validation, for development networks and simulations: the garbage of a faulty `Collator`
 * passes for valid. Never part of an honest node.
 *
 * Everything else it judges as it should, as do the variants of Polkadot's malicious node. Validators that run
 * it back garbage and approve it; in a dispute they tell the truth unless told otherwise.
 */
import { Deferred, Effect, type Layer, Option } from "effect"
import { RuntimeApi } from "@ephor/chain"
import { CandidateValidation as Address, type Validate, type ValidationKind } from "@ephor/overseer"
import { commitmentsHash, Scale } from "@ephor/types"
import * as Adder from "./Adder.ts"
import * as CandidateChecks from "./CandidateChecks.ts"
import * as CandidateValidation from "./CandidateValidation.ts"

/** How it lies. */
export interface Options extends Partial<CandidateValidation.Limits> {
  /** For which purposes it calls garbage valid. Default: backing and approval. */
  readonly lies?: ReadonlyArray<ValidationKind>
}

const make = ({ lies = ["Backing", "Approval"], ...limits }: Options) =>
  Effect.gen(function* () {
    const runtime = yield* RuntimeApi.RuntimeApi
    const honest = yield* CandidateValidation.make({ ...CandidateValidation.defaults, ...limits })

    /** The commitments that the collator's garbage was made with, if the candidate is garbage. */
    const garbage = Effect.fnUntraced(function* ({
      candidate,
      persistedValidationData,
      povOrigin,
      relayParent
    }: Validate) {
      const found =
        persistedValidationData === undefined
          ? yield* runtime.persistedValidationData(relayParent, candidate.descriptor.paraId)
          : Option.some(persistedValidationData)
      if (povOrigin._tag !== "Included" || Option.isNone(found)) return undefined
      const { parentHead, relayParentNumber } = found.value
      const block = yield* Scale.decodeEffect(Adder.AdderBlock)(povOrigin.pov.blockData)
      yield* Scale.decodeEffect(Adder.AdderHead)(parentHead)
      const commitments = CandidateChecks.toCommitments(
        Adder.garbageResult(parentHead, block, relayParentNumber)
      )
      return commitmentsHash(commitments) === candidate.commitmentsHash
        ? { commitments, persistedValidationData: found.value }
        : undefined
    })

    return {
      ...honest,
      message: Effect.fnUntraced(function* (message: Validate) {
        const found = lies.includes(message.kind)
          ? yield* garbage(message).pipe(Effect.orElseSucceed(() => undefined))
          : undefined
        if (found === undefined) return yield* honest.message(message)
        yield* Deferred.succeed(message.reply, { _tag: "Valid", ...found })
      })
    }
  })

/** Judges as an honest validator, except that a faulty collator's garbage is valid. */
export const layer = (options: Options = {}): Layer.Layer<never, never, CandidateValidation.Requirements> =>
  Address.toLayer(make(options))
