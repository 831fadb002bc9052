/**
 * A faulty candidate validation, for development networks and simulations: the garbage of a faulty `Collator`
 * passes for valid. Never part of an honest node.
 *
 * Everything else it judges as it should, as do the variants of Polkadot's malicious node. Validators that run
 * it back garbage and approve it; in a dispute they tell the truth unless told otherwise.
 */
import { Effect, type Layer } from "effect"
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

/** The commitments that the collator's garbage was made with, if the candidate is garbage. */
const garbage = Effect.fnUntraced(
  function* ({ candidate }: Validate, { persistedValidationData, pov }: CandidateChecks.Inputs) {
    const { parentHead, relayParentNumber } = persistedValidationData
    const block = yield* Scale.decodeEffect(Adder.AdderBlock)(pov.blockData)
    yield* Scale.decodeEffect(Adder.AdderHead)(parentHead)
    const commitments = CandidateChecks.toCommitments(
      Adder.garbageResult(parentHead, block, relayParentNumber)
    )
    return commitmentsHash(commitments) === candidate.commitmentsHash ? commitments : undefined
  },
  Effect.orElseSucceed(() => undefined)
)

const make = ({ lies = ["Backing", "Approval"], ...limits }: Options) =>
  CandidateValidation.make({ ...CandidateValidation.defaults, ...limits }, (message, inputs) =>
    lies.includes(message.kind) ? garbage(message, inputs) : Effect.succeed(undefined)
  )

/** Judges as an honest validator, except that a faulty collator's garbage is valid. */
export const layer = (options: Options = {}): Layer.Layer<never, never, CandidateValidation.Requirements> =>
  Address.toLayer(make(options))
