/**
 * The weather of the network between validators: how much is lost and how late the rest arrives, by seeded chance.
 */
import { type MemoryNetwork } from "@ephor/network"
import { Effect, Random } from "effect"

/** Share of transmissions that are lost (0 to 1), and the longest delay in milliseconds. */
export interface Forecast {
  readonly loss: number
  readonly delayMs: number
}

/** Everything arrives at once. */
export const calm: Forecast = { loss: 0, delayMs: 0 }

/** The usual network of a small committee. */
export const usual: Forecast = { loss: 0.01, delayMs: 40 }

/** Decides about every transmission by what `now` says at that moment. */
export const weather =
  (now: () => Forecast): MemoryNetwork.Weather =>
  () =>
    Effect.gen(function* () {
      const { delayMs, loss } = now()
      return {
        lost: (yield* Random.next) < loss,
        delayMs: Math.floor((yield* Random.next) * delayMs)
      }
    })
