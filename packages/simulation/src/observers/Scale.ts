/**
 * Ten thousand observers below one origin, as plain state machines on one heap of events: when everybody has a commit, what
 * goes over the links, and what happens when a relay dies or a part of the network is cut off. `docs/OBSERVERS.md`
 * says what of it is real and what is a stand-in.
 */
import { blake2b256, type Hash } from "@ephor/types"
import { EventHeap } from "./EventHeap.ts"
import { Observer, type Surroundings } from "./ScaleNode.ts"
import * as Tree from "./Tree.ts"

/** Sizes and speeds. Times are milliseconds. */
export interface Options {
  readonly seed: number
  /** Observers below the origin. Default 10 000. */
  readonly observers: number
  /** Children of the origin, and of each relay. Default 22. */
  readonly fanOut: number
  /** Time between rounds; each makes a commit. Default 75. */
  readonly roundMs: number
  /** Bytes of the blocks of a round: 100 authors with 1 KiB each by default. */
  readonly roundBytes: number
  /** Time that verifying the blocks of a round takes. Default 18: a hundred signatures and digests. */
  readonly verifyMs: number
  /** Time that checking a commit by its digests takes. Default 7. */
  readonly digestMs: number
  /** Bytes per millisecond that a node can send. Default 1 Gbit/s. */
  readonly bytesPerMs: number
  /** Random delay on top of that of a link, at most. Default 8. */
  readonly jitterMs: number
  /** Steady state before the first fault. Default 10 000. */
  readonly steadyMs: number
  /** Time given to the orphans of the relay. Default 15 000. */
  readonly killMs: number
  /** How long half of the first level is cut off from everybody else. Default 15 000. */
  readonly partitionMs: number
  /** Time given to them afterwards. Default 30 000. */
  readonly healMs: number
}

/** Documented defaults. */
export const defaults: Options = {
  seed: 1,
  observers: 10_000,
  fanOut: 22,
  roundMs: 75,
  roundBytes: 100 * 1024,
  verifyMs: 18,
  digestMs: 7,
  bytesPerMs: 125_000,
  jitterMs: 8,
  steadyMs: 10_000,
  killMs: 15_000,
  partitionMs: 15_000,
  healMs: 30_000
}

