import { assert, describe, it } from "@effect/vitest"
import * as Display from "../src/devnet/Display.ts"
import * as Report from "../src/devnet/Report.ts"

const chain = (height: number, more: Partial<Report.ChainStatus> = {}): Report.ChainStatus => ({
  chainId: "901",
  localUnsafe: height + 4,
  crossUnsafe: height + 3,
  localSafe: height + 2,
  crossSafe: height + 1,
  finalized: height,
  candidatesIncluded: height,
  disputesConcluded: 1,
  reverts: 1,
  replacedBlocks: 1,
  slashesApplied: 1,
  rewardsPaid: 3,
  validatorsDisabled: 1,
  disabledNow: [3],
  finalityWaited: 2,
  governance: { frozen: false, why: null, endedBy: null },
  secondedStatements: 1,
  validStatements: 1,
  fetchedProofs: 1,
  registeredVotes: 1,
  snapshots: 1,
  ...more
})
const observer = (commits: number, verified = true): Report.ObserverStatus => ({
  chainId: "901",
  mode: "BlocksOnly",
  commits,
  blocks: commits * 4,
  lag: 0,
  verified
})
const moment = (height: number, more: Partial<Report.ChainStatus> = {}): Report.Snapshot => ({
  chains: [chain(height, more)],
  observers: [observer(height)],
  supervisor: { executingMessages: height, invalidatedBlocks: 1 }
})
const stalled = (after: Report.Snapshot, faults = true, messages = true, verdicts = true, agreement = true) =>
  Report.stalledParts({ chainIds: ["901"], faults, verdicts, messages, agreement }, moment(5), after)

describe("stalledParts", () => {
  it("is empty when everything moved", () => assert.deepStrictEqual(stalled(moment(9)), []))
  it("names what validators of one process did not do, and nothing where they are apart", () => {
    const idle = moment(9, { validStatements: 0, fetchedProofs: 0 })
    assert.deepStrictEqual(stalled(idle), ["chain 901: validStatements", "chain 901: fetchedProofs"])
    assert.deepStrictEqual(stalled(idle, true, true, true, false), [])
  })
  it("names each head that stood", () =>
    assert.deepStrictEqual(stalled(moment(9, { crossSafe: 6, finalized: 5 })), [
      "chain 901: crossSafe",
      "chain 901: finalized"
    ]))
  it("names a node, an observer and a supervisor that do not answer", () =>
    assert.deepStrictEqual(stalled({ chains: [], observers: [], supervisor: undefined }), [
      "chain 901: its node does not answer",
      "supervisor: it does not answer"
    ]))
  it("asks for disputes and invalid messages only of long runs", () => {
    const quiet = {
      ...moment(9, { disputesConcluded: 0 }),
      supervisor: { executingMessages: 9, invalidatedBlocks: 0 }
    }
    assert.deepStrictEqual(stalled(quiet, false), [])
    assert.deepStrictEqual(stalled(quiet, true), [
      "chain 901: disputesConcluded",
      "supervisor: invalidatedBlocks"
    ])
    const alone = { ...quiet, supervisor: { executingMessages: 5, invalidatedBlocks: 0 } }
    assert.deepStrictEqual(stalled(alone, false), ["supervisor: executingMessages"])
    assert.deepStrictEqual(stalled(alone, true, false), ["chain 901: disputesConcluded"])
  })
  it("asks for what follows from verdicts only of longer runs", () => {
    const lenient = moment(9, { slashesApplied: 0, rewardsPaid: 0, validatorsDisabled: 0 })
    assert.deepStrictEqual(stalled(lenient, true, true, false), [])
    assert.deepStrictEqual(stalled(lenient), [
      "chain 901: slashesApplied",
      "chain 901: rewardsPaid",
      "chain 901: validatorsDisabled"
    ])
  })
  it("does not take unverified commits for observed ones", () =>
    assert.deepStrictEqual(stalled({ ...moment(9), observers: [observer(9, false)] }), [
      "observer 901: verification"
    ]))
})

describe("Display", () => {
  it("puts everything on one plain line", () => {
    assert.strictEqual(
      Display.line(7, moment(1)),
      "   7s | 901: unsafe 5 cross-unsafe 4 local-safe 3 cross-safe 2 finalized 1 included 1 disputes 1 reverts 1 replaced 1 slashes 1 rewards 3 disabled 1 waited 2 seconded 1 valid 1 fetched 1 | observer 901: BlocksOnly commits 1 lag 0 | supervisor: messages 1 invalidated 1"
    )
  })
  it("says which chain waits for people, and what ends it", () => {
    const frozen = moment(1, { governance: { frozen: true, why: "it was final", endedBy: "the command" } })
    const said = "chain 901 waits for people: it was final; once they have decided: the command"
    assert.include(Display.line(7, frozen), said)
    assert.include(Display.table("title", 3, frozen, []), said)
    assert.notInclude(Display.line(7, moment(1)), "people")
  })
  it("draws a table with aligned columns", () => {
    const lines = Display.table("title", 3, moment(1), ["a notice"])
    assert.strictEqual(lines[2]!.length, lines[3]!.length)
    assert.include(lines.join("\n"), "a notice")
  })
  it("redraws over what was drawn", () => {
    assert.strictEqual(Display.redraw(0), "")
    assert.strictEqual(Display.redraw(3), "\u001b[3A\u001b[0J")
  })
})
