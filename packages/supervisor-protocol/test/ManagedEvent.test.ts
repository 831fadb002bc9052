import { assert, describe, it } from "@effect/vitest"
import type { ChainEvent } from "@ephor/chain"
import type { BlockRef } from "@ephor/types"
import { event as wire } from "../src/Interop.ts"
import * as ManagedEvent from "../src/ManagedEvent.ts"
import { l1Block, l2Block } from "../src/testing/ManagedNodeTest.ts"
import { vectors } from "./vectors.ts"

const plain = ({ hash, number, parentHash, timestamp }: BlockRef): BlockRef => ({
  hash,
  number,
  parentHash,
  timestamp
})
const fold = (...events: ReadonlyArray<ChainEvent>) => {
  let state = ManagedEvent.initial
  const out: Array<ManagedEvent.ManagedEvent> = []
  for (const event of events) {
    const [next, more] = ManagedEvent.step(state, event)
    state = next
    out.push(...more)
  }
  return { state, out }
}
const safe = (number: number, source: number): ChainEvent => ({
  _tag: "Promoted",
  level: "LocalSafe",
  block: l2Block(number),
  source: l1Block(source)
})
const reverted = (commanded: boolean, reason = "why"): ChainEvent => ({
  _tag: "Reverted",
  head: l2Block(1),
  removed: [],
  reason,
  commanded
})

describe("step", () => {
  it("imports become unsafe blocks, without their L1 origin", () => {
    assert.deepStrictEqual(fold({ _tag: "Imported", block: l2Block(3) }).out, [
      { unsafeBlock: plain(l2Block(3)) }
    ])
  })
  it("derivation tells the origin only when it moved, and in the same event", () => {
    const update = (number: number, source: number) => ({
      derivationUpdate: { source: l1Block(source), derived: plain(l2Block(number)) }
    })
    assert.deepStrictEqual(fold(safe(1, 100), safe(2, 100), safe(2, 101), safe(3, 101)).out, [
      { ...update(1, 100), derivationOriginUpdate: l1Block(100) },
      update(2, 100),
      { ...update(2, 101), derivationOriginUpdate: l1Block(101) },
      update(3, 101)
    ])
  })
  it("an origin at the same height with another hash is a move", () => {
    const other = { ...safe(2, 100), source: l1Block(100, "a9") } as ChainEvent
    assert.deepStrictEqual(fold(safe(1, 100), other).out[1]?.derivationOriginUpdate, l1Block(100, "a9"))
  })
  it("other promotions came from the supervisor", () => {
    for (const level of ["LocalUnsafe", "CrossUnsafe", "CrossSafe", "Finalized"] as const) {
      assert.deepStrictEqual(fold({ _tag: "Promoted", level, block: l2Block(1), source: l1Block(1) }).out, [])
    }
  })
  it("a revert that nobody commanded asks for a reset, until one is commanded", () => {
    const { out, state } = fold(reverted(false))
    assert.deepStrictEqual(out, [{ reset: "reset: why" }])
    assert.deepStrictEqual(state.awaiting, { reset: "reset: why" })
    assert.deepStrictEqual(fold(reverted(false, "reset: twice")).out, [{ reset: "reset: twice" }])
    assert.isUndefined(fold(reverted(false), reverted(true)).state.awaiting)
    assert.deepStrictEqual(fold(reverted(true)).out, [])
  })
  it("after a commanded revert the origin is told again", () => {
    assert.deepStrictEqual(
      fold(safe(1, 100), reverted(true), safe(1, 100)).out[1]?.derivationOriginUpdate,
      l1Block(100)
    )
  })
  it("replacements and exhaustion", () => {
    const replacement = l2Block(2, "b9")
    assert.deepStrictEqual(
      fold(
        { _tag: "Replaced", invalidated: l2Block(2), removed: [l2Block(2)], replacement },
        { _tag: "Exhausted", source: l1Block(100), derived: l2Block(2) }
      ).out,
      [
        { replaceBlock: { replacement: plain(replacement), invalidated: l2Block(2).hash } },
        { exhaustL1: { source: l1Block(100), derived: plain(l2Block(2)) } }
      ]
    )
  })
  it("a node that just started asks for a reset", () => {
    assert.isDefined(ManagedEvent.initial.awaiting?.reset)
    assert.isUndefined(ManagedEvent.confirmed(ManagedEvent.initial).awaiting)
  })
})

