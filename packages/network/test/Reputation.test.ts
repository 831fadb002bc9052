import { assert, describe, it } from "@effect/vitest"
import { Reputation } from "@ephor/network"
import { Schema } from "effect"

const { changes } = Reputation

describe("Reputation", () => {
  it("has the figures of 2020", () => {
    assert.deepInclude(changes, {
      unexpected: -100,
      badSignature: -500,
      duplicate: -250,
      flood: -1000,
      valid: 5,
      validFirst: 25
    })
  })

  it("bans below the threshold, not at it", () => {
    let reputation = Reputation.unknown
    for (let i = 0; i < 10; i++) reputation = Reputation.change(reputation, changes.flood, 0)
    assert.isFalse(Reputation.isBanned(reputation, 0))
    assert.isTrue(Reputation.isBanned(Reputation.change(reputation, changes.unexpected, 0), 0))
    assert.isTrue(Reputation.isBanned(Reputation.change(Reputation.unknown, changes.malicious, 0), 0))
  })

  it("forgets by the second, good and bad alike", () => {
    const bad = Reputation.change(Reputation.unknown, -20_000, 0)
    assert.strictEqual(Reputation.valueAt(bad, 1000), -19_900)
    assert.strictEqual(Reputation.valueAt(Reputation.change(Reputation.unknown, 200, 0), 1000), 199)
    assert.strictEqual(Reputation.valueAt(bad, 0), -20_000)
  })

  const Case = Schema.Struct({
    value: Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 31), maximum: -10_001 })),
    by: Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 31), maximum: 2 ** 31 }))
  })
  it.prop("stays in 32 bits, and a ban ends exactly when it says", [Case], ([{ by, value }]) => {
    const reputation = Reputation.change(Reputation.unknown, value, 0)
    const remainingMs = Reputation.banRemainingMs(reputation, 0)
    assert.isTrue(Reputation.isBanned(reputation, remainingMs - 1000))
    assert.isFalse(Reputation.isBanned(reputation, remainingMs + 1))
    const next = Reputation.change(reputation, by, 0).value
    assert.isTrue(next >= -(2 ** 31) && next < 2 ** 31)
  })

  it("a ban without decay does not end", () => {
    const limits = { banThreshold: -10, decayPerSecond: 0 }
    const reputation = Reputation.change(Reputation.unknown, -11, 0, limits)
    assert.strictEqual(Reputation.banRemainingMs(reputation, 0, limits), Number.POSITIVE_INFINITY)
    assert.strictEqual(Reputation.banRemainingMs(Reputation.unknown, 0, limits), 0)
  })
})
