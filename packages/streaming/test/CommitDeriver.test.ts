import { DevAuthors } from "@ephor/devchain"
import { assert, describe, it } from "@effect/vitest"
import * as Committee from "@ephor/chain/Committee"
import type { DagCommitRef, DagCommittee, Hash } from "@ephor/types"
import { Result } from "effect"
import { BlockVerifier, CommitDeriver } from "../src/index.ts"
import { CommitVotes } from "../src/commits/CommitVotes.ts"
import { DagWindow } from "../src/commits/DagWindow.ts"
import { dagOf, type Round } from "./dag.ts"

const equals = (size: number): DagCommittee =>
  Committee.committeeOf(DevAuthors.developmentAuthors("votes", size))
const digest = (n: number): Hash => `0x${n.toString(16).padStart(64, "0")}`
const vote = (index: number, of = index): DagCommitRef => ({ index, digest: digest(of) })
const opened = (bytes: Uint8Array) => Result.getOrThrow(BlockVerifier.open(bytes))
const blocksOf = (round: Round) => round.blocks.map(({ bytes }) => opened(bytes))

describe("CommitVotes", () => {
  it("the quorum index needs a quorum: one author can only raise its own column", () => {
    const votes = new CommitVotes(equals(4), 100, 0, 2)
    for (const [author, index] of [5, 6, 7, 8].entries()) votes.add(author, [vote(index)])
    assert.strictEqual(votes.voted, 6)
    const alone = new CommitVotes(equals(4), 100, 0, 2)
    alone.add(0, [vote(1_000_000)])
    assert.strictEqual(alone.voted, 0)
  })
  it("counts an author once, and its first vote only", () => {
    const votes = new CommitVotes(equals(4), 100, 0, 2)
    votes.add(0, [vote(1), vote(1, 9)])
    votes.add(0, [vote(1, 9)])
    votes.add(1, [vote(1, 9)])
    assert.deepStrictEqual([votes.supporters(1, digest(1)), votes.supporters(1, digest(9))], [[0], [1]])
    assert.isUndefined(votes.honest(1))
    votes.add(2, [vote(1, 9)])
    assert.strictEqual(votes.honest(1), digest(9))
  })
  it("keeps nothing below its window, and of what is above it the highest votes of each author", () => {
    const votes = new CommitVotes(equals(4), 10, 100, 2)
    votes.add(0, [vote(99), vote(113), vote(111), vote(112), vote(110)])
    votes.add(1, [vote(111)])
    assert.deepStrictEqual(
      [99, 110, 111, 112, 113].map((index) => votes.has(0, index)),
      [false, true, false, true, true]
    )
    assert.isTrue(votes.has(1, 111))
    votes.prune(111)
    assert.isFalse(votes.has(0, 110))
  })
  it("counts votes that came too early as soon as its window has come up to them", () => {
    const votes = new CommitVotes(equals(4), 10, 0, 2)
    for (const author of [0, 1, 2]) votes.add(author, [vote(20), vote(21)])
    assert.deepStrictEqual(votes.supporters(20, digest(20)), [])
    votes.prune(10)
    assert.deepStrictEqual(votes.supporters(20, digest(20)), [0, 1, 2])
    assert.deepStrictEqual(votes.supporters(21, digest(21)), [])
    votes.prune(11)
    assert.deepStrictEqual(votes.supporters(21, digest(21)), [0, 1, 2])
    assert.strictEqual(votes.honest(21), digest(21))
  })
})

