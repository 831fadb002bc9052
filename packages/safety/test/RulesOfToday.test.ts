/** Rules of op-supernode and op-interop-filter of 2026, each with its edge. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { encodeAccess, type Hash, messageChecksum } from "@ephor/types"
import { AccessListCheck, LinkCheck, type RollupConfig } from "../src/index.ts"

const hash = (n: number): Hash => `0x${n.toString(16).padStart(64, "0")}`
const seal = (number: number, timestamp: number) => ({ hash: hash(number), number, timestamp })
const config = (change: Partial<RollupConfig.RollupConfig> = {}): RollupConfig.RollupConfig => ({
  genesis: { l1: seal(0, 0), l2: seal(0, 0) },
  block_time: 2,
  interop_time: 0,
  ...change
})
const rulesOf = (
  a: Partial<RollupConfig.RollupConfig> = {},
  b: Partial<RollupConfig.RollupConfig> = {},
  overrideMessageExpiryWindow?: number
) =>
  LinkCheck.make(
    {
      dependencies: { "901": {}, "902": {} },
      ...(overrideMessageExpiryWindow === undefined ? {} : { overrideMessageExpiryWindow })
    },
    { "901": config(a), "902": config(b) }
  )
const can = (rules: LinkCheck.LinkRules, executing: number, initiating: number) =>
  LinkCheck.canExecute(
    rules,
    { chainId: "902", timestamp: executing },
    { chainId: "901", timestamp: initiating }
  )

/** Chain 901 with one log in the block of time 1000. */
const log = hash(77)
const message = (timestamp: number) => {
  const query = { chainId: "901", blockNumber: 500n, logIndex: 0, timestamp: BigInt(timestamp) }
  return encodeAccess({ ...query, timestamp: BigInt(timestamp), checksum: messageChecksum(query, log) })
}
const worldOf = (change: Partial<AccessListCheck.CheckedWorld> = {}): AccessListCheck.CheckedWorld => ({
  rules: rulesOf(),
  chain: (id) =>
    id === "901"
      ? {
          logs: [499, 500].map((number) => ({
            ...seal(number, number * 2),
            parentHash: hash(number - 1),
            logs: number === 500 ? [log] : [],
            executing: []
          })),
          local: [],
          cross: [],
          crossUnsafe: undefined
        }
      : undefined,
  finalized: () => undefined,
  ...change
})
const lets = (
  descriptor: AccessListCheck.ExecutingDescriptor,
  change: Partial<AccessListCheck.CheckedWorld> = {}
) =>
  Result.isSuccess(
    AccessListCheck.check(worldOf(change), message(1000), "LocalUnsafe", { chainId: "902", ...descriptor })
  )

describe("rules of today", () => {
  it("a message may be executed in the second in which it was initiated, and not before", () => {
    assert.isTrue(can(rulesOf(), 1000, 1000))
    assert.isFalse(can(rulesOf(), 999, 1000))
  })

  it("at ingress it is so unless strictly earlier messages are asked for", () => {
    assert.isTrue(lets({ timestamp: 1000 }))
    assert.isFalse(lets({ timestamp: 1000 }, { strictIngress: true }))
    assert.isTrue(lets({ timestamp: 1001 }, { strictIngress: true }))
  })

  it("interop must have been active for a block on the executing chain", () => {
    const rules = rulesOf({}, { interop_time: 1001, block_time: 12 })
    assert.isFalse(can(rules, 1012, 1000))
    assert.isTrue(can(rules, 1013, 1000))
  })

  it("interop must have been active for a block on the initiating chain", () => {
    const rules = rulesOf({ interop_time: 1001, block_time: 12 })
    assert.isFalse(can(rules, 2000, 1012))
    assert.isTrue(can(rules, 2000, 1013))
  })

  it("a message that is as old as the window is not expired, a second later it is", () => {
    assert.isTrue(can(rulesOf(), 1000 + 604_800, 1000))
    assert.isFalse(can(rulesOf(), 1000 + 604_801, 1000))
    assert.isTrue(can(rulesOf({}, {}, 15), 1015, 1000))
    assert.isFalse(can(rulesOf({}, {}, 15), 1016, 1000))
  })

  it("windows and times as large as numbers go do not overflow", () => {
    const most = Number.MAX_SAFE_INTEGER
    assert.isTrue(can(rulesOf({}, {}, most), most, 1000))
    assert.isFalse(can(rulesOf({}, {}, most - 1001), most, 1000))
    assert.isTrue(can(rulesOf(), most, most))
  })

  it("what waits for its execution must not expire meanwhile", () => {
    const timestamp = 1000 + 604_790
    assert.isTrue(lets({ timestamp, timeout: 10 }))
    assert.isFalse(lets({ timestamp, timeout: 11 }))
    assert.isFalse(lets({ timestamp, timeout: Number.MAX_SAFE_INTEGER }))
  })
})
