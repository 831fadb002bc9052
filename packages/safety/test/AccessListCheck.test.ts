import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  type Access,
  type BlockSeal,
  encodeAccess,
  type Hash,
  logHash,
  messageChecksum,
  type LogContent,
  type SafetyLevel,
  safetyLevelOf
} from "@ephor/types"
import { AccessListCheck, type DerivationDb, LinkCheck, SupervisorError, toWireError } from "../src/index.ts"
import vectors from "./vectors/access_list.json" with { type: "json" }
import levels from "./vectors/safety_and_revision.json" with { type: "json" }

const { identifier, log, rpc } = vectors.workedExample
const hash = (n: number): Hash => `0x${n.toString(16).padStart(64, "0")}`
const seal = (number: number): BlockSeal => ({
  hash: hash(number),
  number,
  timestamp: identifier.timestamp + (number - 1234) * 2
})
const filler = hash(7)
const logs = [filler, filler, filler, filler, filler, logHash(log as LogContent)]
const sealed = (number: number) => ({
  ...seal(number),
  parentHash: hash(number - 1),
  logs: number === 1234 ? logs : [],
  executing: []
})
const entry = (number: number): DerivationDb.DerivationEntry => ({
  source: { hash: hash(9000 + number), number: 9000 + number, timestamp: 1 },
  derived: seal(number),
  revision: 0,
  invalidated: false
})

const worldOf = (heads: {
  crossUnsafe: number
  local: number
  cross: number
  finalized: number
}): AccessListCheck.CheckedWorld => ({
  rules: LinkCheck.make(
    { dependencies: { "901": {}, "902": {} } },
    Object.fromEntries(
      ["901", "902"].map((id) => [
        id,
        { genesis: { l1: seal(0), l2: seal(0) }, block_time: 2, interop_time: 0 }
      ])
    )
  ),
  chain: (id) =>
    id === "901"
      ? {
          logs: [sealed(1233), sealed(1234), sealed(1235)],
          local: [1233, 1234, 1235].filter((n) => n <= heads.local).map(entry),
          cross: [1233, 1234, 1235].filter((n) => n <= heads.cross).map(entry),
          crossUnsafe: seal(heads.crossUnsafe)
        }
      : undefined,
  finalized: () => seal(heads.finalized)
})
const all = worldOf({ crossUnsafe: 1235, local: 1235, cross: 1235, finalized: 1235 })
const words = rpc.params[0] as ReadonlyArray<string>
const at = { chainId: "902", timestamp: identifier.timestamp + 2 }
const outcome = (
  world: AccessListCheck.CheckedWorld,
  entries: ReadonlyArray<string> = words,
  level: SafetyLevel = "CrossUnsafe",
  descriptor: AccessListCheck.ExecutingDescriptor = at
): string => {
  const checked = AccessListCheck.check(world, entries, level, descriptor)
  if (Result.isSuccess(checked)) return "ok"
  return checked.failure._tag === "Refused" ? checked.failure.fault._tag : checked.failure._tag
}
const access = (change: Partial<Access>): ReadonlyArray<string> => {
  const base = {
    chainId: "901",
    blockNumber: 1234n,
    timestamp: BigInt(identifier.timestamp),
    logIndex: 5,
    ...change
  }
  return encodeAccess({ ...base, checksum: change.checksum ?? messageChecksum(base, logs[5]!) })
}

