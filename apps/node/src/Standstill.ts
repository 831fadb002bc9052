/**
 * What governance mode stops: a validator that waits for people puts no candidates into blocks and lets nothing become
 * final.
 */
import { AuthorshipData, FinalityVote } from "@ephor/backing"
import type { DevAuthor, DevChain } from "@ephor/devchain"
import { Enforcement } from "@ephor/disputes"
import { Effect } from "effect"

/** What a validator's blocks carry: in governance mode the votes about what is disputed, and nothing else. */
export const inherents = Effect.gen(function* () {
  const provide = yield* AuthorshipData.make
  const { mode } = yield* Enforcement.Governance
  const made: DevAuthor.Provide = Effect.fnUntraced(function* (parent) {
    const data = yield* provide(parent)
    return (yield* mode).frozen ? { ...data, bitfields: [], backedCandidates: [] } : data
  })
  return made
})

/** A validator's say in finality: in governance mode it waits. */
export const finalityVote = Effect.gen(function* () {
  const vote = yield* FinalityVote.make
  const { mode } = yield* Enforcement.Governance
  const made: DevChain.FinalityVoter = (base, target) =>
    Effect.flatMap(mode, ({ frozen }) => (frozen ? Effect.succeed(null) : vote(base, target)))
  return made
})
