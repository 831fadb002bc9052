import { assert, describe, it } from "@effect/vitest"
import {
  type CommittedCandidateReceipt,
  type Contradiction,
  type Evidence,
  Scale,
  type SignedFullStatement,
  type Statement,
  statementPayload,
  toCompact,
  toPlain,
  type Verdict
} from "@ephor/types"
import * as DevExecution from "../src/DevExecution.ts"
import * as DevRuntime from "../src/DevRuntime.ts"
import { decode, encode } from "../src/DevTransaction.ts"
import * as Books from "../src/runtime/Books.ts"
import { admit, weigh } from "../src/runtime/Evidence.ts"
import * as Relay from "./support/relay.ts"

const { options } = Relay
const signer = Relay.plainSignatures(options.validators)
const context: DevRuntime.Context = { options, verify: signer.verify, isRejected: () => false }
const genesis = DevRuntime.genesisState(options, DevExecution.genesis({ chainId: "1", timestamp: 0 }))
const block = { number: 5, session: 0 }
const relayParent = DevRuntime.blockOf(genesis).hash

const one = Relay.candidate(options, genesis, "one")
const two = Relay.candidate(options, genesis, "two")
const signed = (payload: Statement, validatorIndex: number, session = 0): SignedFullStatement => ({
  payload,
  validatorIndex,
  signature: signer.sign(
    validatorIndex,
    statementPayload(toCompact(payload), { sessionIndex: session, parentHash: relayParent })
  )
})
const seconds = (receipt: CommittedCandidateReceipt): Statement => ({ _tag: "Seconded", value: receipt })
const agrees = (receipt: CommittedCandidateReceipt): Statement => ({
  _tag: "Valid",
  value: Relay.hashOf(receipt)
})
const pair = (
  first: SignedFullStatement,
  second: SignedFullStatement,
  changes: Partial<Contradiction> = {}
): Contradiction => ({ session: 0, relayParent, receipt: toPlain(one), first, second, ...changes })
const forged = (statement: SignedFullStatement): SignedFullStatement => ({
  ...statement,
  signature: `0x${"00".repeat(64)}`
})

const bad = `0x${"ba".repeat(32)}` as const
const verdict = (validatorIndex: number, judgement: Verdict["judgement"]["_tag"]): Verdict => ({
  validatorIndex,
  judgement: { _tag: judgement }
})
const verdicts = (
  sides: Parameters<typeof Relay.disputeSet>[3],
  given: ReadonlyArray<Verdict>,
  session = 0
): Evidence => ({
  _tag: "Verdicts",
  value: { votes: Relay.disputeSet(signer, bad, session, sides), verdicts: given }
})
const against = { valid: [0], invalid: [1, 2, 3, 4, 5], approving: [] }
const inFavour = { valid: [0], invalid: [5], approving: [1, 2, 3, 4] }

const half = options.stake / 2n
const effect = (books: Books.Books, validator: number) =>
  Books.standingOf(options, books, validator).stake - options.stake

describe("evidence that proves something", () => {
  const table: ReadonlyArray<readonly [name: string, evidence: Evidence, validator: number, change: bigint]> =
    [
      [
        "a validator that seconded two candidates",
        { _tag: "DoubleVote", value: pair(signed(seconds(one), 2), signed(seconds(two), 2)) },
        2,
        -half
      ],
      [
        "a validator that seconded and agreed",
        { _tag: "SelfContradiction", value: pair(signed(seconds(one), 2), signed(agrees(one), 2)) },
        2,
        -half
      ],
      ["a winner", verdicts(against, [verdict(3, "Reward")]), 3, options.voteReward],
      ["a backer of what was invalid", verdicts(against, [verdict(0, "Slash")]), 0, -options.stake],
      [
        "an approver of what was invalid",
        verdicts({ ...against, valid: [], approving: [0] }, [verdict(0, "Slash")]),
        0,
        -(options.stake / 50n)
      ],
      ["a winner in favour", verdicts(inFavour, [verdict(0, "Reward")]), 0, options.voteReward]
    ]
  for (const [name, evidence, validator, change] of table) {
    it(`changes the stake of ${name}, once`, () => {
      const { accepted, books } = admit(context, Books.empty, [evidence, evidence], block)
      assert.deepStrictEqual(accepted, [evidence])
      assert.strictEqual(effect(books, validator), change)
      assert.strictEqual(weigh(context, books, evidence, block), "it changes nothing")
      const transaction = { _tag: "Evidence" as const, value: accepted }
      assert.deepStrictEqual(decode(encode(transaction)), transaction)
    })
  }

  it("disables who contradicted itself", () => {
    const evidence: Evidence = {
      _tag: "DoubleVote",
      value: pair(signed(seconds(one), 2), signed(seconds(two), 2))
    }
    const { books } = admit(context, Books.empty, [evidence], block)
    assert.deepStrictEqual(Books.disabledIn(options, books, 0), [2])
  })

  it("counts no further than a block may carry", () => {
    const few = { ...context, options: { ...options, evidencePerBlock: 1 } }
    const both = [verdicts(against, [verdict(3, "Reward")]), verdicts(against, [verdict(4, "Reward")])]
    assert.lengthOf(admit(few, Books.empty, both, block).accepted, 1)
  })
})

