import { assert, describe, it } from "@effect/vitest"
import { Disconnected, ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import { type ChainId, type Hash, type L2BlockRef, outputRoot, superRoot } from "@ephor/types"
import { Effect, Result } from "effect"
import { methodNames, dispatch } from "../src/SupervisorRpc.ts"
import type { Supervisor } from "../src/index.ts"
import { is, makeWorld, start, type World } from "./support/supervisor.ts"
import { execute, hashOf, plainLog, until } from "./world.ts"

const zeroHash: Hash = `0x${"0".repeat(64)}`
const zero = { hash: zeroHash, number: 0 }
const id = ({ hash, number }: { readonly hash: Hash; readonly number: number }) => ({ hash, number })
const outputOf = (blockHash: Hash) => ({
  stateRoot: hashOf("state", blockHash),
  messagePasserStorageRoot: zeroHash,
  blockHash
})

/** An `OutputResponse` of op-node about a block, with the L1 block that is needed for it. */
const required = (block: L2BlockRef, source: { readonly hash: Hash; readonly number: number }) => ({
  output: {
    version: zeroHash,
    outputRoot: outputRoot(outputOf(block.hash)),
    blockRef: {
      hash: block.hash,
      number: block.number,
      parentHash: block.parentHash,
      timestamp: block.timestamp,
      l1origin: id(block.l1origin),
      sequenceNumber: block.sequenceNumber
    },
    withdrawalStorageRoot: zeroHash,
    stateRoot: hashOf("state", block.hash),
    syncStatus: null
  },
  required_l1: id(source)
})

const rootsOf = (timestamp: number, blocks: { readonly [id: ChainId]: { readonly hash: Hash } }) => {
  const chains = Object.entries(blocks).map(([chainId, { hash }]) => ({
    chainId,
    output: outputRoot(outputOf(hash))
  }))
  return {
    super: {
      timestamp: `0x${timestamp.toString(16)}`,
      chains: chains.map(({ chainId, output }) => ({ chainID: chainId, output }))
    },
    super_root: superRoot({ timestamp, chains })
  }
}

type Asked = { readonly flatSuperRoots?: boolean }
const ask = (
  supervisor: Supervisor.Service,
  method: string,
  params: ReadonlyArray<unknown>,
  forms: Asked = {}
) => Effect.map(dispatch(supervisor, forms)(method, params), (answer) => JSON.parse(JSON.stringify(answer)))
const at = (supervisor: Supervisor.Service, timestamp: number, forms?: Asked) =>
  ask(supervisor, "superroot_atTimestamp", [timestamp], forms)

const crossSafe = (supervisor: Supervisor.Service, chain: ChainId, block: { readonly hash: Hash }) =>
  until(
    `a block of ${chain} is cross-safe`,
    Effect.map(supervisor.crossSafe(chain), ({ derived }) => is(block)(derived))
  )
const localSafe = (supervisor: Supervisor.Service, chain: ChainId, block: { readonly hash: Hash }) =>
  until(
    `a block of ${chain} is local-safe`,
    Effect.map(supervisor.localSafe(chain), ({ derived }) => is(block)(derived))
  )

/** `a1` is safe as of L1 block 1 and `b1` as of L1 block 2, and final. */
const settled = Effect.fnUntraced(function* ({ a, b, l1 }: World, supervisor: Supervisor.Service) {
  const a1 = yield* a.build()
  const b1 = yield* b.build()
  l1.mine(2)
  a.batch(1, a1)
  b.batch(2, b1)
  l1.mine(2)
  yield* crossSafe(supervisor, "901", a1)
  yield* crossSafe(supervisor, "902", b1)
  yield* until(
    "both chains are at the last confirmed L1 block",
    Effect.map(supervisor.syncStatus, ({ minSyncedL1 }) => minSyncedL1.number === 2)
  )
  return { a1, b1 }
})

describe("superroot_atTimestamp", () => {
  it.effect("tells outputs, what they need of L1, and the root of what is verified, byte by byte", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { l1 } = world
      const { supervisor } = yield* start(world)
      const { a1, b1 } = yield* settled(world, supervisor)
      const time = a1.timestamp
      const head = {
        current_l1: id(l1.blocks[2]!),
        safe_timestamp: time,
        local_safe_timestamp: time,
        finalized_timestamp: world.a.genesis.timestamp,
        optimistic_at_timestamp: { "901": required(a1, l1.blocks[1]!), "902": required(b1, l1.blocks[2]!) },
        chain_ids: ["901", "902"]
      }
      const roots = rootsOf(time, { "901": a1, "902": b1 })
      const verified = id(l1.blocks[2]!)
      // The highest L1 block of all chains, not the lowest: with the lowest, b1 could not be verified.
      const nested = { ...head, data: { verified_required_l1: verified, ...roots } }
      assert.strictEqual(JSON.stringify(yield* at(supervisor, time)), JSON.stringify(nested))
      const flat = { ...head, ...roots, verified_required_l1: verified }
      assert.strictEqual(
        JSON.stringify(yield* at(supervisor, time, { flatSuperRoots: true })),
        JSON.stringify(flat)
      )
    })
  )

  it.effect("leaves a chain out that cannot be derived yet, and its data until all are verified", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const { supervisor } = yield* start(world)
      const { a1 } = yield* settled(world, supervisor)
      const log = plainLog("hello")
      const a2 = yield* a.build([log])
      const b2 = yield* b.build([execute("901", a2, 0, log)])
      l1.mine(1)
      b.batch(3, b2)
      yield* localSafe(supervisor, "902", b2)
      const missing = yield* at(supervisor, a2.timestamp)
      assert.deepStrictEqual(Object.keys(missing.optimistic_at_timestamp), ["902"])
      assert.notProperty(missing, "data")
      assert.deepStrictEqual(missing.chain_ids, ["901", "902"])
      const flat = yield* at(supervisor, a2.timestamp, { flatSuperRoots: true })
      assert.deepStrictEqual([flat.super, flat.super_root, flat.verified_required_l1], [null, zeroHash, zero])
      const future = yield* at(supervisor, a2.timestamp + 100)
      assert.deepStrictEqual(future.optimistic_at_timestamp, {})
      const before = yield* at(supervisor, 1)
      assert.deepStrictEqual(before.optimistic_at_timestamp, {})
      assert.strictEqual(missing.safe_timestamp, a1.timestamp)
    })
  )

  it.effect("tells what was replaced as optimistic, and the replacement as verified", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const obedient = { value: false }
      const deaf = {
        ...b.node,
        invalidateBlock: (seal: Parameters<typeof b.node.invalidateBlock>[0]) =>
          obedient.value ? b.node.invalidateBlock(seal) : Effect.void
      }
      const { supervisor } = yield* start(world, { nodes: [{ node: a.node }, { node: deaf }] })
      const a1 = yield* a.build()
      const b1 = yield* b.build([execute("901", a1, 0, plainLog("never said"))])
      l1.mine(1)
      a.batch(1, a1)
      b.batch(1, b1)
      l1.mine(2)
      yield* crossSafe(supervisor, "901", a1)
      yield* until(
        "b1 is invalid",
        Effect.map(supervisor.counters, ({ invalidatedBlocks }) => invalidatedBlocks === 1)
      )
      const marked = yield* at(supervisor, b1.timestamp, { flatSuperRoots: true })
      assert.deepStrictEqual(marked.optimistic_at_timestamp["902"], required(b1, l1.blocks[1]!))
      // Not verified, but all outputs are there: the later form tells what they would come to.
      assert.deepStrictEqual(marked.verified_required_l1, zero)
      const { super_root } = rootsOf(b1.timestamp, { "901": a1, "902": b1 })
      assert.strictEqual(marked.super_root, super_root)
      assert.notProperty(yield* at(supervisor, b1.timestamp), "data")
      obedient.value = true
      yield* until(
        "the replacement is cross-safe",
        Effect.map(supervisor.crossSafe("902"), ({ derived }) => derived.number === 1)
      )
      const { derived } = yield* supervisor.crossSafe("902")
      assert.notStrictEqual(derived.hash, b1.hash)
      const answer = yield* at(supervisor, b1.timestamp)
      assert.deepStrictEqual(answer.optimistic_at_timestamp["902"], required(b1, l1.blocks[1]!))
      assert.strictEqual(
        answer.data.super_root,
        rootsOf(b1.timestamp, { "901": a1, "902": derived }).super_root
      )
    })
  )

  it.effect("mixes no two blocks, and leaves out who cannot be asked", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b } = world
      const wrong: { output: "none" | "other" | "down" } = { output: "none" }
      const gone = new ManagedNodeError({ method: "any", reason: new Disconnected({ why: "gone" }) })
      const shifty = {
        ...b.node,
        outputV0AtTimestamp: (timestamp: number) =>
          wrong.output === "down"
            ? Effect.fail(gone)
            : Effect.map(b.node.outputV0AtTimestamp(timestamp), (output) =>
                wrong.output === "other" ? { ...output, blockHash: hashOf("other") } : output
              )
      }
      const { supervisor } = yield* start(world, { nodes: [{ node: a.node }, { node: shifty }] })
      const { a1 } = yield* settled(world, supervisor)
      assert.property(yield* at(supervisor, a1.timestamp), "data")
      for (const output of ["other", "down"] as const) {
        wrong.output = output
        const answer = yield* at(supervisor, a1.timestamp)
        assert.deepStrictEqual(Object.keys(answer.optimistic_at_timestamp), ["901"])
        assert.notProperty(answer, "data")
      }
    })
  )

  it.effect("takes a plain number, as Go does", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { supervisor } = yield* start(world)
      for (const wrong of ["0x3e8", "1000", -1, 1.5, null, {}]) {
        const answer = yield* Effect.result(at(supervisor, wrong as number))
        assert.isTrue(Result.isFailure(answer) && answer.failure.code === -32602, JSON.stringify(wrong))
      }
    })
  )
})

