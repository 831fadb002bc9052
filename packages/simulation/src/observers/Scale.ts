/**
 * Ten thousand observers below one origin, as plain state machines on one queue of events: when everybody has a commit, what
 * goes over the links, and what happens when a relay dies or a part of the network is cut off. `docs/OBSERVERS.md`
 * says what of it is real and what is a stand-in.
 */
import { blake2b256 } from "@ephor/types"
import { EventQueue } from "./EventQueue.ts"
import { Histogram } from "./Histogram.ts"
import { names } from "./Page.ts"
import { Observer, type Surroundings } from "./ScaleNode.ts"
import { defaults, type Options, type Phase, type Report } from "./ScaleReport.ts"
import * as Tree from "./Tree.ts"

export { defaults, type Options, type Phase, type Report } from "./ScaleReport.ts"

/** Commits that an observer may be behind when a part ends: what is under way, and what a change of source costs. */
const tailCommits = 30

/** Figures of the part of a run that is going on. */
class Figures {
  readonly delivery = new Histogram()
  readonly levels: ReadonlyArray<Histogram>
  readonly seconds = new Map<number, number>()
  bytes = 0
  worstLag = 0
  reconnects = 0
  refused = 0
  modeChanges = 0

  constructor(depth: number) {
    this.levels = Array.from({ length: depth }, () => new Histogram())
  }
}

/** Runs the tree. */
export const simulate = (given: Partial<Options> = {}): Report => {
  const options = { ...defaults, ...given }
  const random = Tree.randomOf(options.seed)
  const tree = Tree.make(options.observers, options.fanOut, random)
  const queue = new EventQueue()
  const violations: Array<string> = []
  const depth = Math.max(...tree.levels)
  let figures = new Figures(depth)
  /** When the origin had each commit. */
  const bornMs: Array<number> = [0]
  /** When each observer had each commit of this part, the first one at 0. */
  let hadMs: ReadonlyArray<Array<number>> = tree.levels.map(() => [])
  let first = 1
  const cutOff = new Set<number>()
  let partitioned = false
  const side = (node: number) => partitioned && cutOff.has(tree.branches[node]!)
  const around: Surroundings = {
    options,
    random,
    queue,
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
      const ms = nowMs - bornMs[commit]!
      figures.delivery.add(ms)
      figures.levels[tree.levels[node]! - 1]!.add(ms)
      if (commit >= first) hadMs[node]!.push(nowMs)
    },
    lagged: (certified) => {
      figures.worstLag = Math.max(figures.worstLag, origin.certifiedIndex - certified)
    },
    reconnected: () => {
      const second = Math.floor(queue.nowMs / 1000)
      figures.reconnects++
      figures.seconds.set(second, (figures.seconds.get(second) ?? 0) + 1)
    },
    refused: () => void figures.refused++,
    modeChanged: () => void figures.modeChanges++,
    violated: (why) => void violations.push(why)
  }
  const nodes = tree.levels.map((_, index) => new Observer(index, around))
  const origin = nodes[0]!
  const produce = (): void => {
    origin.produce(queue.nowMs)
    queue.after(options.roundMs, produce)
  }
  produce()
  for (const node of nodes) node.start()
  const phases: Array<Phase> = []
  const phase = (name: string, ms: number, each: () => void = () => {}): void => {
    figures = new Figures(depth)
    hadMs = tree.levels.map(() => [])
    first = origin.certifiedIndex + 1
    const beganMs = queue.nowMs
    while (queue.nowMs < beganMs + ms) {
      queue.runUntil(queue.nowMs + 50)
      each()
    }
    const living = nodes.filter(({ alive, index }) => alive && index !== 0)
    const reached = living.filter(({ index }) => !side(index))
    const had = (index: number) => hadMs[index]!.length
    const due = origin.certifiedIndex + 1 - first - tailCommits
    const served = reached.filter(({ index }) => had(index) >= due)
    const everyone = new Histogram()
    const common = served.reduce((least, { index }) => Math.min(least, had(index)), due + tailCommits)
    const lastMs = bornMs.slice(first, first + common)
    for (const { index } of served) {
      const had = hadMs[index]!
      for (let at = 0; at < common; at++) if (had[at]! > lastMs[at]!) lastMs[at] = had[at]!
    }
    lastMs.forEach((ms, at) => everyone.add(ms - bornMs[first + at]!))
    phases.push({
      name,
      deliveryMs: figures.delivery.quantiles,
      levelsMs: figures.levels.map(({ quantiles }) => quantiles),
      everyoneMs: everyone.quantiles,
      leftBehind: reached.length - served.length,
      bytesPerLinkSecond: Math.round((figures.bytes / living.length / ms) * 1000),
      worstLag: figures.worstLag,
      reconnects: figures.reconnects,
      busiestSecond: Math.max(0, ...figures.seconds.values()),
      refused: figures.refused,
      modeChanges: figures.modeChanges
    })
  }
  phase(names.start, options.startMs)
  phase(names.steady, options.steadyMs)
  nodes[1]!.kill()
  phase(names.kill, options.killMs)
  for (let branch = 2; branch <= Math.min(options.fanOut, options.observers); branch += 2) cutOff.add(branch)
  partitioned = true
  phase(names.partition, options.partitionMs)
  partitioned = false
  const healedMs = queue.nowMs
  let healedAfterMs = -1
  const calm = () => nodes.every((node) => !node.alive || node.index === 0 || node.calm)
  phase(names.heal, options.healMs, () => {
    if (healedAfterMs < 0 && calm()) healedAfterMs = queue.nowMs - healedMs
  })
  for (const node of nodes) {
    const behind = origin.certifiedIndex - node.certifiedIndex
    if (node.alive && behind > tailCommits)
      violations.push(`observer ${node.index} is ${behind} commits behind in the end`)
  }
  const certified = nodes
    .filter(({ alive, index }) => alive && index !== 0)
    .map((node) => node.certifiedIndex)
  const text = JSON.stringify([phases, healedAfterMs, queue.count, violations])
  return {
    options,
    phases,
    healedAfterMs,
    certified: {
      least: certified.reduce((least, one) => Math.min(least, one), Infinity),
      most: certified.reduce((most, one) => Math.max(most, one), 0),
      origin: origin.certifiedIndex
    },
    depth,
    events: queue.count,
    violations: violations.slice(0, 20),
    hash: blake2b256(new TextEncoder().encode(text))
  }
}
