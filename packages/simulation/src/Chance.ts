/**
 * Choices of a run: all of them follow from its seed.
 */
import { Effect, Random } from "effect"

/** A whole number from 0 to `count - 1`. */
export const below = (count: number): Effect.Effect<number> =>
  Effect.map(Random.next, (chance) => Math.floor(chance * count))

/** One of some things. */
export const pick = <A>(all: ReadonlyArray<A>): Effect.Effect<A> =>
  Effect.map(below(all.length), (i) => all[i]!)
