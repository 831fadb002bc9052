/**
 * What becomes of those who misbehaved, as far as the protocol leaves it open: a port, so that a chain with other rules
 * brings its own.
 */
import type { Hearing } from "@ephor/overseer"
import type { MisbehaviorReport, ValidatorIndex, Verdict } from "@ephor/types"
import { Context } from "effect"

/** A policy of arbitration. Both rules are pure: every validator has to come to the same answer. */
export interface Policy {
  /** Whether block authors are told of a report that proves what it says. */
  readonly isReported: (report: MisbehaviorReport) => boolean
  /**
   * What the validators deserve, at most once each: a verdict about somebody who was judged at an earlier hearing about the
   * candidate is dropped.
   */
  readonly judge: (hearing: Hearing) => ReadonlyArray<Verdict>
}

const verdict = (validatorIndex: ValidatorIndex, judgement: Verdict["judgement"]["_tag"]): Verdict => ({
  validatorIndex,
  judgement: { _tag: judgement }
})

/**
 * The one policy that the protocol decides: "the minority is slashed, the majority rewarded, and those who abstained lightly
 * slashed". Who voted on both sides is slashed whatever the outcome; nobody abstained before the hearing is closed.
 */
export const seed: Policy = {
  isReported: () => true,
  judge: ({ invalid, isClosed, isValid, valid, validatorCount }) => {
    const winners = new Set(isValid ? valid : invalid)
    const losers = new Set(isValid ? invalid : valid)
    const verdicts: Array<Verdict> = []
    for (let index = 0; index < validatorCount; index++) {
      if (losers.has(index)) verdicts.push(verdict(index, "Slash"))
      else if (winners.has(index)) verdicts.push(verdict(index, "Reward"))
      else if (isClosed) verdicts.push(verdict(index, "LightSlash"))
    }
    return verdicts
  }
}

/** As Polkadot does today: reports are ignored, and the chain itself punishes for disputes. */
export const ignoring: Policy = { isReported: () => false, judge: () => [] }

/** The policy in force: `seed`, unless another one is provided. */
export const ArbitrationPolicy = Context.Reference<Policy>("@ephor/backing/ArbitrationPolicy", {
  defaultValue: () => seed
})
