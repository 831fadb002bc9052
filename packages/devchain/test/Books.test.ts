import { assert, describe, it } from "@effect/vitest"
import { blake2b256, type InherentData, Scale } from "@ephor/types"
import * as Manifest from "@ephor/store/Manifest"
import { standIn } from "../src/authoring/Inherents.ts"
import * as DevExecution from "../src/DevExecution.ts"
import * as DevRuntime from "../src/DevRuntime.ts"
import * as Answers from "../src/DevRuntimeApi.ts"
import { family } from "../src/DevRuntimeStore.ts"
import * as Books from "../src/runtime/Books.ts"
import { states } from "../src/runtime/StateStore.ts"
import * as Relay from "./support/relay.ts"

const { options } = Relay
const whole = options.stake

/** Offences as [block, session, validator, perbill]. */
type Row = readonly [block: number, session: number, validator: number, perbill: number]
const after = (rows: ReadonlyArray<Row>, known = options) =>
  rows.reduce(
    (books, [number, session, validatorIndex, perbill]) =>
      Books.penalise(known, books, { session, validatorIndex, perbill }, number),
    Books.empty
  )
const lost = (books: Books.Books, validator: number) =>
  whole - Books.standingOf(options, books, validator).stake

describe("what an offence costs", () => {
  const percent = whole / 100n
  const table: ReadonlyArray<
    readonly [name: string, rows: ReadonlyArray<Row>, lost: bigint, slashes: number]
  > = [
    ["a part of the stake", [[5, 0, 1, 2e7]], 2n * percent, 1],
    ["all of it", [[5, 0, 1, 1e9]], whole, 1],
    ["nothing, where it costs nothing", [[5, 0, 1, 0]], 0n, 0],
    [
      "once for a session, however often it is told",
      [
        [5, 0, 1, 2e7],
        [6, 0, 1, 2e7],
        [7, 0, 1, 2e7]
      ],
      2n * percent,
      1
    ],
    [
      "no more than the greatest of a session",
      [
        [5, 0, 1, 2e7],
        [6, 0, 1, 5e8],
        [7, 0, 1, 2e7]
      ],
      50n * percent,
      2
    ],
    [
      "again in another session, of what is left",
      [
        [5, 0, 1, 5e8],
        [105, 1, 1, 5e8]
      ],
      75n * percent,
      2
    ],
    [
      "never more than there is",
      [
        [5, 0, 1, 1e9],
        [105, 1, 1, 1e9]
      ],
      whole,
      2
    ],
    ["nothing to others", [[5, 0, 2, 1e9]], 0n, 0]
  ]
  for (const [name, rows, expected, slashes] of table) {
    it(name, () => {
      const books = after(rows)
      assert.strictEqual(lost(books, 1), expected)
      assert.strictEqual(Books.standingOf(options, books, 1).slashes, slashes)
    })
  }
})