/** Quantiles of a distribution. */
export interface Quantiles {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** What happened in one part of a run. */
export interface Phase {
  readonly name: string
  /** From the moment the origin has a commit until an observer has it. */
  readonly deliveryMs: Quantiles
  /** The same, until every living observer that can be reached has it: over the commits of this part. */
  readonly everyoneMs: Quantiles
  /** Mean bytes per second over a link in use. */
  readonly bytesPerLinkSecond: number
  /** Commits that the origin had and an observer had not, at most. */
  readonly worstLag: number
  readonly reconnects: number
  /** Sources refused because of their path. */
  readonly refused: number
  /** Changes of mode per observer. */
  readonly modeChanges: number
}

/** What a run gives. */
export interface Report {
  readonly options: Options
  readonly phases: ReadonlyArray<Phase>
  /** Time from the end of the partition until everybody streams blocks only, without lag. */
  readonly healedAfterMs: number
  /** Levels below the origin. */
  readonly depth: number
  readonly events: number
  /** What must not be: a commit out of order, or somebody who did not come back. */
  readonly violations: ReadonlyArray<string>
  readonly hash: Hash
}

const quantiles = (values: ReadonlyArray<number>): Quantiles => {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** Figures of the part of a run that is going on. */
class Figures {
  delivery: Array<number> = []
  bytes = 0
  worstLag = 0
  reconnects = 0
  refused = 0
  modeChanges = 0
}

/** Runs the tree. */
export const simulate = (given: Partial<Options> = {}): Report => {
  const options = { ...defaults, ...given }
  const random = Tree.randomOf(options.seed)
  const tree = Tree.make(options.observers, options.fanOut, random)
  const heap = new EventHeap()
  const violations: Array<string> = []
  let figures = new Figures()
  /** When the origin had each commit, and when the last observer did. */
  const bornMs: Array<number> = [0]
  const lastMs: Array<number> = [0]
  const cutOff = new Set<number>()
  let partitioned = false
  const side = (node: number) => partitioned && cutOff.has(tree.branches[node]!)
  const around: Surroundings = {
    options,
    random,
    heap,
    node: (index) => nodes[index]!,
    sources: (index) => tree.sources[index]!,
    reachable: (from, to) => side(from) === side(to),
    delayMs: (from, to) => tree.delayMs(from, to) + random() * options.jitterMs,
    sent: (bytes) => void (figures.bytes += bytes),
    certified: (node, commit, nowMs) => {
      if (node === 0) {
        bornMs[commit] = nowMs
        return
      }
      figures.delivery.push(nowMs - bornMs[commit]!)
      lastMs[commit] = Math.max(lastMs[commit] ?? 0, nowMs)
    },
    lagged: (certified) => {
      figures.worstLag = Math.max(figures.worstLag, origin.certifiedIndex - certified)
    },
    reconnected: () => void figures.reconnects++,
    refused: () => void figures.refused++,
    modeChanged: () => void figures.modeChanges++,
    violated: (why) => void violations.push(why)
  }
  const nodes = tree.levels.map((_, index) => new Observer(index, around))
  const origin = nodes[0]!
  const produce = (): void => {
    origin.produce(heap.nowMs)
    heap.after(options.roundMs, produce)
  }
  produce()
  for (const node of nodes) node.start()
  const phases: Array<Phase> = []
  const phase = (name: string, ms: number, each: () => void = () => {}): void => {
    figures = new Figures()
    const [beganMs, first] = [heap.nowMs, origin.certifiedIndex + 1]
    while (heap.nowMs < beganMs + ms) {
      heap.runUntil(heap.nowMs + 50)
      each()
    }
    const living = nodes.filter(({ alive }) => alive)
    const reached = living.filter(({ index }) => !side(index))
    const everywhere = reached.reduce(
      (least, { certifiedIndex }) => Math.min(least, certifiedIndex),
      heap.nowMs
    )
    const everyone: Array<number> = []
    for (let commit = first; commit <= everywhere; commit++) everyone.push(lastMs[commit]! - bornMs[commit]!)
    phases.push({
      name,
      deliveryMs: quantiles(figures.delivery),
      everyoneMs: quantiles(everyone),
      bytesPerLinkSecond: Math.round((figures.bytes / (living.length - 1) / ms) * 1000),
      worstLag: figures.worstLag,
      reconnects: figures.reconnects,
      refused: figures.refused,
      modeChanges: figures.modeChanges / (living.length - 1)
    })
  }
  phase("start", 5000)
  phase("steady", options.steadyMs)
  nodes[1]!.kill()
  phase("a relay of the first level is lost", options.killMs)
  for (let branch = 2; branch <= Math.min(options.fanOut, options.observers); branch += 2) cutOff.add(branch)
  partitioned = true
  phase("half of the first level is cut off", options.partitionMs)
  partitioned = false
  const healedMs = heap.nowMs
  let healedAfterMs = -1
  const calm = () => nodes.every((node) => !node.alive || node.index === 0 || node.calm)
  phase("the partition has healed", options.healMs, () => {
    if (healedAfterMs < 0 && calm()) healedAfterMs = heap.nowMs - healedMs
  })
  for (const node of nodes) {
    const behind = origin.certifiedIndex - node.certifiedIndex
    if (node.alive && behind > 30)
      violations.push(`observer ${node.index} is ${behind} commits behind in the end`)
  }
  const text = JSON.stringify([phases, healedAfterMs, heap.count, violations])
  return {
    options,
    phases,
    healedAfterMs,
    depth: Math.max(...tree.levels),
    events: heap.count,
    violations: violations.slice(0, 20),
    hash: blake2b256(new TextEncoder().encode(text))
  }
}

/** A report as rows of a Markdown table. */
export const table = ({ healedAfterMs, phases }: Report): string => {
  const show = ({ max, p50, p99 }: Quantiles) => (max === 0 ? "-" : `${p50} / ${p99} / ${max}`)
  const rows = phases.map(
    (one) =>
      `| ${one.name} | ${show(one.deliveryMs)} | ${show(one.everyoneMs)} | ${(one.bytesPerLinkSecond / 1024).toFixed(0)} | ${one.worstLag} | ${one.reconnects} | ${one.refused} | ${one.modeChanges.toFixed(2)} |`
  )
  return [
    "| | one observer has a commit, ms (p50 / p99 / max) | everyone has it, ms (p50 / p99 / max) | KiB/s per link | worst lag, commits | reconnects | loops refused | mode changes per observer |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
    "",
    `After the partition everybody was back at the tip, by blocks alone, within ${healedAfterMs} ms.`
  ].join("\n")
}
