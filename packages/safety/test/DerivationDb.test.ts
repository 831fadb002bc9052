import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { BlockRef, BlockSeal, Hash } from "@ephor/types"
import { DerivationDb, type Verdict } from "../src/index.ts"
import vectors from "./vectors/derivation_db_updates.json" with { type: "json" }

type Name = keyof typeof vectors.blocks
const block = (name: string, kind: "source" | "derived"): BlockSeal => {
  if (name === "altD") return vectors.altD as BlockSeal
  if (name.startsWith("0x")) {
    const [, number] = name.split("@")
    return { hash: literal(name), number: Number(number), timestamp: kind === "source" ? 1000048 : 1000408 }
  }
  return vectors.blocks[name as Name][kind] as BlockSeal
}
const literal = (text: string): Hash =>
  `0x${text
    .slice(2)
    .replace(/[^0-9a-f].*$/, "")
    .padEnd(64, "0")}`
const parent = (name: string, kind: "source" | "derived"): Hash =>
  name.startsWith("0x") ? literal(name) : block(name, kind).hash

const tags: Record<string, string> = {
  skipped: "Skipped",
  "out of order": "OutOfOrder",
  ineffective: "Ineffective",
  conflict: "Conflict",
  future: "Future"
}

const tagOf = <A>(verdict: Verdict<A>) => (Result.isFailure(verdict) ? verdict.failure._tag : "ok")

describe("DerivationDb.add, vectors", () => {
  vectors.cases.forEach(({ last, name, steps }, row) => {
    it(`${row + 1}: ${name}`, () => {
      const d = vectors.blocks.d as { readonly source: BlockSeal; readonly derived: BlockSeal }
      let db: DerivationDb.DerivationDb = [{ ...d, revision: 0, invalidated: false }]
      for (const [source, sourceParent, derived, derivedParent, expected] of steps as Array<Array<string>>) {
        const added = DerivationDb.add(db, {
          source: { ...block(source!, "source"), parentHash: parent(sourceParent!, "source") },
          derived: { ...block(derived!, "derived"), parentHash: parent(derivedParent!, "derived") }
        })
        if (expected!.startsWith("ok")) {
          assert.isTrue(Result.isSuccess(added), `${tagOf(added)}`)
          const before = db.length
          if (Result.isSuccess(added)) db = DerivationDb.apply(db, added.success)
          if (expected !== "ok") assert.strictEqual(db.length, before)
        } else assert.strictEqual(tagOf(added), tags[expected!])
      }
      const end = db.at(-1)!
      assert.strictEqual(end.source.hash, block(last[0]!, "source").hash)
      assert.strictEqual(end.derived.hash, block(last[1]!, "derived").hash)
    })
  })
})

// A chain of our own: block n of L1 is `s<n>`, block n of L2 is `d<n>`, with marks for other versions of a block.
const hashOf = (kind: string, n: number, mark = 0): Hash =>
  `0x${kind}${mark.toString(16).padStart(3, "0")}${n.toString(16).padStart(59, "0")}`
const s = (n: number, mark = 0, parentMark = mark): BlockRef => ({
  hash: hashOf("aa", n, mark),
  number: n,
  parentHash: hashOf("aa", n - 1, parentMark),
  timestamp: 1000 + n * 12
})
const d = (n: number, mark = 0, parentMark = mark): BlockRef => ({
  hash: hashOf("bb", n, mark),
  number: n,
  parentHash: hashOf("bb", n - 1, parentMark),
  timestamp: 1000 + n * 2
})
const sealOf = ({ hash, number, timestamp }: BlockRef): BlockSeal => ({ hash, number, timestamp })
const grow = (db: DerivationDb.DerivationDb, pairs: ReadonlyArray<readonly [BlockRef, BlockRef]>) =>
  pairs.reduce((db, [source, derived]) => {
    const added = DerivationDb.add(db, { source, derived })
    if (Result.isFailure(added)) throw new Error(added.failure.detail)
    return DerivationDb.apply(db, added.success)
  }, db)
const ok = <A>(verdict: Verdict<A>): A => {
  if (Result.isFailure(verdict)) throw new Error(`${verdict.failure._tag}: ${verdict.failure.detail}`)
  return verdict.success
}
const base = grow(
  [],
  [
    [s(10), d(0)],
    [s(11), d(0)],
    [s(11), d(1)],
    [s(11), d(2)],
    [s(12), d(2)],
    [s(12), d(3)],
    [s(13), d(3)],
    [s(14), d(3)],
    [s(14), d(4)]
  ]
)