describe("dedup", () => {
  const run = (...items: ReadonlyArray<readonly [ManagedEvent.ManagedEvent, number]>) => {
    let state = ManagedEvent.dedupEmpty
    return items.map(([event, atMs]) => {
      const [next, isNew] = ManagedEvent.dedup(state, event, atMs)
      state = next
      return isNew
    })
  }
  const unsafe = (number: number): ManagedEvent.ManagedEvent => ({ unsafeBlock: plain(l2Block(number)) })
  const update = (number: number, source: number) => ({
    source: l1Block(source),
    derived: plain(l2Block(number))
  })
  const { dedupTtlMs } = vectors("event-stream").defaults

  it("the limits are those of op-node", () => {
    assert.deepStrictEqual(ManagedEvent.dedupDefaults, {
      blockMs: dedupTtlMs.unsafeBlock,
      originMs: dedupTtlMs.exhaustL1
    })
  })
  const cases: ReadonlyArray<readonly [string, ManagedEvent.ManagedEvent, number]> = [
    ["reset", { reset: "a" }, dedupTtlMs.reset],
    ["unsafeBlock", unsafe(1), dedupTtlMs.unsafeBlock],
    ["derivationUpdate", { derivationUpdate: update(1, 1) }, dedupTtlMs.derivationUpdateLocalSafe],
    [
      "L1 traversal",
      { derivationUpdate: update(1, 1), derivationOriginUpdate: l1Block(1) },
      dedupTtlMs.derivationUpdateL1Traversal
    ],
    ["exhaustL1", { exhaustL1: update(1, 1) }, dedupTtlMs.exhaustL1],
    [
      "replaceBlock",
      { replaceBlock: { replacement: plain(l2Block(1)), invalidated: l2Block(2).hash } },
      dedupTtlMs.replaceBlock
    ]
  ]
  for (const [name, event, limitMs] of cases) {
    it(`${name}: suppressed for ${limitMs} ms, counted from the one that was sent`, () => {
      const half = limitMs / 2
      assert.deepStrictEqual(
        run([event, 0], [event, half], [event, limitMs - 1], [event, limitMs], [event, limitMs + half]),
        [true, false, false, true, false]
      )
    })
  }
  it("only the one before it of its kind counts", () => {
    assert.deepStrictEqual(run([unsafe(1), 0], [unsafe(2), 1], [unsafe(1), 2]), [true, true, true])
    assert.deepStrictEqual(run([unsafe(1), 0], [{ reset: "a" }, 1], [unsafe(1), 2]), [true, true, false])
  })
  it("all resets are equal; a move of the origin is not a plain update", () => {
    assert.deepStrictEqual(run([{ reset: "a" }, 0], [{ reset: "b" }, 1]), [true, false])
    const moved = { derivationUpdate: update(1, 1), derivationOriginUpdate: l1Block(1) }
    assert.deepStrictEqual(run([{ derivationUpdate: update(1, 1) }, 0], [moved, 1]), [true, true])
  })
})

describe("wire", () => {
  const { events, goFieldOrder } = vectors("managed-events")
  for (const [name, json] of Object.entries<any>(events)) {
    it(`${name}: read and printed as it came`, () => {
      assert.strictEqual(JSON.stringify(wire.encode(wire.decode(json))), JSON.stringify(json))
    })
    it(`${name}: null and missing fields are the same`, () => {
      const full = Object.fromEntries(goFieldOrder.map((key: string) => [key, json[key] ?? null]))
      assert.deepStrictEqual(wire.decode(full), wire.decode(json))
    })
  }
  it("fields are printed in the order of Go", () => {
    assert.deepStrictEqual(Object.keys(ManagedEvent.ManagedEvent.fields), goFieldOrder)
  })
  it("any combination is understood", () => {
    const all = Object.assign({}, ...Object.values<any>(events))
    assert.deepStrictEqual(Object.keys(wire.decode(all)).toSorted(), goFieldOrder.toSorted())
  })
})