describe("AccessListCheck", () => {
  const rows: ReadonlyArray<readonly [string, () => string, string]> = [
    ["the worked example", () => outcome(all), "ok"],
    ["an empty list", () => outcome(all, []), "ok"],
    [
      "a message that has not expired when the transaction times out",
      () => outcome(all, words, "LocalUnsafe", { ...at, timeout: 604_798 }),
      "ok"
    ],
    [
      "a message that expires before the transaction times out",
      () => outcome(all, words, "LocalUnsafe", { ...at, timeout: 604_799 }),
      "Conflict"
    ],
    [
      "executed before it was initiated",
      () => outcome(all, words, "LocalUnsafe", { ...at, timestamp: identifier.timestamp - 1 }),
      "Conflict"
    ],
    [
      "executed on an unknown chain",
      () => outcome(all, words, "LocalUnsafe", { ...at, chainId: "700" }),
      "Conflict"
    ],
    [
      "no executing chain: that of the message",
      () => outcome(all, words, "LocalUnsafe", { timestamp: at.timestamp }),
      "ok"
    ],
    [
      "executing chain 0: that of the message",
      () => outcome(all, words, "LocalUnsafe", { ...at, chainId: "0" }),
      "ok"
    ],
    ["a message of an unknown chain", () => outcome(all, access({ chainId: "700" })), "UnknownChain"],
    ["another checksum", () => outcome(all, access({ checksum: `0x03${"1".repeat(62)}` })), "Conflict"],
    ["a log that is not there", () => outcome(all, access({ logIndex: 6 })), "Conflict"],
    ["a block that is not there yet", () => outcome(all, access({ blockNumber: 1240n })), "Conflict"],
    [
      "a block that may still come",
      () => outcome(all, access({ blockNumber: 1240n, timestamp: BigInt(identifier.timestamp + 2) })),
      "Future"
    ],
    ["a word missing", () => outcome(all, words.slice(0, 1)), "BadRequest"],
    [
      "not cross-unsafe yet",
      () => outcome(worldOf({ crossUnsafe: 1233, local: 1235, cross: 1233, finalized: 0 })),
      "Future"
    ],
    [
      "not local-safe yet",
      () =>
        outcome(worldOf({ crossUnsafe: 1235, local: 1233, cross: 1233, finalized: 0 }), words, "LocalSafe"),
      "Future"
    ],
    [
      "local-safe",
      () =>
        outcome(worldOf({ crossUnsafe: 1235, local: 1234, cross: 1233, finalized: 0 }), words, "LocalSafe"),
      "ok"
    ],
    [
      "not cross-safe yet",
      () =>
        outcome(worldOf({ crossUnsafe: 1235, local: 1235, cross: 1233, finalized: 0 }), words, "CrossSafe"),
      "Future"
    ],
    [
      "cross-safe",
      () =>
        outcome(worldOf({ crossUnsafe: 1235, local: 1235, cross: 1234, finalized: 0 }), words, "CrossSafe"),
      "ok"
    ],
    [
      "not final yet",
      () =>
        outcome(
          worldOf({ crossUnsafe: 1235, local: 1235, cross: 1235, finalized: 1233 }),
          words,
          "Finalized"
        ),
      "Future"
    ],
    [
      "final",
      () =>
        outcome(
          worldOf({ crossUnsafe: 1235, local: 1235, cross: 1235, finalized: 1234 }),
          words,
          "Finalized"
        ),
      "ok"
    ]
  ]
  rows.forEach(([name, run, expected], row) => {
    it(`${row + 1}: ${name}`, () => assert.strictEqual(run(), expected))
  })
  vectors.parse.cases.forEach((row, i) => {
    it(`parse ${i + 1}: ${row.name}`, () => {
      // A list may be empty; a single message may not.
      const expected =
        row.entries.length === 0 ? "ok" : row.error === undefined ? "UnknownChain" : "BadRequest"
      assert.strictEqual(outcome(all, row.entries), expected)
    })
  })
  it("what a client sees: the collapsed code, and the precise name", () => {
    const checked = AccessListCheck.check(all, access({ logIndex: 6 }), "LocalUnsafe", at)
    if (Result.isSuccess(checked)) throw new Error("accepted")
    const error = new SupervisorError({ method: "supervisor_checkAccessList", reason: checked.failure })
    const { code, message } = vectors.workedExample.rpcConflict.error
    assert.deepStrictEqual(toWireError(error), { code, message, data: "conflict" })
  })
})

describe("safety levels, vectors", () => {
  for (const name of levels.safetyLevels.checkAccessListAccepts) {
    it(`${name} is a level`, () => assert.isDefined(safetyLevelOf(name)))
  }
  for (const name of [...levels.safetyLevels.rejected, "invalid", "toString"]) {
    it(`${JSON.stringify(name)} is none`, () => assert.isUndefined(safetyLevelOf(name)))
  }
})
