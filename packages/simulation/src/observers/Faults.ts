/**
 * Faults: links that are cut, slow or silent, nodes that are killed or busy, origins that restart. What breaks is mended
 * some rounds later.
 */
import { Effect, Random } from "effect"
import { below, pick } from "../Chance.ts"
import * as Link from "./Link.ts"
import type * as Node from "./Node.ts"
import type { Origin } from "./Origin.ts"

/** Whom it may hit, and who is told. */
export interface Ground {
  readonly links: ReadonlyArray<Link.Link>
  readonly nodes: ReadonlyArray<Node.Node>
  readonly origins: ReadonlyArray<Origin>
  readonly round: () => number
  readonly say: (what: string) => void
}

/** Makes the faults of a run. */
export const make = ({ links, nodes, origins, round, say }: Ground) => {
  let count = 0
  const mending: Array<{ readonly at: number; readonly what: Effect.Effect<void> }> = []
  const later = (what: Effect.Effect<void>) =>
    Effect.map(below(12), (after) => void mending.push({ at: round() + 2 + after, what }))
  /** Breaks something. */
  const strike = Effect.gen(function* () {
    const link = yield* pick(links)
    const node = yield* pick(nodes)
    const chance = yield* Random.next
    count++
    if (chance < 0.3) {
      say(`cut ${link.to} ${link.from}`)
      yield* link.cut
    } else if (chance < 0.45) {
      say(`partition ${link.to} ${link.from}`)
      yield* link.partition
      yield* later(link.heal)
    } else if (chance < 0.55) {
      say(`isolate ${node.name}`)
      const around = links.filter(({ from, to }) => from === node.name || to === node.name)
      for (const one of around) yield* one.partition
      yield* later(Effect.forEach(around, (one) => one.heal, { discard: true }))
    } else if (chance < 0.7) {
      say(`slow ${link.to} ${link.from}`)
      link.delayMs = 150
      yield* later(Effect.sync(() => void (link.delayMs = Link.usualDelayMs)))
    } else if (chance < 0.85) {
      say(`kill ${node.name}`)
      yield* node.kill
      yield* later(node.start)
    } else if (chance < 0.92) {
      const origin = yield* pick(origins)
      say(`restart ${origin.name}`)
      yield* origin.restart
    } else {
      say(`busy ${node.name}`)
      node.setWork(60)
      yield* later(Effect.sync(() => node.setWork(0)))
    }
  })

  /** Mends what is due in this round. */
  const mend = Effect.suspend(() =>
    Effect.forEach(
      mending.filter(({ at }) => at === round()),
      ({ what }) => what,
      { discard: true }
    )
  )

  /** Mends everything, for good. */
  const clear = Effect.gen(function* () {
    for (const link of links) {
      yield* link.heal
      link.delayMs = Link.usualDelayMs
    }
    for (const node of nodes) {
      node.setWork(0)
      yield* node.start
    }
    mending.length = 0
  })
  return { count: () => count, strike, mend, clear }
}
