/**
 * How many of `n` validators it takes. `f` is the number of faulty validators that the protocol tolerates.
 */

/** `f`: the largest number of byzantine validators among `n`, `floor((n - 1) / 3)`. */
export const byzantine = (n: number): number => Math.floor(Math.max(n - 1, 0) / 3)

/** Votes that decide a dispute: `n - f`. */
export const supermajority = (n: number): number => n - byzantine(n)

/** Distinct voters that confirm a dispute as real: more than `f`. */
export const confirmation = (n: number): number => byzantine(n) + 1