describe("who is disabled", () => {
  // Six validators tolerate one: it takes seven for two.
  const seven = { ...options, validators: [...options.validators, `0x${"07".repeat(32)}` as const] }
  const table: ReadonlyArray<
    readonly [name: string, rows: ReadonlyArray<Row>, session: number, disabled: ReadonlyArray<number>]
  > = [
    ["nobody in the beginning", [], 0, []],
    ["who loses half", [[5, 0, 1, 5e8]], 0, [1]],
    ["who loses all", [[5, 0, 1, 1e9]], 0, [1]],
    ["nobody who loses less than half", [[5, 0, 1, 499_999_999]], 0, []],
    ["not in the session after", [[5, 0, 1, 1e9]], 1, []],
    ["not in the session before", [[105, 1, 1, 1e9]], 0, []],
    ["from the next block on, which may be of the next session", [[99, 0, 1, 1e9]], 1, [1]],
    ["for what it did in the session before, too", [[105, 0, 1, 1e9]], 1, [1]],
    [
      "two of seven",
      [
        [5, 0, 4, 1e9],
        [5, 0, 1, 1e9]
      ],
      0,
      [1, 4]
    ],
    [
      "no third one: the first stay",
      [
        [5, 0, 4, 1e9],
        [6, 0, 1, 1e9],
        [7, 0, 0, 1e9]
      ],
      0,
      [1, 4]
    ],
    [
      "a third one who lost more than the others",
      [
        [5, 0, 4, 5e8],
        [6, 0, 1, 5e8],
        [7, 0, 6, 1e9]
      ],
      0,
      [4, 6]
    ]
  ]
  for (const [name, rows, session, disabled] of table) {
    it(name, () => assert.deepStrictEqual(Books.disabledIn(seven, after(rows, seven), session), disabled))
  }

  it("is counted once for a session, and not beyond the limit", () => {
    const books = after(
      [
        [5, 0, 4, 5e8],
        [6, 0, 4, 1e9],
        [7, 0, 1, 1e9],
        [8, 0, 0, 5e8],
        [105, 1, 4, 1e9]
      ],
      seven
    )
    assert.deepStrictEqual(
      [4, 1, 0].map((validator) => Books.standingOf(seven, books, validator).disablings),
      [2, 1, 0]
    )
  })

  const places: ReadonlyArray<readonly [leader: number, disabled: ReadonlyArray<number>, author: number]> = [
    [1, [], 1],
    [1, [1], 2],
    [3, [3, 0], 1],
    [2, [0, 1, 2, 3], 2]
  ]
  for (const [leader, disabled, author] of places) {
    it(`has author ${author} provide for leader ${leader} without ${disabled.join()}`, () =>
      assert.strictEqual(standIn(leader, 4, disabled), author))
  }
})

const signer = Relay.plainSignatures(options.validators)
const context: DevRuntime.Context = { options, verify: signer.verify, isRejected: () => false }
const genesis = DevRuntime.genesisState(options, DevExecution.genesis({ chainId: "1", timestamp: 0 }))

const block = (
  state: DevRuntime.RuntimeState,
  inherent: Partial<InherentData> = {},
  known = options
): DevRuntime.RuntimeState => {
  const number = DevRuntime.blockOf(state).number + 1
  const id = { hash: blake2b256(Relay.text(`block ${number}`)), number }
  const none = { bitfields: [], backedCandidates: [], disputes: [] }
  const { state: next } = DevRuntime.apply({ ...context, options: known }, state, { ...none, ...inherent })
  return DevRuntime.seal(known, next, {
    ref: {
      ...id,
      parentHash: DevRuntime.blockOf(state).hash,
      timestamp: number,
      l1origin: id,
      sequenceNumber: 0
    },
    output: { stateRoot: id.hash, messagePasserStorageRoot: id.hash, blockHash: id.hash }
  })
}
const bad = `0x${"ba".repeat(32)}` as const
const votes = (
  invalid: ReadonlyArray<number>,
  valid: ReadonlyArray<number> = [0],
  approving: ReadonlyArray<number> = []
) => ({
  disputes: [Relay.disputeSet(signer, bad, 0, { valid, invalid, approving })]
})
const backedBy = (state: DevRuntime.RuntimeState, members: ReadonlyArray<number>) => ({
  backedCandidates: [Relay.backed(options, state, signer, Relay.candidate(options, state, "head"), members)]
})

