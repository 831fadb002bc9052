/** How blocks of a development chain come to be: in their slots, and in the place of invalid ones. */
import type { BlockId } from "@ephor/types"
import { Cause, Effect, type Latch, Metric, Queue } from "effect"
import type { ChainBlock, KnownBlock, Service as Chain } from "@ephor/chain/Chain"
import { Backend, ChainError } from "@ephor/chain/ChainError"
import type { Resolved } from "../DevChain.ts"
import { execute, systemDeposit } from "../DevExecution.ts"
import { queueLength, slotsMissed } from "../DevMetrics.ts"
import { encode, type DevTransaction } from "../DevTransaction.ts"
import type { StoreError } from "@ephor/store/Store"
import type { DagMaker } from "./DagMaker.ts"
import { fitting } from "./Filling.ts"
import type { Providers } from "./Inherents.ts"
import type { Origins } from "./Origins.ts"
import { Timestamps } from "./Timestamps.ts"
import type { RelayStates } from "../runtime/RelayStates.ts"
import { inherentOfBlock } from "../runtime/StateStore.ts"

/** What blocks are made with. */
export interface Parts {
  readonly options: Resolved
  readonly chain: () => Chain
  readonly dag: DagMaker
  readonly relay: RelayStates
  readonly origins: Origins
  readonly providers: Providers
  readonly queue: Queue.Queue<DevTransaction>
}

interface Position {
  readonly parent: ChainBlock
  readonly timestamp: number
  readonly l1origin: BlockId | undefined
}

/** Makes a round, commits and executes it. `carried` runs when the round holds the transactions, whatever comes of it. */
const build = Effect.fnUntraced(function* (
  { chain, dag, relay }: Parts,
  position: Position,
  transactions: ReadonlyArray<DevTransaction>,
  carried: Effect.Effect<void> = Effect.void
) {
  const { body, subDag } = yield* dag.make(chain(), position.parent, transactions.map(encode), carried)
  const block = execute(position, subDag, body)
  yield* relay.advance(position.parent, block, subDag)
  return block
})

const failed = (cause: ChainError | StoreError) =>
  cause._tag === "ChainError"
    ? cause
    : new ChainError({
        method: "replace",
        reason: new Backend({ what: "the replacement cannot be built", cause })
      })

/** Builds deposits-only blocks: what the invalid block took in for parachains stays, what others called is dropped. */
export const makeReplace = (parts: Parts) =>
  Effect.fnUntraced(function* (invalid: KnownBlock) {
    const parent = yield* parts.chain().content(invalid.ref.parentHash)
    const inherents = yield* parts.relay.carrying(parent, inherentOfBlock(parent, invalid))
    const { timestamp } = invalid.ref
    const l1origin = parts.options.l1Genesis === undefined ? undefined : invalid.ref.l1origin
    return yield* build(parts, { parent, timestamp, l1origin }, [...inherents, systemDeposit(invalid.output)])
  }, Effect.mapError(failed))

/** Waits for the next slot and authors its block; `done` is told the height. */
export const makeAuthoring = (
  parts: Parts,
  running: Latch.Latch,
  done: (number: number) => Effect.Effect<void, ChainError>
) => {
  const { dag, options, origins, providers, queue, relay } = parts
  const chain = parts.chain()
  // Timers may fire a moment early: counting slots keeps one slot from being used twice.
  let lastSlot = 0
  const timestamps = new Timestamps()
  /** Transactions out of the queue that no round holds yet: what a failed slot took waits here for the next one. */
  let taken: ReadonlyArray<DevTransaction> = []
  const takeWaiting = Effect.fnUntraced(function* (inherents: ReadonlyArray<DevTransaction>) {
    const room = options.transactionsPerBlock - taken.length
    if (room > 0 && (yield* Queue.size(queue)) > 0)
      taken = [...taken, ...(yield* Queue.takeBetween(queue, 1, room))]
    return taken.slice(0, fitting(inherents, taken))
  })

  /** One block. If the head moves meanwhile the round is not imported; what it holds is committed by the next. */
  const author = Effect.gen(function* () {
    yield* dag.settle(chain)
    const leader = yield* dag.nextLeader
    const asked = yield* chain.head("LocalUnsafe")
    const inherent = yield* providers.askFor(relay.api, leader, dag.committee.authorities.length, asked)
    const parent = yield* chain.content((yield* chain.head("LocalUnsafe")).hash)
    const inherents = yield* relay.carrying(parent, parent.ref.hash === asked.hash ? inherent : null)
    const waiting = yield* takeWaiting(inherents)
    const carried = Effect.sync(() => void (taken = taken.slice(waiting.length)))
    const slotMs = lastSlot * options.blockTimeMs
    const timestamp = timestamps.after(parent.ref.timestamp, Math.max(yield* dag.now, slotMs), slotMs)
    const position = { parent, timestamp, l1origin: origins.originFor(parent.ref, timestamp) }
    const block = yield* build(parts, position, [...inherents, ...waiting], carried)
    const head = yield* chain.head("LocalUnsafe")
    if (head.hash !== parent.ref.hash) {
      return yield* Effect.logDebug(`block ${block.ref.number} was overtaken by a new head`)
    }
    yield* chain.import(block)
    yield* done(block.ref.number)
  })

  return Effect.gen(function* () {
    const now = yield* dag.now
    const slot = Math.floor(now / options.blockTimeMs)
    // A timer that fired early leaves us in the slot before; anything else says that the clock was put back.
    lastSlot = (slot < lastSlot - 1 ? slot : Math.max(slot, lastSlot)) + 1
    yield* Effect.sleep(lastSlot * options.blockTimeMs - now)
    yield* running.await
    yield* author.pipe(
      Effect.tapCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : Metric.update(slotsMissed, 1)
      ),
      Effect.catch((error) => Effect.logWarning(`no block in this slot: ${error.message}`)),
      Effect.catchDefect((defect) => Effect.logError("no block in this slot", defect))
    )
    yield* Metric.update(queueLength, yield* Queue.size(queue))
  })
}
