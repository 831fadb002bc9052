import { assert, describe, it } from "@effect/vitest"
import { blake2b256, type InherentData, Scale } from "@ephor/types"
import * as DevExecution from "../src/DevExecution.ts"
import * as DevRuntime from "../src/DevRuntime.ts"
import * as Answers from "../src/DevRuntimeApi.ts"
import * as Slash from "@ephor/chain/Slash"
import * as Relay from "./support/relay.ts"

const { options } = Relay
const signer = Relay.plainSignatures(options.validators)
const context: DevRuntime.Context = { options, verify: signer.verify, isRejected: () => false }
const genesis = DevRuntime.genesisState(options, DevExecution.genesis({ chainId: "1", timestamp: 0 }))

/** A block after `state` with an inherent; its hash depends on its number and a salt. */
const block = (
  state: DevRuntime.RuntimeState,
  inherent: Partial<InherentData> = {},
  { salt = "", ...other }: Partial<DevRuntime.Context> & { readonly salt?: string } = {}
): DevRuntime.RuntimeState => {
  const number = DevRuntime.blockOf(state).number + 1
  const hash = blake2b256(Relay.text(`block ${number} ${salt}`))
  const applied = DevRuntime.apply({ ...context, ...other }, state, {
    bitfields: [],
    backedCandidates: [],
    disputes: [],
    ...inherent
  })
  const id = { hash, number }
  return DevRuntime.seal(options, applied.state, {
    ref: {
      ...id,
      parentHash: DevRuntime.blockOf(state).hash,
      timestamp: number,
      l1origin: id,
      sequenceNumber: 0
    },
    output: { stateRoot: hash, messagePasserStorageRoot: hash, blockHash: hash }
  })
}

const back = (
  state: DevRuntime.RuntimeState,
  receipt = Relay.candidate(options, state, "head 1"),
  members: ReadonlyArray<number> = [0, 1]
) => ({ backedCandidates: [Relay.backed(options, state, signer, receipt, members)] })
const bitfields = (state: DevRuntime.RuntimeState, validators: ReadonlyArray<number>) => ({
  bitfields: validators.map((validator) => Relay.bitfield(options, state, signer, validator))
})
const names = (state: DevRuntime.RuntimeState) => state.events.map(({ _tag }) => _tag)
const head = (state: DevRuntime.RuntimeState) => new TextDecoder().decode(state.paras[0]!.head)

describe("backing", () => {
  const one = block(genesis)

  it("takes the core, tells so, and names the backers", () => {
    const two = block(one, back(one))
    assert.deepStrictEqual(names(two), ["CandidateBacked"])
    assert.strictEqual(head(two), "head 0")
    const [core, free] = Answers.availabilityCores(options, two)
    assert.isTrue(core?._tag === "Occupied" && core.value.occupiedSince === 2 && core.value.timeOutAt === 5)
    assert.strictEqual(free?._tag, "Free")
    const [, votes] = two.votes.backingValidatorsPerCandidate[0]!
    assert.deepStrictEqual(
      votes.map(([validator, { _tag }]) => [validator, _tag]),
      [
        [0, "Implicit"],
        [1, "Explicit"]
      ]
    )
  })

  const refusals: ReadonlyArray<readonly [why: string, inherent: Partial<InherentData>]> = [
    ["one vote of two", back(one, undefined, [0])],
    [
      "another head",
      back(one, Relay.candidate(options, one, "head 1", { parentHead: Relay.text("elsewhere") }))
    ],
    ["a relay parent that is not there", back(block(genesis, {}, { salt: "fork" }))],
    [
      "a vote without signature",
      {
        backedCandidates: back(one).backedCandidates.map((backed) => ({
          ...backed,
          validityVotes: backed.validityVotes.map((vote) => ({
            ...vote,
            value: `0x${"00".repeat(64)}` as const
          }))
        }))
      }
    ],
    [
      "more votes than bits",
      {
        backedCandidates: back(one).backedCandidates.map((backed) => ({ ...backed, validatorIndices: "100" }))
      }
    ],
    [
      "another core index",
      {
        backedCandidates: back(one).backedCandidates.map((backed) => ({
          ...backed,
          validatorIndices: "11010000000"
        }))
      }
    ],
    [
      "bits of another length",
      {
        backedCandidates: back(one).backedCandidates.map((backed) => ({ ...backed, validatorIndices: "11" }))
      }
    ]
  ]
  it("takes bits beyond the last vote for nothing, as check_candidate_backing of polkadot-primitives does", () => {
    const backedCandidates = back(one).backedCandidates.map((backed) => ({
      ...backed,
      validatorIndices: "111"
    }))
    assert.deepStrictEqual(names(block(one, { backedCandidates })), ["CandidateBacked"])
  })
  for (const [why, inherent] of refusals) {
    it(`refuses ${why}`, () => assert.deepStrictEqual(names(block(one, inherent)), []))
  }

  it("accepts a relay parent within the allowed ancestry, and none beyond", () => {
    const receipt = Relay.candidate(options, one, "head 1")
    const late = { backedCandidates: [Relay.backed(options, one, signer, receipt, [0, 1])] }
    const three = block(block(one))
    assert.deepStrictEqual(names(block(three, late)), ["CandidateBacked"])
    assert.deepStrictEqual(names(block(block(three), late)), [])
  })

  it("never backs a rejected candidate", () => {
    const receipt = Relay.candidate(options, one, "head 1")
    const isRejected = (hash: string) => hash === Relay.hashOf(receipt)
    assert.deepStrictEqual(names(block(one, back(one, receipt), { isRejected })), [])
    assert.deepStrictEqual(names(block(one, back(one), { isRejected: () => false })), ["CandidateBacked"])
  })

  it("gives the core to one candidate of a block only", () => {
    const two = [
      back(one).backedCandidates[0]!,
      back(one, Relay.candidate(options, one, "other")).backedCandidates[0]!
    ]
    const applied = DevRuntime.apply(context, one, { bitfields: [], disputes: [], backedCandidates: two })
    assert.deepStrictEqual(applied.accepted.backedCandidates, two.slice(0, 1))
  })

  it("moves groups over cores", () => {
    const rotating = { ...options, groupRotationFrequency: 1 }
    const backedBy = (state: DevRuntime.RuntimeState) => {
      const inherent = {
        backedCandidates: [
          Relay.backed(rotating, state, signer, Relay.candidate(rotating, state, "x"), [0, 1])
        ]
      }
      const next = block(state, inherent, { options: rotating })
      return next.votes.backingValidatorsPerCandidate[0]![1].map(([validator]) => validator)
    }
    assert.deepStrictEqual(
      [backedBy(one), backedBy(block(one))],
      [
        [0, 1],
        [3, 4]
      ]
    )
  })
})

