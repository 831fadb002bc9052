/** A committee beside an execution client: rounds around its blocks, inherents, L1 origins. */
import { toRef } from "@ephor/chain/BlockTree"
import type { ChainBlock } from "@ephor/chain/Chain"
import type { Companion, Executed, Start } from "@ephor/chain/Companion"
import type { BlockRef, L2BlockRef } from "@ephor/types"
import { Effect } from "effect"
import { systemDeposit } from "../DevExecution.ts"
import type { Member } from "../DevChain.ts"
import * as FinalityVotes from "../finality/FinalityVotes.ts"
import type { Options as RuntimeOptions } from "../DevRuntime.ts"
import { type DevTransaction, encode } from "../DevTransaction.ts"
import { makeRelayStates } from "../runtime/RelayStates.ts"
import { inherentOfBlock } from "../runtime/StateStore.ts"
import { makeDag } from "./DagMaker.ts"
import type { Providers } from "./Inherents.ts"
import { makeOrigins } from "./Origins.ts"
import type { Signers } from "./Signers.ts"

/** What `DevCompanion.layer` was given, with nothing left open. */
export interface Options {
  readonly authors: ReadonlyArray<Member>
  readonly signers: Signers
  readonly providers: Providers
  readonly l1Genesis: BlockRef | undefined
  readonly runtime: RuntimeOptions
  readonly derivationDelayBlocks: number
  readonly heldRounds: number
  readonly keptStates: number
  readonly cachedStates: number
  readonly voting: FinalityVotes.FinalityVoting
}

/** Takes the committee, the runtime's states and the L1 side up from the store. */
export const companion = Effect.fnUntraced(function* ({ chain, firstNumber }: Start, options: Options) {
  const { l1Genesis, providers } = options
  const dag = yield* makeDag(options.authors, options.signers, firstNumber, options.heldRounds)
  const relay = yield* makeRelayStates(options.runtime, options, chain)
  const origins = yield* makeOrigins(options, chain)
  const votes = FinalityVotes.make(options.voting, chain)

  const refOf = (
    parent: L2BlockRef | undefined,
    { hash, number, parentHash, timestamp }: Executed
  ): L2BlockRef => {
    const own = { hash, number }
    const start = l1Genesis === undefined ? own : { hash: l1Genesis.hash, number: l1Genesis.number }
    const l1origin = parent === undefined ? start : (origins.originFor(parent, timestamp) ?? own)
    const sequenceNumber =
      parent !== undefined && l1origin.hash === parent.l1origin.hash ? parent.sequenceNumber + 1 : 0
    return { hash, number, parentHash, timestamp, l1origin, sequenceNumber }
  }

  /** A block with everything about it, as a round of the committee upon its parent. */
  const round = Effect.fnUntraced(function* (
    parent: ChainBlock,
    executed: Executed,
    beside: ReadonlyArray<DevTransaction>
  ) {
    const { hash, number, output, receipts } = executed
    const execution: DevTransaction = { _tag: "ExecutionBlock", value: { number, hash } }
    const { body, subDag } = yield* dag.make(chain(), parent, [execution, ...beside].map(encode))
    const block: ChainBlock = { ref: refOf(parent.ref, executed), body, receipts, output }
    yield* relay.advance(parent, block, subDag)
    return block
  })

  const made: Companion = {
    genesis: (first) => ({
      ref: refOf(undefined, first),
      body: new Uint8Array(0),
      receipts: [],
      output: first.output
    }),
    anchorSource: l1Genesis,
    wrap: Effect.fnUntraced(function* (parent, executed, isNewest) {
      yield* dag.settle(chain())
      const leader = yield* dag.nextLeader
      const authors = dag.committee.authorities.length
      const inherent = isNewest
        ? yield* providers.askFor(relay.api, leader, authors, toRef(parent.ref))
        : null
      return yield* round(parent, executed, yield* relay.carrying(parent, inherent))
    }),
    replace: Effect.fnUntraced(function* (parent, executed, invalid) {
      const inherents = yield* relay.carrying(parent, inherentOfBlock(parent, invalid))
      const block = yield* round(parent, executed, [...inherents, systemDeposit(invalid.output)])
      const { l1origin, sequenceNumber } = invalid.ref
      return { ...block, ref: { ...block.ref, l1origin, sequenceNumber }, pending: invalid.output }
    }),
    derive: origins.derive,
    keepFrom: dag.keepFrom,
    finalizable: votes.bound
  }
  return { companion: made, committee: dag.committee, relay, votes }
})
