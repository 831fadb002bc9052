/**
 * Interleaved measurements: ours, peer, ours, peer. The machine may be shared, so only ratios of neighbours
 * mean something, and of those the median.
 */

const rounds = 15
const roundMs = 25

/** A module if it is installed. */
export const load = async (name: string): Promise<any> => {
  try {
    return await import(name)
  } catch {
    console.error(`${name} is not installed: its rows have no peer`)
    return undefined
  }
}

/** Refuses to measure two sides that do not agree. */
export const same = (what: string, left: unknown, right: unknown): void => {
  if (left !== right) throw new Error(`${what} differ: ${left} and ${right}`)
}

// Whatever is kept here cannot be optimised away.
let kept: unknown

/** Microseconds per call, over at least `roundMs`. */
const time = (operation: () => unknown): number => {
  let calls = 0
  const start = process.hrtime.bigint()
  let elapsed = 0n
  while (elapsed < BigInt(roundMs) * 1_000_000n) {
    for (let i = 0; i < 16; i++) kept = operation()
    calls += 16
    elapsed = process.hrtime.bigint() - start
  }
  return Number(elapsed) / 1000 / calls
}

const median = (values: ReadonlyArray<number>) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const round = (value: number) => Number(value.toPrecision(3))

/** Prints a row: the median of both sides, and the median of the ratios of all rounds. */
export const compare = (what: string, ours: () => unknown, peer: (() => unknown) | undefined): void => {
  if (peer === undefined) {
    time(ours)
    const alone = Array.from({ length: rounds }, () => time(ours))
    console.log(JSON.stringify({ what, ours: round(median(alone)), unit: "us/op" }))
    return
  }
  for (let warm = 0; warm < 3; warm++) kept = [time(ours), time(peer)]
  const pairs = Array.from({ length: rounds }, () => [time(ours), time(peer)] as const)
  const row = {
    what,
    ours: round(median(pairs.map(([one]) => one))),
    peer: round(median(pairs.map(([, other]) => other))),
    ratio: round(median(pairs.map(([one, other]) => other / one))),
    unit: "us/op"
  }
  console.log(JSON.stringify(row))
}

/** The value of the last call. */
export const last = (): unknown => kept