describe("DagWindow", () => {
  const dag = dagOf(6)
  const rounds = dag.rounds.map(blocksOf)
  const make = (maxSuspendedBlocks = 100) => new DagWindow(4, { gcDepth: 60, maxSuspendedBlocks })
  const digests = (blocks: ReadonlyArray<BlockVerifier.ObservedBlock>) => blocks.map(({ ref }) => ref.digest)

  it("holds blocks back until their ancestors are here, and then lets them go in order", () => {
    const window = make()
    assert.deepStrictEqual(window.accept(rounds[1]![0]!, 0), [])
    assert.deepStrictEqual(window.accept(rounds[2]![0]!, 0), [])
    for (const block of rounds[0]!.slice(0, 3)) assert.deepStrictEqual(window.accept(block, 0), [block])
    const released = window.accept(rounds[0]![3]!, 0)
    // Round 3 also needs the other blocks of round 2.
    assert.deepStrictEqual(digests(released), digests([rounds[0]![3]!, rounds[1]![0]!]))
    for (const block of rounds[1]!.slice(1, 3)) window.accept(block, 0)
    assert.deepStrictEqual(
      digests(window.accept(rounds[1]![3]!, 0)),
      digests([rounds[1]![3]!, rounds[2]![0]!])
    )
    assert.strictEqual(window.suspended, 0)
  })
  it("asks again for what is missing, but not for what waits here itself", () => {
    const window = make()
    window.accept(rounds[1]![0]!, 100)
    for (const block of rounds[1]!.slice(1)) window.accept(block, 100)
    window.accept(rounds[2]![0]!, 100)
    assert.isUndefined(window.repair(99))
    const refs = rounds[0]!.map(({ ref }) => ref)
    assert.deepStrictEqual(window.repair(100), { refs, rounds: [0, 0, 0, 0] })
    for (const block of rounds[0]!) window.accept(block, 200)
    assert.isUndefined(window.repair(1000))
    assert.deepStrictEqual(window.rounds(), [3, 2, 2, 2])
  })
  it("over the cap it drops the highest rounds, which come again", () => {
    const window = make(4)
    for (const round of [1, 2, 3]) for (const block of rounds[round]!) window.accept(block, 0)
    assert.strictEqual(window.suspended, 4)
    assert.isFalse(window.knows(rounds[3]![0]!.ref.digest))
    assert.isTrue(window.knows(rounds[1]![0]!.ref.digest))
  })
  it("takes back blocks that only an uncertified commit vouched for", () => {
    const window = make()
    for (const block of rounds[0]!) window.accept(block, 0)
    window.acceptCommitted(rounds[4]!, 7)
    window.commit(rounds[0]!, 7)
    assert.deepStrictEqual(window.rounds(), [5, 5, 5, 5])
    window.uncommit(6)
    assert.deepStrictEqual(window.rounds(), [1, 1, 1, 1])
    assert.isFalse(window.knows(rounds[4]![0]!.ref.digest))
    assert.strictEqual(window.history(rounds[0]![0]!, 0).length, 1)
  })
  it("blocks that rested upon what is taken back wait again, and are not handed out twice", () => {
    const window = make()
    for (const block of rounds[0]!) window.accept(block, 0)
    window.acceptCommitted(rounds[1]!, 7)
    for (const block of rounds[2]!) assert.strictEqual(window.accept(block, 0).length, 1)
    window.uncommit(6)
    assert.strictEqual(window.suspended, 4)
    assert.deepStrictEqual(window.repair(0)?.rounds, [1, 1, 1, 1])
    const accepted = rounds[1]!.flatMap((block) => window.accept(block, 0))
    assert.deepStrictEqual(digests(accepted), digests(rounds[1]!))
    assert.deepStrictEqual([window.suspended, ...window.rounds()], [0, 3, 3, 3, 3])
  })
  it("forgets what fell below the garbage collection round, and whoever waited for it goes on", () => {
    const window = new DagWindow(4, { gcDepth: 2, maxSuspendedBlocks: 100 })
    for (const block of rounds[3]!) window.accept(block, 0)
    assert.strictEqual(window.suspended, 4)
    assert.deepStrictEqual(digests(window.advance(5)).toSorted(), digests(rounds[3]!).toSorted())
    assert.deepStrictEqual(window.accept(rounds[2]![0]!, 0), [])
    assert.deepStrictEqual(window.rounds(), [4, 4, 4, 4])
  })
})

