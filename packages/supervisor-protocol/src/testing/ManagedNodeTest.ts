/**
 * The contract of a `ManagedNode` as a list of checks: run all of them against any layer that is driven by a `Chain`,
 * each with layers of its own, in any test runner. A check fails with an error that says what was expected.
 */
import { Effect, Stream } from "effect"
import { Chain } from "@ephor/chain"
import type { BlockId, Heads } from "@ephor/types"
import { ManagedNode } from "../ManagedNode.ts"
import {
  content,
  grow,
  hash,
  headsAt,
  idOf,
  l1Block,
  l2Block,
  output,
  receipt,
  refOf
} from "./checks/Block.ts"
import { type Check, check, failsWith, failure, same } from "./checks/Check.ts"
import { listen, started } from "./checks/Started.ts"

export { l1Block, l2Block, layerChain } from "./checks/Block.ts"
export { type Check, CheckFailed } from "./checks/Check.ts"

/** Chain id that the layer under test must report. */
export const chainId = "901"

const events: ReadonlyArray<Check> = [
  check(
    "asks for a reset before anything else",
    Effect.gen(function* () {
      const { next } = yield* listen
      yield* same("first event", yield* next, {
        reset: "reset: cannot continue derivation until Engine has been reset"
      })
    })
  ),
  check(
    "tells imports, derivation, and moves of the origin in the same event",
    Effect.gen(function* () {
      const { chain, events } = yield* started
      yield* grow(2)
      yield* same("unsafe 1", yield* events.field("unsafeBlock"), { unsafeBlock: refOf(l2Block(1)) })
      yield* same("unsafe 2", yield* events.field("unsafeBlock"), { unsafeBlock: refOf(l2Block(2)) })
      yield* chain.promote("LocalSafe", l2Block(1).hash, l1Block(101))
      yield* same("moved", yield* events.field("derivationUpdate"), {
        derivationUpdate: { source: l1Block(101), derived: refOf(l2Block(1)) },
        derivationOriginUpdate: l1Block(101)
      })
      yield* chain.promote("LocalSafe", l2Block(2).hash, l1Block(101))
      yield* same("same source", yield* events.field("derivationUpdate"), {
        derivationUpdate: { source: l1Block(101), derived: refOf(l2Block(2)) }
      })
    })
  ),
  check(
    "asks for L1, takes it, and answers a wrong L1 block with a reset event",
    Effect.gen(function* () {
      const { events, node } = yield* started
      yield* node.provideL1(l1Block(101))
      const asks = (number: number) => events.until((event) => event.exhaustL1?.source.number === number)
      yield* same("exhausted", yield* asks(101), {
        exhaustL1: { source: l1Block(101), derived: refOf(l2Block(0)) }
      })
      yield* node.provideL1({ ...l1Block(102), parentHash: hash("ee", 101) })
      const { reset = "" } = yield* events.field("reset")
      yield* same("reset text", reset.startsWith("reset: provided next L1 block"), true)
    })
  ),
  check(
    "replaces an invalid block",
    Effect.gen(function* () {
      const { events, node } = yield* started
      yield* grow(2)
      yield* node.invalidateBlock({ hash: l2Block(2).hash, number: 0, timestamp: 0 })
      const { replaceBlock } = yield* events.field("replaceBlock")
      yield* same("invalidated", replaceBlock?.invalidated, l2Block(2).hash)
      yield* same("parent", replaceBlock?.replacement.parentHash, l2Block(1).hash)
      const found = yield* node.blockRefByNumber(2)
      yield* same("canonical", found.hash, replaceBlock?.replacement.hash)
      yield* same("output", (yield* node.outputV0AtTimestamp(l2Block(2).timestamp)).blockHash, found.hash)
      yield* same("pending", yield* node.pendingOutputV0AtTimestamp(l2Block(2).timestamp), output(2))
      const unknown = node.invalidateBlock({ hash: hash("ff", 1), number: 1, timestamp: 1 })
      yield* failsWith("unknown block", unknown, "BlockNotFound", /^failed to get block: block not found/)
    })
  ),
  check(
    "asks for a reset when the chain went back on its own, and until it was reset",
    Effect.gen(function* () {
      const { chain, events, node } = yield* started
      yield* grow(2)
      yield* chain.blacklist(l2Block(2).hash, "disputed")
      yield* same("reset", yield* events.field("reset"), { reset: "reset: disputed" })
      yield* node.reset(headsAt(1, 0))
      yield* chain.import({ ...content(2), ref: l2Block(2, "b9") })
      yield* events.until((event) => event.unsafeBlock?.hash === l2Block(2, "b9").hash)
    })
  )
]

