import { assert, describe, it } from "@effect/vitest"
import { ObserversScale as Scale } from "../src/index.ts"
import { EventQueue } from "../src/observers/EventQueue.ts"
import { Histogram } from "../src/observers/Histogram.ts"
import { names } from "../src/observers/Page.ts"
import * as Tree from "../src/observers/Tree.ts"

/** 6 + 36 + 158 observers. */
const small = { observers: 200, fanOut: 6 }
const phase = ({ phases }: Scale.Report, name: string) => phases.find((one) => one.name === name)!

describe("Scale", () => {
  const report = Scale.simulate(small)

  it("everyone gets everything, in order", () => {
    assert.deepStrictEqual(report.violations, [])
    assert.strictEqual(report.depth, 3)
    const { certified, options } = report
    const totalMs = options.startMs + options.steadyMs + options.killMs + options.partitionMs + options.healMs
    assert.strictEqual(certified.origin, Math.floor(totalMs / options.roundMs) + 1)
    assert.isAtLeast(certified.least, certified.origin - 10)
    assert.isBelow(certified.most, certified.origin)
  })

  it("in the steady state nobody changes anything, each level takes its time, and a link carries the stream once", () => {
    const { bytesPerLinkSecond, everyoneMs, leftBehind, levelsMs, modeChanges, reconnects } = phase(
      report,
      names.steady
    )
    assert.deepStrictEqual(
      { leftBehind, modeChanges, reconnects },
      { leftBehind: 0, modeChanges: 0, reconnects: 0 }
    )
    const medians = levelsMs.map((times) => times!.p50)
    assert.isAbove(medians[0]!, report.options.roundMs)
    assert.deepStrictEqual(
      medians,
      [...medians].sort((a, b) => a - b)
    )
    assert.isAtLeast(everyoneMs!.max, levelsMs.at(-1)!.max)
    const once = (report.options.roundBytes / report.options.roundMs) * 1000
    assert.approximately(bytesPerLinkSecond, once, once / 50)
  })

  it("the orphans of a dead relay find another one", () => {
    const killed = phase(report, names.kill)
    assert.isAtLeast(killed.reconnects, small.fanOut)
    assert.strictEqual(killed.leftBehind, 0)
    // Three seconds of silence come first.
    assert.isAbove(killed.everyoneMs!.max, 3000)
    assert.isBelow(killed.everyoneMs!.max, 5000)
  })

  it("a partition heals", () => {
    const { partitionMs, roundMs } = report.options
    assert.isAtLeast(phase(report, names.partition).worstLag, Math.floor(partitionMs / roundMs))
    assert.isAbove(report.healedAfterMs, 0)
    const healed = phase(report, names.heal)
    assert.strictEqual(healed.leftBehind, 0)
    assert.isAbove(healed.modeChanges, 0)
    const unhealed = Scale.simulate({ ...small, healMs: 500 })
    assert.strictEqual(unhealed.healedAfterMs, -1)
    assert.isAbove(unhealed.violations.length, 0)
  })

  it("who knows nobody else is left behind, and the report says so", () => {
    const chain = Scale.simulate({ observers: 3, fanOut: 1 })
    assert.strictEqual(phase(chain, names.steady).leftBehind, 0)
    assert.strictEqual(phase(chain, names.kill).leftBehind, 2)
    assert.include(chain.violations.join("; "), "observer 2 is")
  })

  it("the same seed is the same run", () => {
    assert.strictEqual(Scale.simulate(small).hash, report.hash)
    assert.notStrictEqual(Scale.simulate({ ...small, seed: 2 }).hash, report.hash)
  })
})

describe("EventQueue", () => {
  it("lets events happen by time, then in the order in which they were put in", () => {
    const queue = new EventQueue()
    const random = Tree.randomOf(1)
    const happened: Array<readonly [number, number]> = []
    let put = 0
    const add = (ms: number) => {
      const order = put++
      queue.after(ms, () => {
        happened.push([queue.nowMs, order])
        if (put < 2000) for (let i = 0; i < 2; i++) add(Math.floor(random() * 40) / 8)
      })
    }
    for (let i = 0; i < 10; i++) add(i % 3)
    for (let ms = 1; ms < 1000; ms += 7) queue.runUntil(ms)
    assert.strictEqual(queue.count, put)
    const inOrder = [...happened].sort(([a, one], [b, other]) => a - b || one - other)
    assert.deepStrictEqual(happened, inOrder)
  })
})

describe("Histogram", () => {
  it("tells quantiles of whole milliseconds", () => {
    const histogram = new Histogram()
    assert.isUndefined(histogram.quantiles)
    for (let ms = 100; ms >= 1; ms--) histogram.add(ms - 0.2)
    assert.deepStrictEqual(histogram.quantiles, { p50: 50, p99: 99, max: 100 })
  })
})
