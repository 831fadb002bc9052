/**
 * The part of the DAG that still matters: accepted blocks above the garbage collection round, and blocks that wait for
 * an ancestor. Pure bookkeeping; verification has happened before.
 */
import { compareDagBlockRefs, type DagBlockRef } from "@ephor/types"
import type { ObservedBlock } from "../BlockVerifier.ts"
import { Histories } from "./Histories.ts"

/** Bounds of a window. */
export interface WindowLimits {
  readonly gcDepth: number
  readonly maxSuspendedBlocks: number
}

interface Node {
  readonly block: ObservedBlock
  /** Index of the commit that holds it, or that came upon it; 0 while it is in none. */
  commit: number
  /** It came by itself and was verified, not only as part of a commit. */
  loose: boolean
  /** It was handed out as accepted before. */
  readonly again?: boolean
}

interface Suspended {
  readonly block: ObservedBlock
  missing: number
  readonly again: boolean
}

/** What is missing, and from which rounds on the block stream has to begin to bring it. */
export interface Repair {
  readonly refs: ReadonlyArray<DagBlockRef>
  readonly rounds: ReadonlyArray<number>
}

/** An ancestor that nobody has sent yet. */
interface Missing {
  readonly ref: DagBlockRef
  sinceMs: number
  readonly waiting: Set<string>
}

/** See the head of the file. */
export class DagWindow {
  readonly #limits: WindowLimits
  readonly #nodes = new Map<string, Node>()
  readonly #rounds = new Map<number, Array<Node>>()
  /** The first block of each author in a round: to compare two digests costs less than to look one up. */
  readonly #slots = new Map<number, Array<Node | undefined>>()
  readonly #suspended = new Map<string, Suspended>()
  readonly #missing = new Map<string, Missing>()
  readonly #highest: Array<number>
  readonly #histories = new Histories((block, floor) => this.#open(block, floor))
  #lowest = 1
  gcRound = 0

  constructor(committeeSize: number, limits: WindowLimits) {
    this.#limits = limits
    this.#highest = Array.from({ length: committeeSize }, () => 0)
  }

  get suspended(): number {
    return this.#suspended.size
  }

  /** Highest accepted round per author, never below the garbage collection round: where the block stream goes on. */
  rounds(): ReadonlyArray<number> {
    return this.#highest.map((round) => Math.max(round, this.gcRound))
  }

