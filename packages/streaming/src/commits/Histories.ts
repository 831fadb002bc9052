/**
 * Causal histories of blocks that might lead a commit. Blocks of one round mostly rest on the same ones, so what is below
 * those is looked for once, for as long as nothing changes. Pure.
 */
import { compareDagBlockRefs } from "@ephor/types"
import type { ObservedBlock } from "../BlockVerifier.ts"

/** Ancestors of a block that count: those above a round that are in no commit yet. */
export type Open = (block: ObservedBlock, floor: number) => ReadonlyArray<ObservedBlock>

/** Blocks, and all that is below them. */
interface Below {
  readonly floor: number
  readonly roots: ReadonlyMap<string, ObservedBlock>
  readonly blocks: ReadonlyArray<ObservedBlock>
}

const inOrder = (blocks: Iterable<ObservedBlock>): ReadonlyArray<ObservedBlock> =>
  [...blocks].sort((a, b) => compareDagBlockRefs(a.ref, b.ref))

/** See the head of the file. */
export class Histories {
  readonly #open: Open
  #below: Below | undefined

  constructor(open: Open) {
    this.#open = open
  }

  /** Something has changed: nothing that was found counts any more. */
  forget(): void {
    this.#below = undefined
  }

  /** A block and all that is below it, in commit order. */
  of(leader: ObservedBlock, floor: number): ReadonlyArray<ObservedBlock> {
    const roots = new Map(this.#open(leader, floor).map((block) => [block.ref.digest, block]))
    const known = this.#below
    const isSame =
      known?.floor === floor &&
      known.roots.size === roots.size &&
      [...roots.keys()].every((digest) => known.roots.has(digest))
    const below = isSame ? known : { floor, roots, blocks: this.#closure(roots, floor) }
    this.#below = below
    const last = below.blocks.at(-1)
    const all = [...below.blocks, leader]
    return last === undefined || compareDagBlockRefs(last.ref, leader.ref) < 0 ? all : inOrder(all)
  }

  #closure(roots: ReadonlyMap<string, ObservedBlock>, floor: number): ReadonlyArray<ObservedBlock> {
    const out = new Map(roots)
    const open = [...roots.values()]
    for (let block = open.pop(); block !== undefined; block = open.pop()) {
      for (const one of this.#open(block, floor)) {
        if (out.has(one.ref.digest)) continue
        out.set(one.ref.digest, one)
        open.push(one)
      }
    }
    return inOrder(out.values())
  }
}
