import { Effect, Random } from "effect"
import type { Limits } from "../ManagedNodeClient.ts"

/** A pause after the given number of failures in a row. */
export const backoffMs = (failures: number, limits: Limits): Effect.Effect<number> =>
  Effect.map(
    Random.nextBetween(0, limits.backoffJitterMs),
    (jitterMs) => Math.min(limits.backoffFirstMs * 2 ** failures, limits.backoffMaxMs) + Math.floor(jitterMs)
  )