describe("availability", () => {
  const one = block(genesis)
  const two = block(one, back(one))

  it("includes at two thirds, not below, and moves the head", () => {
    const few = block(two, bitfields(two, [0, 1, 2]))
    assert.deepStrictEqual([names(few), head(few)], [[], "head 0"])
    const more = block(few, bitfields(few, [5]))
    assert.deepStrictEqual([names(more), head(more)], [["CandidateIncluded"], "head 1"])
    assert.strictEqual(Answers.availabilityCores(options, more)[0]?._tag, "Scheduled")
  })

  it("includes and backs the next candidate in one block", () => {
    const receipt = Relay.candidate(options, two, "head 2")
    const next = block(two, { ...bitfields(two, [0, 1, 2, 3]), ...back(two, receipt) })
    assert.deepStrictEqual(names(next), ["CandidateIncluded", "CandidateBacked"])
  })

  it("counts a validator once, and only its own signature", () => {
    const forged = { ...Relay.bitfield(options, two, signer, 3), validatorIndex: 2 }
    const inherent = { bitfields: [...bitfields(two, [0, 0, 1]).bitfields, forged] }
    const next = block(two, inherent)
    assert.strictEqual(next.cores[0]?.availability, "110000")
  })

  it("refuses bits on cores that are not occupied, and bitfields for another block", () => {
    const odd = Relay.bitfield(options, two, signer, 0, "11")
    const stale = Relay.bitfield(options, one, signer, 1)
    assert.strictEqual(block(two, { bitfields: [odd, stale] }).cores[0]?.availability, "000000")
  })

  it("times out, and the parachain stays where it was", () => {
    const late = block(block(block(two)))
    assert.deepStrictEqual([names(late), head(late)], [["CandidateTimedOut"], "head 0"])
    assert.isNull(late.cores[0])
  })

  it("takes new code when the candidate that brings it is included", () => {
    const newCode = Relay.text("new code")
    const receipt = Relay.candidate(options, one, "head 1", { code: newCode })
    const applied = DevRuntime.apply(context, one, { bitfields: [], disputes: [], ...back(one, receipt) })
    assert.deepStrictEqual(applied.codes, [newCode])
    const upgrading = block(one, back(one, receipt))
    const done = block(upgrading, bitfields(upgrading, [0, 1, 2, 3]))
    assert.strictEqual(Answers.validationCodeHashOf(done, 1000), blake2b256(newCode))
  })
})

