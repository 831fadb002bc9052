/** Rows of the bench: medians of both sides, and the median of the ratios of neighbouring measurements. */

/** The middle one. */
export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1]!

/** The value below which a share of sorted values is. */
export const quantile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!

const round = (value: number) => Number(value.toPrecision(3))

/** Prints how often better ours is than a peer: `pairs` are neighbours in time, `better` says which way is good. */
export const compare = (
  what: string,
  unit: string,
  better: "more" | "less",
  pairs: ReadonlyArray<readonly [ours: number, peer: number]>
): void => {
  const ratios = pairs.map(([ours, peer]) => (better === "more" ? ours / peer : peer / ours))
  const [ours, peer] = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))]
  console.log(
    JSON.stringify({ what, ours: round(ours), peer: round(peer), ratio: round(median(ratios)), unit })
  )
}

/** Prints a figure that has no peer. */
export const figure = (what: string, unit: string, ours: number): void =>
  console.log(JSON.stringify({ what, ours: round(ours), unit }))