describe("a verdict in a block", () => {
  const one = block(genesis)
  const judged = block(one, votes([1, 2, 3, 4, 5]))
  const told = (state: DevRuntime.RuntimeState) =>
    Answers.standings(options, state).map(({ rewards, slashes }) => [slashes, rewards])

  it("takes from who backed the candidate; rewards are for those who ask with proof", () => {
    assert.deepStrictEqual(told(judged), [[1, 0], ...Array.from({ length: 5 }, () => [0, 0])])
    assert.strictEqual(Answers.standings(options, judged)[0]!.stake, 0n)
    assert.strictEqual(Answers.standings(options, judged)[1]!.stake, whole)
    assert.strictEqual(Answers.standings(options, one)[0]!.stake, whole)
  })

  it("takes nothing while nothing is decided", () => {
    const open = block(one, votes([2, 3, 4, 5]))
    const nothing = Array.from({ length: 6 }, () => [0, 0])
    assert.deepStrictEqual(told(open), nothing)
    assert.strictEqual(told(block(open, votes([0])))[0]![0], 1)
  })

  it("takes nothing twice for further votes, blocks and disputes of the session", () => {
    const late = block(judged, votes([], [1]))
    assert.deepStrictEqual(Answers.disabledValidators(options, late), [0])
    const other = Relay.disputeSet(signer, `0x${"bb".repeat(32)}`, 0, {
      valid: [0],
      invalid: [2, 3, 4, 5, 1]
    })
    const again = block(judged, { disputes: [other] })
    assert.strictEqual(told(again)[0]![0], 1)
    assert.strictEqual(again.slashes.length, 2)
  })

  it("disables from the next block on, until the session is over", () => {
    const short = { ...options, sessionLengthBlocks: 6 }
    let state = block(block(genesis, {}, short), votes([1, 2, 3, 4, 5]), short)
    const seen: Array<ReadonlyArray<number>> = []
    for (; DevRuntime.blockOf(state).number < 7; state = block(state, {}, short))
      seen.push(Answers.disabledValidators(short, state))
    // Asked at block 5, the child is of the next session.
    assert.deepStrictEqual(seen, [[0], [0], [0], [], []])
  })

  it("counts no backing vote of who is disabled", () => {
    const two = block(judged)
    const names = (state: DevRuntime.RuntimeState) => state.events.map(({ _tag }) => _tag)
    assert.deepStrictEqual(names(block(two, backedBy(two, [0, 1]))), [])
    assert.deepStrictEqual(names(block(two, backedBy(two, [1, 2]))), ["CandidateBacked"])
    const three = block(two, backedBy(two, [0, 1, 2]))
    assert.deepStrictEqual(
      three.votes.backingValidatorsPerCandidate[0]![1].map(([validator]) => validator),
      [1, 2]
    )
    // The block of the verdict itself is still made with it.
    const both = block(one, { ...votes([1, 2, 3, 4, 5]), ...backedBy(one, [0, 1]) })
    assert.deepStrictEqual(names(both), ["CandidateBacked"])
  })

  it("is forgotten with the dispute, but not what it cost", () => {
    const short = { ...options, sessionLengthBlocks: 1, disputePeriod: 2 }
    let state: DevRuntime.RuntimeState = {
      ...genesis,
      ...Books.settle(short, Books.empty, judged.slashes, 1)
    }
    const dispute = { session: 0, candidateHash: bad }
    state = { ...state, ...Books.reward(short, state, dispute, 1) }
    assert.strictEqual(state.penalties.length + state.rewarded.length, 2)
    for (let number = 1; number <= 4; number++) state = block(state, {}, short)
    assert.strictEqual(state.penalties.length + state.rewarded.length, 0)
    assert.strictEqual(Answers.standings(short, state)[0]!.stake, 0n)
  })
})

describe("states of version 1", () => {
  it("are read as states in which nothing was taken yet", () => {
    const state = block(genesis)
    const now = Scale.encode(DevRuntime.RuntimeState)(state)
    const key = states.key([1, DevRuntime.blockOf(state).hash])
    const [migration] = family.migrations
    const [write] = migration!.migrate({ key, value: now.slice(0, -3) })
    assert.isTrue(write?._tag === "Put")
    if (write?._tag === "Put") assert.deepStrictEqual(states.read(write)[1], state)
    assert.deepStrictEqual(migration!.migrate({ key: new Uint8Array(4), value: now }), [])
    const plan = Manifest.plan(
      { format: Manifest.format, families: { [family.name]: 1 } },
      { program: "test", release: "1", families: [family] }
    )
    assert.strictEqual(plan._tag, "Success")
  })
})