describe("DerivationDb look-ups", () => {
  it("first and last occurrence of a block", () => {
    assert.strictEqual(ok(DerivationDb.canonical(base, 3, "first")).source.number, 12)
    assert.strictEqual(ok(DerivationDb.canonical(base, 3, "last")).source.number, 14)
    assert.strictEqual(ok(DerivationDb.canonical(base, 0, "last")).source.number, 11)
  })
  it("beyond the ends", () => {
    assert.strictEqual(tagOf(DerivationDb.canonical(base, 5, "last")), "Future")
    assert.strictEqual(tagOf(DerivationDb.canonical(base.slice(2), 0, "last")), "Skipped")
    assert.strictEqual(tagOf(DerivationDb.lastAtSource(base, s(15))), "Future")
    assert.strictEqual(tagOf(DerivationDb.lastAtSource(base, s(9))), "Skipped")
    assert.strictEqual(tagOf(DerivationDb.last([])), "Uninitialized")
  })
  it("hashes are compared", () => {
    assert.strictEqual(tagOf(DerivationDb.ofDerived(base, d(3, 1), "last")), "Conflict")
    assert.strictEqual(tagOf(DerivationDb.lastAtSource(base, s(12, 1))), "Conflict")
  })
  it("last derived at a source, and the next source", () => {
    assert.strictEqual(ok(DerivationDb.lastAtSource(base, s(11))).derived.number, 2)
    assert.strictEqual(ok(DerivationDb.lastAtSource(base, s(13))).derived.number, 3)
    assert.deepStrictEqual(ok(DerivationDb.nextSource(base, s(12))), s(13))
    assert.strictEqual(tagOf(DerivationDb.nextSource(base, s(14))), "Future")
  })
  it("previous source", () => {
    assert.strictEqual(ok(DerivationDb.previousSource(base, s(12))).number, 11)
    assert.strictEqual(tagOf(DerivationDb.previousSource(base, s(10))), "PreviousToFirst")
    const fromZero = grow([], [[s(0), d(0)]])
    assert.strictEqual(ok(DerivationDb.previousSource(fromZero, s(0))).hash, `0x${"0".repeat(64)}`)
  })
  it("rewind keeps entries of the source", () => {
    const rewound = DerivationDb.apply(base, DerivationDb.rewindToSource(base, 12))
    assert.strictEqual(rewound.length, 6)
    assert.strictEqual(rewound.at(-1)!.derived.number, 3)
  })
})

