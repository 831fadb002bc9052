/** The lag of an observer that is neither near nor far. */
import { SubscriberMode } from "@ephor/streaming"
import { Effect } from "effect"
import { below } from "../Chance.ts"
import type { Judge } from "./Judge.ts"
import * as Node from "./Node.ts"

/** A lag that wanders between the thresholds changes nothing, whatever the mode (I6). */
export const wander = Effect.fnUntraced(function* (judge: Judge) {
  const { resumeBlocksLag, startCommitSyncLag } = Node.config
  const thresholds = { ...Node.config }
  for (const mode of ["BlocksOnly", "CommitsOnly", "Overlap"] as const) {
    const [connected] = SubscriberMode.step(
      { ...SubscriberMode.initial({ derives: true }), mode },
      { _tag: "Connected" },
      thresholds
    )
    let state = connected
    for (let i = 0; i < 20; i++) {
      const lag = resumeBlocksLag + 1 + (yield* below(startCommitSyncLag - resumeBlocksLag - 1))
      const measured = { nowMs: i * 100, lag, queue: 0, derived: i, blockResponses: i, stalled: false }
      const [next, commands] = SubscriberMode.step(state, { _tag: "Measured", ...measured }, thresholds)
      judge.check("I6", next.mode === mode && commands.length === 0, () => `${mode} at a lag of ${lag}`)
      state = next
    }
  }
})
