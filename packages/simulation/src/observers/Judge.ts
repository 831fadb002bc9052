/**
 * What must hold for every observer, checked at every delivery (the invariants of the observer protocol, I1 to I10).
 */
import type { BlockVerifier } from "@ephor/streaming"
import { type CommittedSubDag, quorumStake } from "@ephor/types"
import { Result } from "effect"
import type { Response, Way } from "./Link.ts"
import { responsesUnderWay } from "./Link.ts"
import type { Truth } from "./Truth.ts"

/** The names of the invariants, as reports show them. */
export type Invariant =
  /** Every commit once, in order, whatever befalls. */
  | "I1"
  /** All observers have the same bytes. */
  | "I2"
  /** No command twice without its opposite, but a repeated start. */
  | "I3"
  /** The queue of blocks is bounded. */
  | "I4"
  /** Modes change along the table. */
  | "I5"
  /** Between the thresholds nothing changes. */
  | "I6"
  /** What a publisher keeps is bounded. */
  | "I7"
  /** Blocks are the committee's; a quorum that was heard of has voted for each commit. */
  | "I8"
  /** When faults end, everybody comes to the tip by blocks alone. */
  | "I9"
  /** After a stop only what was under way arrives. */
  | "I10"
  /** Nobody gives up, and no two relays feed each other for long. */
  | "alive"

/** An invariant that does not hold. */
export interface Violation {
  readonly invariant: Invariant
  readonly message: string
}

/** The first violation of a run, and how often each invariant was looked at. */
export class Judge {
  readonly truth: Truth
  readonly checks = new Map<Invariant, number>()
  violation: Violation | undefined

  constructor(truth: Truth) {
    this.truth = truth
  }

  /** Counts a check; remembers the first one that fails. */
  check(invariant: Invariant, holds: boolean, message: () => string): void {
    this.checks.set(invariant, (this.checks.get(invariant) ?? 0) + 1)
    if (!holds) this.violation ??= { invariant, message: message() }
  }
}

const sameBytes = (left: Uint8Array, right: Uint8Array): boolean =>
  left === right || Buffer.compare(left, right) === 0

const allowed: ReadonlySet<string> = new Set([
  "BlocksOnly CommitsOnly",
  "CommitsOnly Overlap",
  "Overlap BlocksOnly",
  "Overlap CommitsOnly"
])

/** Bounds that an observer was given. */
export interface Bounds {
  readonly pauseBlocksQueueSize: number
  readonly maxSuspendedBlocks: number
}

/** What one observer was given to see, over all its lives. */
export class Account {
  readonly name: string
  readonly #judge: Judge
  readonly #bounds: Bounds
  readonly #open: BlockVerifier.Service["open"]
  /** Highest index that each author voted for in a genuine block that has arrived here. */
  readonly #votes: Array<number>
  readonly #commands = new Map<string, string>()
  #blocks = new Set<string>()
  #largestBatch = 1
  #mode: string | undefined
  /** Index of the last commit that was delivered. */
  delivered = 0
  modeChanges = 0

  constructor(name: string, judge: Judge, bounds: Bounds, open: BlockVerifier.Service["open"]) {
    this.name = name
    this.#judge = judge
    this.#bounds = bounds
    this.#open = open
    this.#votes = judge.truth.committee.authorities.map(() => 0)
  }