describe("DerivationDb.invalidate and replace", () => {
  const invalidated = DerivationDb.apply(base, ok(DerivationDb.invalidate(base, sealOf(s(12)), sealOf(d(3)))))
  it("leaves a marker with a new revision, and nothing after it", () => {
    const marker = DerivationDb.marker(invalidated)!
    assert.strictEqual(marker.revision, 3)
    assert.strictEqual(invalidated.length, 6)
    assert.strictEqual(tagOf(DerivationDb.last(invalidated)), "AwaitReplacement")
    assert.strictEqual(DerivationDb.lastValid(invalidated)!.derived.number, 2)
  })
  it("nothing is added on top of a marker", () => {
    assert.strictEqual(
      tagOf(DerivationDb.add(invalidated, { source: s(12), derived: d(4) })),
      "AwaitReplacement"
    )
    assert.strictEqual(tagOf(DerivationDb.ofDerived(invalidated, d(3), "last")), "AwaitReplacement")
    assert.strictEqual(tagOf(DerivationDb.lastAtSource(invalidated, s(12))), "AwaitReplacement")
  })
  it("a replacement takes its place and goes on in the same revision", () => {
    const replaced = DerivationDb.apply(
      invalidated,
      ok(DerivationDb.replace(invalidated, d(3, 7, 0), d(3).hash))
    )
    const grown = grow(replaced, [
      [s(13), d(3, 7, 0)],
      [s(13), d(4, 7)]
    ])
    assert.strictEqual(ok(DerivationDb.canonical(grown, 3, "first")).source.number, 12)
    assert.strictEqual(ok(DerivationDb.canonical(grown, 3, "last")).derived.hash, d(3, 7).hash)
    assert.strictEqual(ok(DerivationDb.canonical(grown, 4, "last")).revision, 3)
    assert.strictEqual(ok(DerivationDb.canonical(grown, 2, "last")).revision, 0)
  })
  it("what a node derives anew from older sources follows the replacement at the replacement's source", () => {
    const replaced = DerivationDb.apply(
      invalidated,
      ok(DerivationDb.replace(invalidated, d(3, 7, 0), d(3).hash))
    )
    const older = grow(replaced, [
      [s(10), d(4, 7)],
      [s(11), d(4, 7)],
      [s(11), d(5, 7)]
    ])
    assert.deepStrictEqual(
      older.slice(-2).map(({ derived, revision, source }) => [source.number, derived.number, revision]),
      [
        [12, 4, 3],
        [12, 5, 3]
      ]
    )
    assert.strictEqual(ok(DerivationDb.last(grow(older, [[s(13), d(5, 7)]]))).source.number, 13)
    assert.strictEqual(tagOf(DerivationDb.add(older, { source: s(11), derived: d(6) })), "Conflict")
    assert.strictEqual(tagOf(DerivationDb.add(base, { source: s(11), derived: d(5) })), "OutOfOrder")
  })
  it("a replacement must be the one that is awaited", () => {
    assert.strictEqual(tagOf(DerivationDb.replace(base, d(3, 7, 0), d(3).hash)), "Conflict")
    assert.strictEqual(tagOf(DerivationDb.replace(invalidated, d(3, 7, 0), d(2).hash)), "Conflict")
    assert.strictEqual(tagOf(DerivationDb.replace(invalidated, d(4, 7, 0), d(3).hash)), "Conflict")
    assert.strictEqual(tagOf(DerivationDb.replace(invalidated, d(3, 7, 7), d(3).hash)), "Conflict")
  })
  it("deep: a block is found invalid in a later scope than it came from", () => {
    // Block 3 came from source 12, but was examined in scope 14: history up to 13 stays, in the old revision.
    const deep = DerivationDb.apply(base, ok(DerivationDb.invalidate(base, sealOf(s(14)), sealOf(d(3)))))
    assert.strictEqual(deep.length, 8)
    assert.strictEqual(deep.at(-1)!.source.number, 14)
    const deeper = grow(base, [
      [s(15), d(4)],
      [s(15), d(5)]
    ])
    const edit = ok(DerivationDb.invalidate(deeper, sealOf(s(15)), sealOf(d(3))))
    const marked = DerivationDb.apply(deeper, edit)
    assert.strictEqual(marked.at(-1)!.derived.number, 3)
    const replaced = DerivationDb.apply(marked, ok(DerivationDb.replace(marked, d(3, 7, 0), d(3).hash)))
    assert.strictEqual(ok(DerivationDb.canonical(replaced, 3, "first")).source.number, 15)
    assert.strictEqual(tagOf(DerivationDb.canonical(replaced, 4, "last")), "Future")
  })
  it("refuses what can not be", () => {
    assert.strictEqual(tagOf(DerivationDb.invalidate(base, sealOf(s(10)), sealOf(d(0)))), "Conflict")
    assert.strictEqual(tagOf(DerivationDb.invalidate(base, sealOf(s(12, 1)), sealOf(d(3)))), "Conflict")
    assert.strictEqual(tagOf(DerivationDb.invalidate(base, sealOf(s(12)), sealOf(d(3, 1)))), "Conflict")
    assert.strictEqual(tagOf(DerivationDb.invalidate(base, sealOf(s(20)), sealOf(d(3)))), "Future")
    assert.strictEqual(tagOf(DerivationDb.invalidate(invalidated, sealOf(s(12)), sealOf(d(3)))), "Conflict")
  })
})

describe("DerivationDb.candidate", () => {
  const cross = grow([], [[s(10), d(0)]])
  it("the scope must be bumped before there is something to examine", () => {
    assert.strictEqual(tagOf(DerivationDb.candidate(base, cross)), "OutOfScope")
    const bumped = grow(cross, [[s(11), d(0)]])
    const { derived, source } = ok(DerivationDb.candidate(base, bumped))
    assert.deepStrictEqual([source, derived], [s(11), d(1)])
  })
  it("waits where local derivation ends, and while a replacement is outstanding", () => {
    const all = grow(cross, [
      [s(11), d(0)],
      [s(11), d(1)],
      [s(11), d(2)],
      [s(12), d(2)],
      [s(12), d(3)],
      [s(13), d(3)],
      [s(14), d(3)],
      [s(14), d(4)]
    ])
    assert.strictEqual(tagOf(DerivationDb.candidate(base, all)), "OutOfScope")
    assert.strictEqual(tagOf(DerivationDb.nextSource(base, all.at(-1)!.source)), "Future")
    const marked = DerivationDb.apply(base, ok(DerivationDb.invalidate(base, sealOf(s(11)), sealOf(d(2)))))
    assert.strictEqual(
      tagOf(
        DerivationDb.candidate(
          marked,
          grow(cross, [
            [s(11), d(0)],
            [s(11), d(1)]
          ])
        )
      ),
      "AwaitReplacement"
    )
  })
  it("without cross-safe entries it is the first local one", () => {
    assert.strictEqual(ok(DerivationDb.candidate(base, [])).derived.number, 0)
    assert.strictEqual(tagOf(DerivationDb.candidate([], [])), "Uninitialized")
  })
})
