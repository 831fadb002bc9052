/**
 * The shape of a large tree of relays, and how fast its links are: pure functions of a seed.
 */

/** Random numbers below 1, all following from a seed (mulberry32). */
export const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A tree of observers below one origin, which has number 0. */
export interface Tree {
  /** Level of each node: 0 is the origin. */
  readonly levels: ReadonlyArray<number>
  /** Sources that each node knows, the first one preferred: its parent, then others of the parent's level. */
  readonly sources: ReadonlyArray<ReadonlyArray<number>>
  /** The relay of the first level above each node, or the node itself. */
  readonly branches: ReadonlyArray<number>
  /** One-way delay of the link between two nodes in milliseconds. */
  readonly delayMs: (from: number, to: number) => number
}

/** Sources that a node knows beside its parent. */
const alternatives = 3

/** Places are points of a square: the farthest two nodes are about this far apart. */
const farthestMs = 80

/** Delay that every link has. */
const nearestMs = 2

/** Makes a tree with this fan-out, level by level, until it has `observers` nodes below the origin. */
export const make = (observers: number, fanOut: number, random: () => number): Tree => {
  const levels: Array<number> = [0]
  const parents: Array<number> = [0]
  for (let first = 0, last = 1; levels.length <= observers; [first, last] = [last, levels.length]) {
    for (let parent = first; parent < last; parent++) {
      for (let child = 0; child < fanOut && levels.length <= observers; child++) {
        levels.push(levels[parent]! + 1)
        parents.push(parent)
      }
    }
  }
  const byLevel = new Map<number, Array<number>>()
  levels.forEach((level, node) => byLevel.set(level, [...(byLevel.get(level)?.splice(0) ?? []), node]))
  const places = levels.map(() => [random(), random()] as const)
  const branches = levels.map((_, node) => node)
  const sources = levels.map((level, node): ReadonlyArray<number> => {
    if (level === 0) return []
    branches[node] = level === 1 ? node : branches[parents[node]!]!
    // The first level has only one origin, so its relays know each other instead.
    const others = byLevel.get(level === 1 ? 1 : level - 1)!
    const known = [parents[node]!]
    for (let i = 0; i < alternatives; i++) known.push(others[Math.floor(random() * others.length)]!)
    return [...new Set(known)].filter((one) => one !== node)
  })
  return {
    levels,
    sources,
    branches,
    delayMs: (from, to) => {
      const [[x1, y1], [x2, y2]] = [places[from]!, places[to]!]
      // Not hypot, whose last digit is the engine's own.
      const distance = Math.sqrt((x1 - x2) * (x1 - x2) + (y1 - y2) * (y1 - y2))
      return nearestMs + distance * (farthestMs / Math.SQRT2)
    }
  }
}