  #check(invariant: Invariant, holds: boolean, message: () => string): void {
    this.#judge.check(invariant, holds, () => `${this.name}: ${message()}`)
  }

  /** A new life: what was said to publishers, and which blocks were seen, begins anew; commits go on. */
  born(): void {
    this.#commands.clear()
    this.#blocks = new Set()
    this.#mode = undefined
  }

  /** A command went out. */
  sent(link: string, way: Way, session: number, command: "Start" | "Stop"): void {
    const key = `${link} ${way} ${session}`
    const last = this.#commands.get(key)
    this.#commands.set(key, command)
    this.#check(
      "I3",
      command === "Start" || last === "Start",
      () => `${command} on ${key} after ${last ?? "nothing"}`
    )
  }

  /** A publisher handed over responses for here. */
  left(link: string, way: Way, afterStop: number, underWay: number): void {
    this.#check(
      "I10",
      afterStop <= 1,
      () => `${link}: ${way} were handed over ${afterStop} times after a stop`
    )
    this.#check("I10", underWay <= responsesUnderWay, () => `${link}: ${underWay} ${way} responses under way`)
  }

  /** A response came in, genuine or not. */
  arrived(response: Response): void {
    if ("blocks" in response) {
      this.#largestBatch = Math.max(this.#largestBatch, response.blocks.length)
      for (const bytes of response.blocks) this.#hear(bytes)
    } else {
      for (const { blocks } of response.commits) for (const bytes of blocks) this.#hear(bytes)
      for (const bytes of response.certifierBlocks ?? []) this.#hear(bytes)
    }
  }

  #hear(bytes: Uint8Array): void {
    const opened = this.#open(bytes)
    if (Result.isFailure(opened) || !this.#judge.truth.signed(opened.success.ref.digest)) return
    const { author, commitVotes } = opened.success.block.value
    this.#votes[author] = Math.max(this.#votes[author] ?? 0, commitVotes.at(-1)?.index ?? 0)
  }

  /** The highest commit that a quorum of the votes heard so far is for. */
  get certifiable(): number {
    const { committee } = this.#judge.truth
    const columns = this.#votes.map((index, author) => ({
      index,
      stake: committee.authorities[author]!.stake
    }))
    columns.sort((a, b) => b.index - a.index)
    let stake = 0
    for (const column of columns) {
      stake += column.stake
      if (stake >= quorumStake(committee)) return column.index
    }
    return 0
  }

  /** A commit was handed to the application. */
  commit(commit: CommittedSubDag, digest?: string): void {
    const { commitIndex } = commit
    this.#check(
      "I1",
      commitIndex === this.delivered + 1,
      () => `commit ${commitIndex} was delivered after commit ${this.delivered}`
    )
    const real = this.#judge.truth.round(commitIndex)
    const same =
      (digest === undefined || digest === real.digest) &&
      commit.timestampMs === real.commit.timestampMs &&
      commit.leader.digest === real.commit.leader.digest &&
      commit.blocks.length === real.commit.blocks.length &&
      commit.blocks.every((bytes, i) => sameBytes(bytes, real.commit.blocks[i]!))
    this.#check("I2", same, () => `commit ${commitIndex} is not the one that the committee made`)
    this.#check(
      "I8",
      this.certifiable >= commitIndex,
      () => `commit ${commitIndex} was delivered, votes are known up to ${this.certifiable}`
    )
    this.delivered = Math.max(this.delivered, commitIndex)
  }

  /** A loose block was handed to the application, or published. */
  block(digest: string, bytes: Uint8Array): void {
    const opened = this.#open(bytes)
    const genuine = Result.isSuccess(opened) && opened.success.ref.digest === digest
    this.#check(
      "I8",
      genuine && this.#judge.truth.signed(digest),
      () => `block ${digest} is not the committee's`
    )
    this.#check("I1", !this.#blocks.has(digest), () => `block ${digest} was delivered twice`)
    this.#blocks.add(digest)
  }

  /** How many blocks wait for the application. */
  queue(length: number): void {
    const { maxSuspendedBlocks, pauseBlocksQueueSize } = this.#bounds
    const bound = pauseBlocksQueueSize + (responsesUnderWay + 1) * this.#largestBatch + maxSuspendedBlocks
    this.#check("I4", length <= bound, () => `${length} blocks wait, ${bound} may`)
  }

  /** The mode changed. */
  mode(mode: string): void {
    if (this.#mode !== undefined && this.#mode !== mode) {
      const change = `${this.#mode} ${mode}`
      this.modeChanges++
      this.#check("I5", allowed.has(change), () => `the mode went from ${change}`)
    }
    this.#mode = mode
  }
}