describe("sessions", () => {
  const short = { ...options, sessionLengthBlocks: 2 }
  it("frees cores and relay parents at the border", () => {
    const two = block(block(genesis, {}, { options: short }), {}, { options: short })
    assert.strictEqual(Answers.sessionIndexForChild(short, two), 1)
    const backed = block(
      two,
      { backedCandidates: [Relay.backed(short, two, signer, Relay.candidate(short, two, "x"), [0, 1])] },
      { options: short }
    )
    assert.isNotNull(backed.cores[0])
    assert.isNull(block(backed, {}, { options: short }).cores[0])
  })

  it("knows sessions as long as their disputes, and none from the future", () => {
    const far: DevRuntime.RuntimeState = {
      ...genesis,
      ancestry: [{ hash: `0x${"01".repeat(32)}`, number: 1000, stateRoot: `0x${"01".repeat(32)}` }]
    }
    assert.deepStrictEqual(
      [3, 4, 10, 11].map((session) => Answers.sessionInfo(options, far, session) !== undefined),
      [false, true, true, false]
    )
  })
})

describe("disputes", () => {
  const one = block(genesis)
  const receipt = Relay.candidate(options, one, "bad")
  const hash = Relay.hashOf(receipt)
  const two = block(one, back(one, receipt))
  const set = (
    valid: ReadonlyArray<number>,
    invalid: ReadonlyArray<number>,
    approving: ReadonlyArray<number> = []
  ) => ({
    disputes: [Relay.disputeSet(signer, hash, 0, { valid, invalid, approving })]
  })

  it("records votes of both sides and concludes by supermajority", () => {
    const open = block(two, set([0], [2]))
    assert.deepStrictEqual(Answers.disputes(open), [
      {
        session: 0,
        candidateHash: hash,
        state: { validatorsFor: "100000", validatorsAgainst: "001000", start: 3, concludedAt: null }
      }
    ])
    assert.isNotNull(open.cores[0])
    const concluded = block(open, set([], [3, 4, 5, 1]))
    assert.strictEqual(concluded.disputes[0]?.state.concludedAt, 4)
    assert.isNull(concluded.cores[0])
    assert.deepStrictEqual(names(block(concluded, back(concluded, receipt))), [])
  })

  it("takes late votes up to the last block of the acceptance period, and none after it", () => {
    let state = block(block(two, set([0], [2])), set([], [3, 4, 5, 1]))
    const concludedAt = state.disputes[0]?.state.concludedAt
    assert.strictEqual(concludedAt, 4)
    const last = concludedAt! + options.disputeAcceptanceBlocks
    const late = (upon: DevRuntime.RuntimeState) => block(upon, set([1], [])).disputes[0]?.state.validatorsFor
    while (DevRuntime.blockOf(state).number < last - 1) state = block(state)
    assert.deepStrictEqual([late(state), late(block(state))], ["110000", "100000"])
  })

  it("keeps a candidate out that was concluded against before it was backed", () => {
    const concluded = block(one, set([0], [1, 2, 3, 4, 5]))
    assert.deepStrictEqual(names(block(concluded, back(one, receipt))), [])
  })

  it("asks for both sides, more than f voters, and something new", () => {
    const disputed = (state: DevRuntime.RuntimeState, sides: ReturnType<typeof set>) =>
      block(state, sides).votes.disputes.length
    assert.strictEqual(disputed(two, set([], [2, 3])), 0)
    assert.strictEqual(disputed(two, set([2], [2])), 0)
    assert.strictEqual(disputed(two, set([], [2, 3], [0])), 0, "nobody is known to have backed it")
    assert.strictEqual(disputed(two, set([0], [2])), 1)
    assert.strictEqual(disputed(block(two, set([0], [2])), set([0], [2])), 0)
  })

  it("drops votes whose signature does not hold, keeps the rest", () => {
    const [good] = set([0], [2, 3]).disputes
    const bad = {
      ...good!,
      statements: good!.statements.map(
        ([s, v, signature], at) => [s, v, at === 2 ? (`0x${"00".repeat(64)}` as const) : signature] as const
      )
    }
    const next = block(two, { disputes: [bad] })
    assert.strictEqual(next.disputes[0]?.state.validatorsAgainst, "001000")
    assert.strictEqual(next.votes.disputes[0]?.statements.length, 2)
  })

  it("is deaf to sessions outside the window and to validators that do not exist", () => {
    const future = Relay.disputeSet(signer, hash, 1, { valid: [0], invalid: [2] })
    assert.strictEqual(block(two, { disputes: [future] }).disputes.length, 0)
    const [known] = set([0], [2]).disputes
    const ghost = {
      ...known!,
      statements: [...known!.statements, [known!.statements[0]![0], 99, known!.statements[0]![2]] as const]
    }
    assert.strictEqual(block(two, { disputes: [ghost] }).votes.disputes[0]?.statements.length, 2)
  })
})