describe("supernode_syncStatus", () => {
  it.effect("tells every chain in the words of op-node", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, l1 } = world
      const { supervisor } = yield* start(world)
      const { a1, b1 } = yield* settled(world, supervisor)
      const a2 = yield* a.build()
      l1.finalize(1)
      yield* until("a1 is final", Effect.map(supervisor.finalized("901"), is(a1)))
      yield* until("a2 is cross-unsafe", Effect.map(supervisor.crossUnsafe("901"), is(a2)))
      const status = yield* ask(supervisor, "supernode_syncStatus", [])
      const refOf = (block: L2BlockRef) => required(block, block).output.blockRef
      assert.deepStrictEqual(Object.keys(status), [
        "chains",
        "chain_ids",
        "current_l1",
        "safe_timestamp",
        "local_safe_timestamp",
        "finalized_timestamp"
      ])
      assert.deepStrictEqual(status.chains["901"], {
        current_l1: l1.blocks[2],
        current_l1_finalized: l1.blocks[1],
        head_l1: l1.blocks.at(-1),
        safe_l1: l1.blocks[1],
        finalized_l1: l1.blocks[1],
        unsafe_l2: refOf(a2),
        cross_unsafe_l2: refOf(a2),
        local_safe_l2: refOf(a1),
        safe_l2: refOf(a1),
        finalized_l2: refOf(a1),
        pending_safe_l2: refOf(a1),
        queued_unsafe_l2: {
          hash: zeroHash,
          number: 0,
          parentHash: zeroHash,
          timestamp: 0,
          l1origin: zero,
          sequenceNumber: 0
        }
      })
      assert.deepStrictEqual(status.chains["902"].safe_l2, refOf(b1))
      assert.deepStrictEqual(status.chain_ids, ["901", "902"])
      assert.deepStrictEqual(status.current_l1, id(l1.blocks[2]!))
      assert.deepStrictEqual(
        [status.safe_timestamp, status.local_safe_timestamp, status.finalized_timestamp],
        [a1.timestamp, a1.timestamp, world.b.genesis.timestamp]
      )
    })
  )
})

describe("heartbeat_check", () => {
  it.effect("answers four random bytes", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { supervisor } = yield* start(world)
      const beats = yield* Effect.forEach([1, 2, 3, 4], () => ask(supervisor, "heartbeat_check", []))
      for (const beat of beats) assert.match(beat, /^0x[0-9a-f]{8}$/)
      assert.isAbove(new Set(beats).size, 1)
      assert.includeMembers(
        [...methodNames],
        ["superroot_atTimestamp", "supernode_syncStatus", "heartbeat_check"]
      )
    })
  )
})