describe("CommitDeriver", () => {
  const dag = dagOf(30)
  const make = (
    from: { readonly index: number; readonly digest?: Hash } = { index: 0 },
    maxCommitsAhead = 3200
  ) =>
    new CommitDeriver.CommitDeriver({
      committee: dag.committee,
      from,
      gcDepth: 60,
      maxSuspendedBlocks: 1000,
      maxCommitsAhead,
      maxVotesAhead: 100
    })
  const conclude = (deriver: CommitDeriver.CommitDeriver) => {
    const out = deriver.conclude()
    if (CommitDeriver.isFault(out)) throw new Error(out.why)
    return out.map(({ digest, index, origin }) => `${index} ${digest} ${origin}`)
  }
  const expected = (from: number, to: number, origin: string) =>
    dag.rounds.slice(from - 1, to).map((round) => `${round.commit.commitIndex} ${round.digest} ${origin}`)
  const stream = (deriver: CommitDeriver.CommitDeriver, from: number, to: number) => {
    for (const { commit } of dag.rounds.slice(from - 1, to)) {
      const out = deriver.addCommit(commit, commit.blocks.map(opened))
      if (CommitDeriver.isFault(out)) return out.why
    }
    return undefined
  }
  const loose = (deriver: CommitDeriver.CommitDeriver, round: Round) => {
    for (const block of blocksOf(round)) {
      deriver.addVotes(block)
      deriver.addBlock(block, 0)
    }
  }

  it("derives every commit from blocks alone, as soon as honest votes name it, and certifies it with a quorum", () => {
    const deriver = make()
    const out: Array<string> = []
    for (const round of dag.rounds) {
      loose(deriver, round)
      out.push(...conclude(deriver))
    }
    assert.deepStrictEqual(out, expected(1, 29, "blocks"))
    assert.strictEqual(deriver.voted, 29)
    assert.strictEqual(deriver.held, 0)
  })
  it("delivers streamed commits only once a quorum has voted, and asks for no more signatures than that takes", () => {
    const deriver = make()
    stream(deriver, 1, 20)
    assert.deepStrictEqual(conclude(deriver), [])
    const wanted = deriver.wanted()
    assert.strictEqual(wanted.length, 3)
    for (const block of wanted.slice(0, 2)) deriver.addVotes(block)
    assert.deepStrictEqual(conclude(deriver), [])
    deriver.addVotes(wanted[2]!)
    const out = conclude(deriver)
    assert.deepStrictEqual(out, expected(1, out.length, "commits"))
    assert.isAtLeast(out.length, 17)
    assert.deepStrictEqual(deriver.certified, {
      index: out.length,
      digest: dag.rounds[out.length - 1]!.digest
    })
  })
  it("votes that came more commits early than are kept ahead certify the tip when it is reached", () => {
    const deriver = make({ index: 0 }, 5)
    for (const round of dag.rounds.slice(28)) loose(deriver, round)
    const out: Array<string> = []
    for (const { commit } of dag.rounds.slice(0, 29)) {
      assert.isFalse(CommitDeriver.isFault(deriver.addCommit(commit, commit.blocks.map(opened))))
      for (const block of deriver.wanted()) deriver.addVotes(block)
      out.push(...conclude(deriver))
    }
    assert.deepStrictEqual(out, expected(1, 29, "commits"))
  })
  it("goes over from commits to blocks without a gap", () => {
    const deriver = make()
    stream(deriver, 1, 20)
    for (const block of deriver.wanted()) deriver.addVotes(block)
    const out = conclude(deriver)
    for (const round of dag.rounds.slice(15)) {
      loose(deriver, round)
      out.push(...conclude(deriver))
    }
    assert.deepStrictEqual(out, [...expected(1, 20, "commits"), ...expected(21, 29, "blocks")])
  })
  it("the same commit twice is ignored, another of the same index is a fork", () => {
    const deriver = make()
    stream(deriver, 1, 3)
    assert.isUndefined(stream(deriver, 2, 3))
    const { commit } = dag.rounds[1]!
    const fork = deriver.addCommit({ ...commit, timestampMs: 1 }, commit.blocks.map(opened))
    assert.deepStrictEqual(fork, { why: "two commits 2" })
  })
  it("refuses gaps, disorder, and a leader that is not there", () => {
    assert.strictEqual(stream(make(), 2, 2), "commit 2 came where commit 1 belongs")
    const { commit } = dag.rounds[2]!
    const deriver = make({ index: 2, digest: dag.rounds[1]!.digest })
    const blocks = commit.blocks.map(opened)
    assert.deepStrictEqual(deriver.addCommit(commit, blocks.toReversed()), {
      why: "the blocks of commit 3 are not in order at position 1"
    })
    assert.deepStrictEqual(deriver.addCommit(commit, blocks.slice(0, -1)), {
      why: "the leader of commit 3 is not among its blocks"
    })
  })
  it("honest votes for another digest prove a chain forged", () => {
    const deriver = make()
    const { commit } = dag.rounds[0]!
    deriver.addCommit({ ...commit, timestampMs: 1 }, commit.blocks.map(opened))
    for (const round of dag.rounds.slice(0, 2)) loose(deriver, round)
    const out = deriver.conclude()
    assert.isTrue(
      CommitDeriver.isFault(out) && out.why.includes(`the committee voted for ${dag.rounds[0]!.digest}`)
    )
    deriver.rollback()
    loose(deriver, dag.rounds[2]!)
    assert.deepStrictEqual(conclude(deriver), expected(1, 2, "blocks"))
  })
  it("without a digest to start from it learns it from votes", () => {
    const deriver = make({ index: 10 })
    assert.isUndefined(stream(deriver, 11, 20))
    assert.strictEqual(deriver.next, 20)
    assert.strictEqual(deriver.head, 10)
    const wanted = deriver.wanted()
    assert.strictEqual(wanted.length, 4)
    for (const block of wanted) deriver.addVotes(block)
    const out = conclude(deriver)
    for (const block of deriver.wanted()) deriver.addVotes(block)
    out.push(...conclude(deriver))
    assert.deepStrictEqual(out.slice(0, 6), expected(11, 16, "commits"))
  })
})