  /**
   * Ancestors missing since before `beforeMs`, lowest rounds first, and `rounds` lowered so far that they come again;
   * nothing if none is.
   */
  repair(beforeMs: number): Repair | undefined {
    const missing = [...this.#missing.values()].filter(({ sinceMs }) => sinceMs <= beforeMs)
    if (missing.length === 0) return undefined
    const refs = missing.map(({ ref }) => ref).sort(compareDagBlockRefs)
    const rounds = [...this.rounds()]
    for (const { author, round } of refs) rounds[author] = Math.min(rounds[author]!, round - 1)
    return { refs, rounds }
  }

  /** Whether a block is here only because an uncertified commit holds it. */
  isUnvouched(digest: string, certified: number): boolean {
    const node = this.#nodes.get(digest)
    return node !== undefined && !node.loose && node.commit > certified
  }

  knows(digest: string): boolean {
    return this.#nodes.has(digest) || this.#suspended.has(digest)
  }

  /** Takes a loose block. Returns what became accepted by it, ancestors first: nothing if it must wait, or is known. */
  accept(block: ObservedBlock, nowMs: number, again = false): ReadonlyArray<ObservedBlock> {
    const { digest, round } = block.ref
    const known = this.#nodes.get(digest)
    if (known !== undefined) known.loose = true
    if (round <= this.gcRound || this.knows(digest)) return []
    const missing = block.block.value.ancestors.filter((ref) => !this.#has(ref))
    if (missing.length === 0) return this.#admit({ block, commit: 0, loose: true })
    this.#suspended.set(digest, { block, missing: missing.length, again })
    const waitedFor = this.#missing.get(digest)
    if (waitedFor !== undefined) waitedFor.sinceMs = Number.POSITIVE_INFINITY
    for (const ref of missing) {
      const known = this.#missing.get(ref.digest)
      if (known !== undefined) known.waiting.add(digest)
      else {
        // An ancestor that waits here itself need not be asked for.
        const sinceMs = this.#suspended.has(ref.digest) ? Number.POSITIVE_INFINITY : nowMs
        this.#missing.set(ref.digest, { ref, sinceMs, waiting: new Set([digest]) })
      }
    }
    if (this.#suspended.size > this.#limits.maxSuspendedBlocks) this.#evict()
    return []
  }

  /** Takes the blocks of a commit, whose ancestors do not matter. Returns loose blocks that had waited for them. */
  acceptCommitted(blocks: ReadonlyArray<ObservedBlock>, commit: number): ReadonlyArray<ObservedBlock> {
    this.#histories.forget()
    return blocks.flatMap((block) => {
      const node = this.#nodes.get(block.ref.digest)
      if (node !== undefined) {
        node.commit = commit
        return []
      }
      if (block.ref.round < this.#lowest) return []
      this.#drop(block)
      return this.#admit({ block, commit, loose: false }).slice(1)
    })
  }

  #has(ref: DagBlockRef): boolean {
    return ref.round <= this.gcRound || ref.round === 0 || this.#find(ref) !== undefined
  }

  #find({ author, digest, round }: DagBlockRef): Node | undefined {
    const first = this.#slots.get(round)?.[author]
    return first?.block.ref.digest === digest ? first : this.#nodes.get(digest)
  }

  #place(node: Node): void {
    const { author, round } = node.block.ref
    if (author >= this.#highest.length) return
    const slots = this.#slots.get(round)
    if (slots === undefined) {
      const fresh: Array<Node | undefined> = Array.from({ length: this.#highest.length })
      fresh[author] = node
      this.#slots.set(round, fresh)
    } else slots[author] ??= node
  }

  #admit(first: Node): ReadonlyArray<ObservedBlock> {
    this.#histories.forget()
    const out: Array<ObservedBlock> = []
    const ready = [first]
    for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
      const { author, digest, round } = node.block.ref
      this.#nodes.set(digest, node)
      const held = this.#rounds.get(round)
      if (held === undefined) this.#rounds.set(round, [node])
      else held.push(node)
      this.#place(node)
      this.#reach(author, round)
      if (node.again !== true) out.push(node.block)
      ready.push(...this.#release(digest))
    }
    return out
  }

  #reach(author: number, round: number): void {
    const known = this.#highest[author]
    if (known !== undefined && known < round) this.#highest[author] = round
  }

  /** Blocks that waited for this ancestor only. */
  #release(digest: string): ReadonlyArray<Node> {
    const missing = this.#missing.get(digest)
    if (missing === undefined) return []
    this.#missing.delete(digest)
    return [...missing.waiting].flatMap((waiter) => {
      const suspended = this.#suspended.get(waiter)
      if (suspended === undefined || --suspended.missing > 0) return []
      this.#suspended.delete(waiter)
      return [{ block: suspended.block, commit: 0, loose: true, again: suspended.again }]
    })
  }

  /** Drops the suspended blocks of the highest rounds: they come again. */
  #evict(): void {
    const all = [...this.#suspended.values()].sort((a, b) => b.block.ref.round - a.block.ref.round)
    for (const { block } of all.slice(0, this.#suspended.size - this.#limits.maxSuspendedBlocks)) {
      this.#drop(block)
      // Whoever waits for it must have it asked for.
      const waitedFor = this.#missing.get(block.ref.digest)
      if (waitedFor !== undefined) waitedFor.sinceMs = Number.NEGATIVE_INFINITY
    }
  }

  /** Forgets a suspended block, and the ancestors that only it waited for. */
  #drop(block: ObservedBlock): void {
    if (!this.#suspended.delete(block.ref.digest)) return
    for (const { digest } of block.block.value.ancestors) {
      const missing = this.#missing.get(digest)
      if (missing?.waiting.delete(block.ref.digest) && missing.waiting.size === 0)
        this.#missing.delete(digest)
    }
  }

  /** Blocks that could lead the next commit: in no commit, above a round, lowest first. */
  *candidates(aboveRound: number): Generator<ObservedBlock> {
    // By the rounds that are here, not by counting up: a forged commit may have put any round in.
    for (const round of [...this.#rounds.keys()].sort((a, b) => a - b)) {
      if (round <= aboveRound) continue
      const nodes = this.#rounds.get(round)!.filter(({ commit }) => commit === 0)
      yield* nodes.map(({ block }) => block).sort((a, b) => compareDagBlockRefs(a.ref, b.ref))
    }
  }

  /** The causal history of a leader above a round that is in no commit yet, in commit order. */
  history(leader: ObservedBlock, aboveRound: number): ReadonlyArray<ObservedBlock> {
    return this.#histories.of(leader, Math.max(aboveRound, this.gcRound))
  }

  /** Ancestors of a block above a round that are in no commit yet. */
  #open({ block }: ObservedBlock, floor: number): ReadonlyArray<ObservedBlock> {
    const open: Array<ObservedBlock> = []
    for (const ref of block.value.ancestors) {
      const node = ref.round <= floor ? undefined : this.#find(ref)
      if (node !== undefined && node.commit === 0) open.push(node.block)
    }
    return open
  }

  /** Notes that blocks are in a commit. */
  commit(blocks: ReadonlyArray<ObservedBlock>, index: number): void {
    this.#histories.forget()
    for (const { ref } of blocks) {
      const node = this.#nodes.get(ref.digest)
      if (node !== undefined) node.commit = index
    }
  }

  /**
   * Takes back the commits after an index, which were never certified, with blocks that only they vouched for. Blocks
   * that rested upon those wait again.
   */
  uncommit(afterIndex: number): void {
    this.#histories.forget()
    this.#highest.fill(0)
    const orphans: Array<Node> = []
    for (const round of [...this.#rounds.keys()].sort((a, b) => a - b)) {
      const kept: Array<Node> = []
      for (const node of this.#rounds.get(round)!) {
        const { author, digest } = node.block.ref
        const certified = node.commit > 0 && node.commit <= afterIndex
        if (certified || (node.loose && this.#rests(node))) {
          if (!certified) node.commit = 0
          this.#reach(author, round)
          kept.push(node)
        } else {
          this.#nodes.delete(digest)
          if (node.loose) orphans.push(node)
        }
      }
      if (kept.length === 0) this.#rounds.delete(round)
      else this.#rounds.set(round, kept)
      this.#slots.delete(round)
      for (const node of kept) this.#place(node)
    }
    for (const { block } of orphans) this.accept(block, 0, true)
  }

  #rests({ block }: Node): boolean {
    return block.block.value.ancestors.every((ref) => this.#has(ref))
  }

  /** A leader was certified: forgets what fell out of the window. Returns blocks that no longer wait for it. */
  advance(leaderRound: number): ReadonlyArray<ObservedBlock> {
    this.gcRound = Math.max(this.gcRound, leaderRound - this.#limits.gcDepth)
    if (this.#lowest > this.gcRound) return []
    this.#histories.forget()
    for (; this.#lowest <= this.gcRound; this.#lowest++) {
      for (const { block } of this.#rounds.get(this.#lowest) ?? []) this.#nodes.delete(block.ref.digest)
      this.#rounds.delete(this.#lowest)
      this.#slots.delete(this.#lowest)
    }
    for (const { block } of this.#suspended.values()) if (block.ref.round <= this.gcRound) this.#drop(block)
    const gone = [...this.#missing.values()].filter(({ ref }) => ref.round <= this.gcRound)
    return gone.flatMap(({ ref }) => this.#release(ref.digest)).flatMap((node) => this.#admit(node))
  }
}
