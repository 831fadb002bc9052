import { assert, describe, it } from "@effect/vitest"
import { Random, Effect } from "effect"
import { BlockTree } from "@ephor/chain"
import * as Script from "@ephor/chain/testing/ChainScript"
import type { BlockRef, Hash } from "@ephor/types"

const { hash, name } = Script

/** A tree grown by a script of imports; the head is moved to `head`. */
const grow = (script: string, head = "g"): BlockTree.BlockTree => {
  let tree = BlockTree.make(Script.genesis.ref)
  for (const step of Script.parse(script)) {
    if (step._tag === "Import") {
      const parent = BlockTree.get(tree, hash(step.parent))!
      tree = BlockTree.insert(tree, Script.ref(step.name, step.parent, parent.number + 1))
    }
  }
  return BlockTree.moveHead(tree, hash(head), false).tree
}
const names = (refs: Iterable<BlockRef>) => Array.from(refs, (ref) => name(ref.hash)).join(" ")
const canonical = (tree: BlockTree.BlockTree) => {
  const line: Array<BlockRef> = []
  for (let number = tree.root.number; number <= tree.head.number; number++)
    line.push(BlockTree.at(tree, number)!)
  return names(line)
}

describe("BlockTree", () => {
  const forks = "g-a-b-c-d, a-x-y, x-z, c-w"

  it("knows ancestors and descendants across forks", () => {
    const tree = grow(forks, "d")
    const isAncestor = (lower: string, upper: string) => BlockTree.isAncestor(tree, hash(lower), hash(upper))
    assert.deepStrictEqual(
      [
        ["g", "d"],
        ["b", "d"],
        ["a", "z"],
        ["x", "z"],
        ["z", "z"],
        ["c", "w"]
      ].map(([l, u]) => isAncestor(l!, u!)),
      Array.from({ length: 6 }, () => true)
    )
    assert.deepStrictEqual(
      [
        ["b", "z"],
        ["x", "d"],
        ["y", "z"],
        ["d", "c"],
        ["d", "w"],
        ["nothing", "d"],
        ["g", "nothing"],
        ["w", "x"]
      ].map(([l, u]) => isAncestor(l!, u!)),
      Array.from({ length: 8 }, () => false)
    )
    assert.strictEqual(names(BlockTree.descendants(tree, hash("a"))), "b x c y z d w")
    assert.strictEqual(names(BlockTree.ancestors(tree, hash("z"))), "x a g")
    assert.strictEqual(name(BlockTree.canonicalAncestor(tree, hash("z"))!.hash), "a")
  })

  it("moves the canonical branch and says what left and what joined", () => {
    const moved = BlockTree.moveHead(grow(forks, "d"), hash("z"), false)
    assert.strictEqual(canonical(moved.tree), "g a x z")
    assert.strictEqual(names(moved.removed), "d c b")
    assert.strictEqual(names(moved.added), "x z")
    assert.isUndefined(BlockTree.at(moved.tree, 4))
  })

  it("marks what a revert leaves, until it is moved to again", () => {
    const marks = (tree: BlockTree.BlockTree) =>
      ["a", "b", "c", "d", "w", "x"].filter((block) => BlockTree.node(tree, hash(block))!.abandoned).join(" ")
    const left = BlockTree.moveHead(grow(forks, "d"), hash("a"), true).tree
    assert.strictEqual(marks(left), "b c d w")
    assert.isTrue(BlockTree.node(BlockTree.insert(left, Script.ref("e", "d", 5)), hash("e"))!.abandoned)
    assert.strictEqual(marks(BlockTree.moveHead(left, hash("b"), false).tree), "c d w")
  })

  it("blacklists a block with all that builds on it, for ever", () => {
    const cut = BlockTree.moveHead(grow(forks, "d"), hash("a"), false).tree
    const { removed, tree } = BlockTree.invalidate(cut, hash("b"))
    assert.strictEqual(names(removed), "w d c b")
    assert.isTrue(
      ["b", "c", "d", "w"].every(
        (block) => BlockTree.isInvalid(tree, hash(block)) && BlockTree.get(tree, hash(block)) === undefined
      )
    )
    assert.strictEqual(names(BlockTree.descendants(tree, hash("a"))), "x y z")
    assert.isFalse(BlockTree.isInvalid(cut, hash("b")), "the old tree is as it was")
  })

  it("forgets below a floor, with the forks that left there", () => {
    const { dead, tree } = BlockTree.prune(grow(forks, "d"), 3)
    assert.strictEqual(names(dead), "x y z")
    assert.strictEqual(canonical(tree), "c d")
    assert.strictEqual(names(BlockTree.descendants(tree, hash("c"))), "d w")
    assert.isUndefined(BlockTree.get(tree, hash("a")))
    assert.strictEqual(names(BlockTree.ancestors(tree, hash("w"))), "c")
    assert.strictEqual(BlockTree.prune(tree, 2).tree, tree)
  })

  for (let seed = 1; seed <= 20; seed++) {
    it.effect(`is the same as a list of parents, whatever happens (seed ${seed})`, () =>
      Effect.gen(function* () {
        const parents = new Map<Hash, Hash>()
        let tree = BlockTree.make(Script.genesis.ref)
        const alive = () => ["g", ...Array.from(parents.keys(), name)]
        const path = (block: Hash): ReadonlyArray<Hash> =>
          parents.has(block) ? [...path(parents.get(block)!), block] : [block]
        for (let round = 0; round < 60; round++) {
          const pick = Effect.suspend(() =>
            Effect.map(Random.nextIntBetween(0, alive().length - 1), (index) => hash(alive()[index]!))
          )
          const target = yield* pick
          const chance = yield* Random.nextIntBetween(0, 9)
          if (chance < 6) {
            const block = Script.ref(`n${round}`, name(target), BlockTree.get(tree, target)!.number + 1)
            tree = BlockTree.insert(tree, block)
            parents.set(block.hash, target)
          } else if (chance < 9) {
            tree = BlockTree.moveHead(tree, target, chance === 8).tree
          } else if (!path(tree.head.hash).includes(target)) {
            tree = BlockTree.invalidate(tree, target).tree
            const gone = [...parents.keys()].filter((block) => path(block).includes(target))
            for (const block of gone) parents.delete(block)
          }
          assert.strictEqual(canonical(tree), path(tree.head.hash).map(name).join(" "))
          const [left, right] = [yield* pick, yield* pick]
          assert.strictEqual(BlockTree.isAncestor(tree, left, right), path(right).includes(left))
          const expected = [...parents.keys()]
            .filter((block) => block !== left && path(block).includes(left))
            .sort()
          assert.deepStrictEqual(
            BlockTree.descendants(tree, left)
              .map((ref) => ref.hash)
              .sort(),
            expected
          )
        }
      }).pipe(Random.withSeed(`tree ${seed}`))
    )
  }
})
