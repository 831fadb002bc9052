import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { DependencySet, LinkCheck, RollupConfig } from "../src/index.ts"
import config from "./vectors/config.json" with { type: "json" }
import vectors from "./vectors/link_checker.json" with { type: "json" }

const times: Record<string, number> = vectors.config.activationTimes
const rules: LinkCheck.LinkRules = {
  has: (chain) => chain in times,
  isInterop: (chain, timestamp) => chain in times && timestamp >= times[chain]!,
  isActivationBlock: (chain, timestamp) => times[chain] === timestamp,
  expiryWindow: vectors.config.messageExpiryWindow
}

describe("LinkCheck, vectors", () => {
  vectors.cases.forEach((row, i) => {
    it(`${i + 1}: ${row.name}`, () => {
      const executing = { chainId: row.executingChain, timestamp: Number(row.executingTimestamp) }
      const initiating = { chainId: row.initiatingChain, timestamp: Number(row.initiatingTimestamp) }
      assert.strictEqual(LinkCheck.canExecute(rules, executing, initiating), row.canExecute)
    })
  })
})

describe("configuration, vectors", () => {
  config.dependencySet.forEach(({ chains, expiryWindow, json }, i) => {
    it(`dependency set ${i + 1}`, () => {
      const set = Schema.decodeSync(DependencySet.DependencySet)(json)
      assert.deepStrictEqual(DependencySet.chains(set), chains)
      assert.strictEqual(DependencySet.expiryWindow(set), expiryWindow)
    })
  })
  it("an override of zero is the default window, and chains come in numeric order", () => {
    const set = Schema.decodeSync(DependencySet.DependencySet)({
      dependencies: { "1000": {}, "9": {} },
      overrideMessageExpiryWindow: 0
    })
    assert.strictEqual(DependencySet.expiryWindow(set), 604_800)
    assert.deepStrictEqual(DependencySet.chains(set), ["9", "1000"])
  })
  const set = Schema.decodeUnknownSync(RollupConfig.RollupConfigSet)(config.rollupConfigSet.json)
  for (const [chain, timestamp, expected] of config.rollupConfigSet.isInterop as Array<
    [string, number, boolean]
  >) {
    it(`interop of chain ${chain} at ${timestamp}: ${expected}`, () =>
      assert.strictEqual(RollupConfig.isInterop(set[chain]!, timestamp), expected))
  }
  const activation = config.rollupConfigSet.isActivationBlock as Array<[string, number, boolean]>
  for (const [chain, timestamp, expected] of activation) {
    it(`activation block of chain ${chain} at ${timestamp}: ${expected}`, () =>
      assert.strictEqual(RollupConfig.isActivationBlock(set[chain]!, timestamp), expected))
  }
  it("interop that never begins", () => {
    const { interop_time: _, ...rest } = set["10"]!
    assert.isFalse(RollupConfig.isInterop(rest, 1e9))
    assert.isFalse(RollupConfig.isActiveAtGenesis(rest))
  })
  it("interop from genesis on: the genesis block is no activation block", () => {
    const genesis = { ...set["10"]!, interop_time: 0 }
    assert.isTrue(RollupConfig.isActiveAtGenesis(genesis))
    assert.isFalse(RollupConfig.isActivationBlock(genesis, 1))
    assert.strictEqual(RollupConfig.anchor(genesis).derived.hash, genesis.genesis.l2.hash)
  })
  it("a chain must be in both sets", () => {
    const rules = LinkCheck.make({ dependencies: { "10": {}, "30": {} } }, set)
    assert.isTrue(rules.has("10"))
    assert.isFalse(rules.has("20"))
    assert.isFalse(rules.has("30"))
  })
  it("chain ids are read in decimal and in hex, as Go programs do; what is none, or is there twice, is refused", () => {
    const read = (dependencies: { readonly [key: string]: object }) =>
      Schema.decodeSync(DependencySet.DependencySet)({ dependencies })
    assert.deepStrictEqual(read({ "0x385": {}, "902": {} }), { dependencies: { "901": {}, "902": {} } })
    for (const wrong of ["one", "0x", "-1", "9.5", "", "0x385g"]) {
      assert.throws(() => read({ [wrong]: {} }), undefined, undefined, wrong)
    }
    assert.throws(() => read({ "901": {}, "0x385": {} }))
  })
})
