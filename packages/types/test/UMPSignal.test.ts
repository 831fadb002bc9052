import { assert, describe, it } from "@effect/vitest"
import { type CandidateDescriptor, Scale, UMPSignal, umpSignalFault, umpSignals } from "@ephor/types"

const bytes = (...values: ReadonlyArray<number>) => Uint8Array.from(values)
const separator = bytes()
const select = (selector: number, offset = 0) => bytes(0, selector, offset)
const peer = (length: number, prefix: ReadonlyArray<number>) => bytes(1, ...prefix, ...new Uint8Array(length))
const hash = `0x${"00".repeat(32)}` as const
const common = {
  paraId: 2000,
  relayParent: hash,
  persistedValidationDataHash: hash,
  povHash: hash,
  erasureRoot: hash,
  paraHead: hash,
  validationCodeHash: hash
}
const v1: CandidateDescriptor = { _tag: "V1", ...common, collator: hash, signature: `0x${"00".repeat(64)}` }
const v2 = (coreIndex: number): CandidateDescriptor => ({
  _tag: "V2",
  ...common,
  version: 0,
  coreIndex,
  sessionIndex: 1
})

describe("umpSignals", () => {
  it("reads what the codec writes", () => {
    const signals: ReadonlyArray<UMPSignal> = [
      { _tag: "SelectCore", value: [3, 1] },
      { _tag: "ApprovedPeer", value: new Uint8Array(64).fill(7) }
    ]
    const written = signals.map(Scale.encode(UMPSignal))
    assert.deepStrictEqual(umpSignals([bytes(9), separator, ...written]), signals)
  })

  for (const [what, messages, expected] of [
    ["no separator", [select(1)], []],
    ["nothing after it", [bytes(1, 2), separator], []],
    [
      "more in the message than the signal",
      [separator, bytes(0, 1, 2, 9)],
      [{ _tag: "SelectCore", value: [1, 2] }]
    ],
    ["a short signal", [separator, bytes(0, 1)], "UmpSignalDecode"],
    ["an unknown signal", [separator, bytes(2, 0, 0)], "UmpSignalDecode"],
    ["a second separator", [separator, separator], "UmpSignalDecode"],
    ["a peer that is cut off", [separator, peer(3, [16])], "UmpSignalDecode"],
    ["a peer of 65 bytes", [separator, peer(65, [5, 1])], "UmpSignalDecode"],
    ["a length that is longer than need be", [separator, peer(2, [9, 0])], "UmpSignalDecode"],
    ["the same kind twice", [separator, select(0), select(1)], "DuplicateUMPSignal"],
    ["three", [separator, select(0), peer(1, [4]), select(1)], "TooManyUMPSignals"]
  ] as const) {
    it(what, () => assert.deepStrictEqual<unknown>(umpSignals(messages), expected))
  }
})

describe("umpSignalFault", () => {
  for (const [what, descriptor, messages, cores, expected] of [
    ["version 1 without signals", v1, [], [], undefined],
    ["version 1 with signals", v1, [separator, select(0)], [0], "UMPSignalWithV1Descriptor"],
    ["the only core, without selector", v2(4), [], [4], undefined],
    ["another core, without selector", v2(5), [], [4], "CoreIndexMismatch"],
    ["one of several, without selector", v2(5), [], [4, 5], undefined],
    ["none of several, without selector", v2(6), [], [4, 5], "InvalidCoreIndex"],
    ["the selector counts modulo the cores", v2(5), [separator, select(3)], [4, 5], undefined],
    ["another core than the selector's", v2(4), [separator, select(3)], [4, 5], "CoreIndexMismatch"],
    ["no core", v2(4), [], [], "NoAssignment"],
    ["signals that do not decode", v2(4), [separator, bytes(7)], [4], "UmpSignalDecode"]
  ] as const) {
    it(what, () =>
      assert.strictEqual(
        umpSignalFault(descriptor, messages, () => cores),
        expected
      )
    )
  }
  it("asks for the offset of the selector", () => {
    const at = (offset: number) => (offset === 2 ? [9] : [])
    assert.isUndefined(umpSignalFault(v2(9), [separator, select(0, 2)], at))
    assert.strictEqual(umpSignalFault(v2(9), [], at), "NoAssignment")
  })
})