const resets: ReadonlyArray<Check> = [
  check(
    "goes to the five heads of a reset",
    Effect.gen(function* () {
      const { chain, node } = yield* started
      yield* grow(4)
      yield* chain.promote("LocalSafe", l2Block(2).hash, l1Block(100))
      yield* node.reset(headsAt(3, 1))
      yield* same("heads", Chain.headIds(yield* chain.heads), headsAt(3, 1))
      yield* failsWith("forgotten block", node.blockRefByNumber(4), "BlockNotFound", /^block not found: 4$/)
    })
  ),
  check(
    "takes a finalized head of all zeros for no opinion",
    Effect.gen(function* () {
      const { chain, node } = yield* started
      yield* grow(1)
      yield* node.reset(headsAt(1, 0, { hash: `0x${"00".repeat(32)}`, number: 0 }))
      yield* same("finalized", (yield* chain.head("Finalized")).hash, l2Block(0).hash)
    })
  ),
  check(
    "verifies the heads of a reset in order, and changes nothing if one is wrong",
    Effect.gen(function* () {
      const { chain, node } = yield* started
      yield* grow(2)
      const before = Chain.headIds(yield* chain.heads)
      const wrong = { hash: hash("ff", 9), number: 9 }
      const order = [
        ["localUnsafe", "unsafe"],
        ["crossUnsafe", "cross-unsafe"],
        ["localSafe", "safe"],
        ["crossSafe", "cross-safe"],
        ["finalized", "finalized"]
      ] as const
      const heads: { -readonly [K in keyof Heads]: BlockId } = { ...headsAt(2, 0, wrong) }
      for (const [key, name] of order.toReversed()) {
        heads[key] = wrong
        yield* failsWith(
          key,
          node.reset(heads),
          "TargetNotFound",
          new RegExp(`^${name} reset target not found$`)
        )
      }
      const conflicting = node.reset({ ...headsAt(2, 0), crossUnsafe: { hash: hash("ff", 1), number: 1 } })
      const { reason } = yield* failure("other hash", conflicting)
      yield* same("conflict", reason._tag === "Conflict" ? { ...reason.block } : reason._tag, l2Block(1))
      yield* same("heads", Chain.headIds(yield* chain.heads), before)
    })
  )
]

const promotions: ReadonlyArray<Check> = [
  check(
    "promotes cross-unsafe, cross-safe and finalized by hash",
    Effect.gen(function* () {
      const { chain, node } = yield* started
      yield* grow(3)
      yield* chain.promote("LocalSafe", l2Block(2).hash, l1Block(100))
      yield* node.updateCrossUnsafe({ ...idOf(l2Block(1)), number: 77 })
      yield* same("cross-unsafe", (yield* chain.head("CrossUnsafe")).number, 1)
      yield* node.updateCrossSafe(idOf(l2Block(2)), idOf(l1Block(100)))
      yield* same("cross-safe", (yield* chain.head("CrossSafe")).number, 2)
      yield* same("cross-unsafe follows", (yield* chain.head("CrossUnsafe")).number, 2)
      yield* node.updateFinalized(idOf(l2Block(1)))
      yield* node.updateFinalized(idOf(l2Block(1)))
      yield* same("finalized", (yield* chain.head("Finalized")).number, 1)
      yield* node.updateFinalized(idOf(l2Block(3)))
      yield* node.updateFinalized(idOf(l2Block(0)))
      yield* same("refused without an error", (yield* chain.head("Finalized")).number, 1)
    })
  ),
  check(
    "does not promote a block that it does not know",
    Effect.gen(function* () {
      const node = yield* ManagedNode
      const unknown = { hash: hash("ff", 1), number: 0 }
      const text = /^failed to get L2BlockRef: block not found/
      yield* failsWith("cross-unsafe", node.updateCrossUnsafe(unknown), "BlockNotFound", text)
      yield* failsWith("cross-safe", node.updateCrossSafe(unknown, idOf(l1Block(1))), "BlockNotFound", text)
      yield* failsWith("finalized", node.updateFinalized(unknown), "BlockNotFound", text)
    })
  )
]

const lookups: ReadonlyArray<Check> = [
  check(
    "answers who it is and where it starts",
    Effect.gen(function* () {
      const node = yield* ManagedNode
      yield* same("chain id", yield* node.chainId, chainId)
      yield* same("anchor", yield* node.anchorPoint, { source: l1Block(100), derived: refOf(l2Block(0)) })
      const [connection] = yield* node.connection.pipe(Stream.take(1), Stream.runCollect)
      yield* same("connection", connection, "Connected")
    })
  ),
  check(
    "finds blocks by height and time",
    Effect.gen(function* () {
      const node = yield* ManagedNode
      yield* grow(2)
      yield* same("by number", yield* node.l2BlockRefByNumber(1), l2Block(1))
      yield* same("by number, plain", refOf(yield* node.blockRefByNumber(1)), refOf(l2Block(1)))
      yield* same("by time", yield* node.l2BlockRefByTimestamp(l2Block(1).timestamp), l2Block(1))
      yield* same(
        "between two blocks",
        yield* node.l2BlockRefByTimestamp(l2Block(1).timestamp + 1),
        l2Block(1)
      )
      yield* same("output", yield* node.outputV0AtTimestamp(l2Block(2).timestamp), output(2))
      yield* same(
        "pending of an ordinary block",
        yield* node.pendingOutputV0AtTimestamp(l2Block(2).timestamp),
        output(2)
      )
      yield* failsWith("height", node.l2BlockRefByNumber(3), "BlockNotFound", /^block not found: 3$/)
      yield* failsWith(
        "future",
        node.l2BlockRefByTimestamp(l2Block(9).timestamp),
        "BlockNotFound",
        /block not found/
      )
      const past = /^did not reach genesis time \(2000\) yet$/
      yield* failsWith("past", node.outputV0AtTimestamp(1999), "Refused", past)
    })
  ),
  check(
    "fetches receipts",
    Effect.gen(function* () {
      const node = yield* ManagedNode
      yield* grow(1)
      const found = yield* node.fetchReceipts(l2Block(1).hash)
      const [first] = found
      yield* same("count", found.length, 1)
      yield* same("gas", first?.cumulativeGasUsed, 42_000)
      yield* same(
        "log",
        { ...first?.logs[0], blockTimestamp: 0, removed: false },
        { ...receipt(1).logs[0], blockTimestamp: 0, removed: false }
      )
      yield* same("none", yield* node.fetchReceipts(l2Block(0).hash), [])
      yield* failsWith("unknown", node.fetchReceipts(hash("ff", 1)), "BlockNotFound")
    })
  )
]

/** All checks. */
export const checks: ReadonlyArray<Check> = [...events, ...resets, ...promotions, ...lookups]