describe("slashes", () => {
  const one = block(genesis)
  const receipt = Relay.candidate(options, one, "bad")
  const hash = Relay.hashOf(receipt)
  const two = block(one, back(one, receipt))
  const votes = (sides: Partial<Parameters<typeof Relay.disputeSet>[3]>) => ({
    disputes: [Relay.disputeSet(signer, hash, 0, { valid: [], invalid: [], ...sides })]
  })
  const told = (state: DevRuntime.RuntimeState) =>
    Answers.unappliedSlashes(state).map(
      ({ blockNumber, kind, validatorIndex }) => `${validatorIndex} ${kind._tag} ${blockNumber}`
    )

  it("names the backers and the approvers of a candidate that a supermajority found invalid", () => {
    const open = block(two, votes({ valid: [1, 0], invalid: [3, 4, 5], approving: [2] }))
    assert.deepStrictEqual(told(open), [])
    // One short of the supermajority of five: a backer that contradicts itself counts on both sides.
    const concluded = block(block(open, votes({ invalid: [1] })), votes({ invalid: [0] }))
    assert.deepStrictEqual(told(concluded), [
      "0 ForInvalidBacked 5",
      "1 ForInvalidBacked 5",
      "2 ForInvalidApproved 5"
    ])
    assert.deepStrictEqual(Answers.unappliedSlashes(concluded)[1], {
      session: 0,
      candidateHash: hash,
      validatorIndex: 1,
      validatorId: options.validators[1]!,
      kind: { _tag: "ForInvalidBacked" },
      blockNumber: 5
    })
    assert.deepStrictEqual(
      Answers.unappliedSlashes(concluded).map(({ kind }) => Slash.fractionPerbill(kind)),
      [1e9, 1e9, 2e7]
    )
  })

  it("names who voted against a valid candidate, with those that come late", () => {
    const concluded = block(two, votes({ valid: [0], invalid: [5], approving: [1, 2, 3, 4] }))
    assert.deepStrictEqual(told(concluded), ["5 AgainstValid 3"])
    const late = block(concluded, votes({ invalid: [4] }))
    assert.deepStrictEqual(told(late), ["4 AgainstValid 4", "5 AgainstValid 3"])
  })

  it("takes an approver for the backer that it turns out to be, once", () => {
    const concluded = block(two, votes({ valid: [0], invalid: [2, 3, 4, 5, 1], approving: [1] }))
    assert.deepStrictEqual(told(concluded), ["0 ForInvalidBacked 3", "1 ForInvalidApproved 3"])
    const backed = block(concluded, votes({ valid: [1] }))
    assert.deepStrictEqual(told(backed), ["0 ForInvalidBacked 3", "1 ForInvalidBacked 4"])
    assert.strictEqual(block(backed, votes({ approving: [1] })).votes.disputes.length, 0)
  })

  it("follows from the blocks of a fork: another one knows nothing of it", () => {
    const verdict = votes({ valid: [0], invalid: [1, 2, 3, 4, 5] })
    assert.strictEqual(told(block(two, verdict)).length, 1)
    const other = block(two, {}, { salt: "other" })
    assert.deepStrictEqual(told(other), [])
    assert.deepStrictEqual(told(block(other, verdict)), ["0 ForInvalidBacked 4"])
  })

  it("is forgotten with the dispute", () => {
    const short = { ...options, sessionLengthBlocks: 1, disputePeriod: 2 }
    const at = (state: DevRuntime.RuntimeState) => block(state, {}, { options: short })
    let state = {
      ...genesis,
      slashes: Answers.unappliedSlashes(block(two, votes({ valid: [0], invalid: [1, 2, 3, 4, 5] })))
    }
    for (let number = 1; number <= 3; number++) state = at(state)
    assert.strictEqual(told(state).length, 1)
    assert.strictEqual(told(at(state)).length, 0)
  })
})

describe("state", () => {
  it("survives its encoding", () => {
    const one = block(genesis)
    const receipt = Relay.candidate(options, one, "head 1")
    const state = block(one, {
      ...back(one, receipt),
      disputes: [Relay.disputeSet(signer, Relay.hashOf(receipt), 0, { valid: [0], invalid: [1, 2, 3, 4, 5] })]
    })
    assert.lengthOf(state.slashes, 1)
    const bytes = Scale.encode(DevRuntime.RuntimeState)(state)
    assert.deepStrictEqual(Scale.decode(DevRuntime.RuntimeState)(bytes), state)
  })

  it("expects candidates to build on the one that occupies the core", () => {
    const one = block(genesis)
    const two = block(one, back(one))
    assert.deepStrictEqual(
      Answers.persistedValidationData(options, two, 1000)?.parentHead,
      Relay.text("head 1")
    )
    assert.isUndefined(Answers.persistedValidationData(options, two, 7))
  })
})
