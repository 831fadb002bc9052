import { Effect, Metric } from "effect"
import { headKey, SafetyLevel } from "@ephor/types"
import * as Metrics from "../Metrics.ts"
import type { Draft } from "./State.ts"

const heads = SafetyLevel.literals.map((level) => ({
  key: headKey[level],
  gauge: Metric.withAttributes(Metrics.headNumber, { level })
}))

/** Counts what a change did. */
export const observeDraft = ({ events, state }: Draft): Effect.Effect<void> => {
  const updates = heads.map(({ gauge, key }) => Metric.update(gauge, state.heads[key].number))
  for (const event of events) {
    if (event._tag === "Imported") updates.push(Metric.update(Metrics.blocksImported, 1))
    if (event._tag === "Reverted") updates.push(Metric.update(Metrics.blocksReverted, event.removed.length))
    if (event._tag === "Replaced")
      updates.push(Metric.update(Metrics.blocksInvalidated, event.removed.length))
  }
  return Effect.all(updates, { discard: true })
}