describe("evidence that proves nothing", () => {
  const double = (value: Contradiction): Evidence => ({ _tag: "DoubleVote", value })
  const contradiction = (value: Contradiction): Evidence => ({ _tag: "SelfContradiction", value })
  const [a, b] = [signed(seconds(one), 2), signed(seconds(two), 2)]
  const table: ReadonlyArray<readonly [why: string, evidence: Evidence]> = [
    ["of two validators", double(pair(a, signed(seconds(two), 3)))],
    ["second the same candidate", double(pair(a, a))],
    ["seconds nothing", double(pair(a, signed(agrees(two), 2)))],
    [
      "neither statement is about",
      double(pair(a, b, { receipt: toPlain(Relay.candidate(options, genesis, "three")) }))
    ],
    ["a signature does not verify", double(pair(a, forged(b)))],
    ["a signature does not verify", double(pair(forged(a), b))],
    ["a signature does not verify", double(pair(a, b, { relayParent: bad }))],
    ["a signature does not verify", double(pair({ ...a, validatorIndex: 99 }, { ...b, validatorIndex: 99 }))],
    ["its session is over", double(pair(a, b, { session: 1 }))],
    ["a statement is about another", contradiction(pair(a, signed(agrees(two), 2)))],
    ["the statements agree", contradiction(pair(a, a))],
    ["the votes decide nothing", verdicts({ valid: [0], invalid: [1, 2, 3] }, [verdict(1, "Reward")])],
    ["somebody who did not win", verdicts(against, [verdict(0, "Reward")])],
    ["somebody who did not win", verdicts({ ...against, valid: [0, 1] }, [verdict(1, "Reward")])],
    ["somebody who did not lose", verdicts(against, [verdict(1, "Slash")])],
    ["did not vote cannot be proven", verdicts(against, [verdict(1, "LightSlash")])],
    ["it changes nothing", verdicts(inFavour, [verdict(5, "Slash")])],
    ["its session is over", verdicts(against, [verdict(1, "Reward")], 1)]
  ]
  for (const [why, evidence] of table) {
    it(`is left out: ${why} (${evidence._tag})`, () => {
      assert.include(String(weigh(context, Books.empty, evidence, block)), why)
      assert.deepStrictEqual(admit(context, Books.empty, [evidence], block).accepted, [])
    })
  }

  it("is left out: votes with one bad signature", () => {
    const evidence = verdicts(against, [verdict(1, "Reward")])
    if (evidence._tag !== "Verdicts") return
    const { votes, verdicts: given } = evidence.value
    const [first, ...rest] = votes.statements
    const statements = [[first![0], first![1], `0x${"00".repeat(64)}`] as const, ...rest]
    const broken: Evidence = { _tag: "Verdicts", value: { votes: { ...votes, statements }, verdicts: given } }
    assert.strictEqual(weigh(context, Books.empty, broken, block), "a vote has no valid signature")
  })
})

describe("a block", () => {
  it("takes evidence in once, and the state remembers what followed", () => {
    const evidence = [verdicts(against, [verdict(3, "Reward"), verdict(0, "Slash")])]
    const first = DevRuntime.apply(context, genesis, undefined, evidence)
    assert.deepStrictEqual(first.evidence, evidence)
    assert.strictEqual(effect(first.state, 0), -options.stake)
    assert.deepStrictEqual(DevRuntime.apply(context, first.state, undefined, evidence).evidence, [])
    const bytes = Scale.encode(DevRuntime.RuntimeState)(first.state)
    assert.deepStrictEqual(Scale.decode(DevRuntime.RuntimeState)(bytes), first.state)
  })
})
