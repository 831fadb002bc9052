/**
 * What follows from a verdict: the only arrow from disputes back to the chain (votes-db, "Dispute Effects").
 */
import { Chain, type ChainError } from "@ephor/chain"
import { Context, Effect, Layer, Ref, Stream } from "effect"
import { type DisputeConclusion, Disputes } from "./Disputes.ts"

/** The chain has finalized something invalid: people have to decide. */
export interface GovernanceMode {
  readonly frozen: boolean
  readonly conclusion: DisputeConclusion | undefined
}

/** Whether the chain waits for a person. */
export class Governance extends Context.Service<
  Governance,
  {
    readonly mode: Effect.Effect<GovernanceMode>
  }
>()("@ephor/disputes/Governance") {}

/**
 * A candidate concluded invalid takes the blocks that include it, and everything above them, off the chain for ever. If
 * such a block is final already, nothing can be taken back: the chain enters governance mode and an error is logged.
 */
export const layer: Layer.Layer<Governance, never, Disputes | Chain.Chain> = Layer.effect(
  Governance,
  Effect.gen(function* () {
    const chain = yield* Chain.Chain
    const { conclusions } = yield* Disputes
    const mode = yield* Ref.make<GovernanceMode>({ frozen: false, conclusion: undefined })
    const onFailure = (conclusion: DisputeConclusion) => (error: ChainError) =>
      error.reason._tag === "Finalized"
        ? Effect.andThen(
            Ref.set(mode, { frozen: true, conclusion }),
            Effect.logError(
              "an invalid candidate was finalized: the chain needs a decision of its governance",
              {
                candidateHash: conclusion.candidateHash
              }
            )
          )
        : Effect.logWarning("a block with an invalid candidate cannot be reverted", error)
    const enforce = Effect.fn("Enforcement.enforce")(function* (conclusion: DisputeConclusion) {
      for (const block of conclusion.including) {
        if (yield* chain.isInvalidated(block.hash)) continue
        yield* chain
          .blacklist(block.hash, `candidate ${conclusion.candidateHash} was found invalid`)
          .pipe(Effect.catch(onFailure(conclusion)))
      }
    })
    yield* conclusions.pipe(
      Stream.filter((conclusion) => !conclusion.valid),
      Stream.runForEach(enforce),
      Effect.forkScoped({ startImmediately: true })
    )
    return Governance.of({ mode: Ref.get(mode) })
  })
)
