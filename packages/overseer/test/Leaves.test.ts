import { assert, describe, it } from "@effect/vitest"
import type { ChainEvent } from "@ephor/chain"
import { Leaves, Signal } from "@ephor/overseer"
import type { BlockRef, Hash } from "@ephor/types"
import { Schema } from "effect"
import { block, finalized, hash, imported, nameOf, replaced, reverted } from "./fixtures.ts"
import vectors from "./vectors/polkadot-overseer.json" with { type: "json" }

const start = (leaves: ReadonlyArray<BlockRef>) =>
  leaves.reduce((state, leaf) => Leaves.obey(state, Signal.startWork(leaf)), Leaves.make())

const names = (state: Leaves.Leaves) => Leaves.toArray(state).map((leaf) => nameOf(leaf.hash))

/** `+a -b` for an update, `final a` for finality. */
const say = (signals: ReadonlyArray<Signal.Signal>) =>
  signals.map(
    Signal.match({
      ActiveLeaves: ({ activated, deactivated }) =>
        [
          ...(activated === null ? [] : [`+${nameOf(activated.hash)}`]),
          ...deactivated.map((h) => `-${nameOf(h)}`)
        ].join(" "),
      BlockFinalized: (s) => `final ${nameOf(s.hash)}`,
      Conclude: () => "conclude"
    })
  )

const fold = (events: ReadonlyArray<ChainEvent>, from = Leaves.make()) =>
  events.reduce<readonly [Leaves.Leaves, ReadonlyArray<string>]>(
    ([state, said], event) => {
      const [next, signals] = Leaves.step(state, event)
      return [next, [...said, ...say(signals)]]
    },
    [from, []]
  )

describe("Leaves, scenarios of the Polkadot overseer", () => {
  for (const scenario of vectors.overseer_leaves) {
    it(scenario.name, () => {
      const state = start(scenario.start.map(([name, number]) => block(name as string, number as number)))
      const { imported: i, finalized: f } = scenario.event
      const event =
        i !== undefined ? imported(block(i.hash, i.number, i.parent)) : finalized(block(f!.hash, f!.number))
      const supportsParachains = (i as { supports_parachains?: boolean } | undefined)?.supports_parachains
      const [next, signals] = Leaves.step(state, event, { supportsParachains })
      const expected = scenario.signals.map((signal) =>
        "BlockFinalized" in signal && signal.BlockFinalized !== undefined
          ? Signal.blockFinalized(
              hash(signal.BlockFinalized[0] as string),
              signal.BlockFinalized[1] as number
            )
          : Signal.activeLeaves(
              signal.ActiveLeaves!.activated === null ? null : (event as { block: BlockRef }).block,
              signal.ActiveLeaves!.deactivated.map(hash)
            )
      )
      assert.strictEqual(signals.length, expected.length)
      signals.forEach((signal, n) => assert.isTrue(Signal.equals(signal, expected[n]!), say([signal]).join()))
      assert.sameMembers(names(next), scenario.leaves)
    })
  }
})

const a = block("a", 1)
const b = block("b", 2, "a")
const c = block("c", 3, "b")
const d = block("d", 2, "a")
const e = block("e", 3, "d")

describe("Leaves, the overseer column of the event table", () => {
  it("only finality among promotions is a signal", () => {
    for (const level of ["LocalUnsafe", "CrossUnsafe", "LocalSafe", "CrossSafe"] as const) {
      const [next, signals] = Leaves.step(start([a]), { _tag: "Promoted", level, block: a })
      assert.deepStrictEqual([names(next), signals], [["a"], []])
    }
  })

  it("a revert stops work on what left and starts it on the head", () => {
    const [state, said] = fold([imported(a), imported(b), imported(c), reverted(a, [c, b])])
    assert.deepStrictEqual(said, ["+a", "+b -a", "+c -b", "+a -c"])
    assert.deepStrictEqual(names(state), ["a"])
  })

  it("a revert also stops work on forks that stand on what left", () => {
    const onB = block("x", 3, "b")
    const [state, said] = fold([imported(a), imported(b), imported(c), imported(onB), reverted(a, [c, b])])
    assert.strictEqual(said.at(-1), "+a -c -x")
    assert.deepStrictEqual(names(state), ["a"])
  })

  it("after a reorganisation, told as a revert and the new branch parent first, only the new tip is a leaf", () => {
    const [state, said] = fold([
      imported(a),
      imported(b),
      imported(d),
      imported(e),
      reverted(a, [b]),
      imported(d),
      imported(e)
    ])
    assert.deepStrictEqual(said, ["+a", "+b -a", "+d", "+e -d", "+a -b", "-a"])
    assert.deepStrictEqual(names(state), ["e"])
  })

  it("a branch that comes back after it was left is announced again", () => {
    const events = [
      imported(a),
      imported(b),
      imported(d),
      reverted(a, [b]),
      imported(d),
      reverted(a, [d]),
      imported(b)
    ]
    const [state, said] = fold(events)
    assert.deepStrictEqual(said.slice(3), ["+a -b", "-a", "+a -d", "+b -a"])
    assert.deepStrictEqual(names(state), ["b"])
  })

  it("a revert that removes nothing says nothing", () => {
    assert.deepStrictEqual(fold([imported(a), imported(b), reverted(b, [])])[1], ["+a", "+b -a"])
  })

  it("a replacement starts work on it and stops work on the invalidated block and all that stood on it", () => {
    const instead = block("b'", 2, "a")
    const [state, said] = fold([imported(a), imported(b), imported(c), replaced(b, [c, b], instead)])
    assert.strictEqual(said.at(-1), "+b' -c")
    assert.deepStrictEqual(names(state), ["b'"])
  })

  it("exhaustion of L1 is no signal", () => {
    assert.deepStrictEqual(Leaves.step(start([a]), { _tag: "Exhausted", source: a, derived: a })[1], [])
  })

  it("the finalized leaf stays, and gives way to its child", () => {
    const [state, said] = fold([imported(a), imported(b), finalized(b), imported(c)])
    assert.deepStrictEqual(said, ["+a", "+b -a", "final b", "+c -b"])
    assert.deepStrictEqual(names(state), ["c"])
  })

  it("blocks below finality are never announced, the finalized block itself is", () => {
    const from = Leaves.make({ hash: b.hash, number: 2 })
    assert.deepStrictEqual(fold([imported(a), imported(d), imported(b)], from)[1], ["+b"])
  })
})

describe("Leaves, over every fork tree", () => {
  /** Each number picks a parent among the blocks so far; a finalization follows some imports. */
  const Tree = Schema.Array(Schema.Struct({ parent: Schema.Natural, finalize: Schema.Boolean })).check(
    Schema.isMaxLength(40)
  )

  it.prop("leaves are the tips above finality, and signals alone tell them", [Tree], ([tree]) => {
    const blocks: Array<BlockRef> = [block("0", 0)]
    const under = (ref: BlockRef, root: BlockRef): boolean => {
      let at: BlockRef | undefined = ref
      while (at !== undefined && at.number > root.number) {
        const parentHash: Hash = at.parentHash
        at = blocks.find((other) => other.hash === parentHash)
      }
      return at?.hash === root.hash
    }
    let final = blocks[0]!
    let state = Leaves.make(final)
    let told = new Set<Hash>()
    const take = (event: ChainEvent) => {
      const [next, signals] = Leaves.step(state, event)
      state = next
      for (const signal of signals) {
        if (signal._tag !== "ActiveLeaves") continue
        for (const gone of signal.deactivated)
          assert.isTrue(told.delete(gone), "deactivated only what was active")
        if (signal.activated !== null) told.add(signal.activated.hash)
        assert.isTrue(signal.activated !== null || signal.deactivated.length > 0, "no empty update")
      }
    }
    for (const { parent, finalize } of tree) {
      const on = blocks.filter((ref) => under(ref, final))
      const parentRef = on[parent % on.length]!
      const next = block(`${blocks.length}`, parentRef.number + 1, nameOf(parentRef.hash))
      blocks.push(next)
      take(imported(next))
      if (finalize) {
        final = next
        take(finalized(next))
      }
    }
    const tips = blocks.filter(
      (ref) =>
        ref.number > 0 &&
        (ref.number > final.number || ref.hash === final.hash) &&
        !blocks.some((child) => child.parentHash === ref.hash)
    )
    assert.sameMembers(
      Leaves.toArray(state).map((leaf) => leaf.hash),
      tips.map((tip) => tip.hash)
    )
    assert.sameMembers(
      [...told],
      tips.map((tip) => tip.hash)
    )
  })
})
