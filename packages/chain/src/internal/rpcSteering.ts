/** Tells an execution client where to go, as far as it lets us. */
import type { Hash } from "@ephor/types"
import { Effect } from "effect"
import type { ChainBlock, HeadRefs } from "../Chain.ts"
import { ChainError, Unsupported } from "../ChainError.ts"
import { systemDeposit } from "../DevExecution.ts"
import type { DevTransaction } from "../DevTransaction.ts"
import type { Block } from "../NodeEthRpcClient.ts"
import type { Anvil } from "./anvil.ts"
import { as, type Parts, wrap } from "./rpcBlocks.ts"
import { inherentOfBlock } from "./stateStore.ts"

interface Memory {
  readonly parts: Parts
  /** There is one if the client is an anvil; no other client can be steered. */
  readonly anvil: Anvil | undefined
  /** Where we go back to because the client did: it need not be told. */
  followed: Hash | undefined
  /** The replacement that is to become our head, and that the client had before: it need not be told. */
  standing: Hash | undefined
  /** How often the client was steered: what was read from it before that is stale. */
  steered: number
}

const unsupported = (method: string, what: string) =>
  new ChainError({ method, reason: new Unsupported({ what }) })

const steering = <A, E>(memory: Memory, effect: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  const count = Effect.sync(() => memory.steered++)
  return Effect.andThen(count, Effect.ensuring(effect, count))
}

/** Whether the client's block was built in the place of ours. */
const isReplacement = Effect.fnUntraced(function* (anvil: Anvil | undefined, ours: Hash, theirs: Block) {
  const replaced = anvil === undefined ? undefined : yield* anvil.replacedBy(theirs)
  return replaced?.blockHash === ours
})

/** Has the replacement built, unless the client has it already: we may have been killed after it was. */
const build = Effect.fnUntraced(function* (
  memory: Memory,
  anvil: Anvil,
  parent: ChainBlock,
  invalid: ChainBlock
) {
  const { output, ref } = invalid
  const theirs = yield* memory.parts.client.block(ref.number)
  if (theirs?.parentHash !== parent.ref.hash || !(yield* isReplacement(anvil, ref.hash, theirs))) {
    return yield* steering(memory, anvil.replace(parent.ref.number, ref.timestamp, output))
  }
  memory.standing = theirs.hash
  return theirs
})

const replace = Effect.fnUntraced(function* (memory: Memory, invalid: ChainBlock) {
  const { anvil, parts } = memory
  if (anvil === undefined) return yield* unsupported("replace", "build a replacement (only an anvil can)")
  const parent = yield* parts.chain().content(invalid.ref.parentHash)
  const block = yield* build(memory, anvil, parent, invalid)
  const inherents = yield* parts.relay.carrying(parent, inherentOfBlock(parent, invalid))
  const beside = [...inherents, systemDeposit(invalid.output)]
  const wrapped = yield* wrap(parts, parent, block, beside, yield* parts.client.receipts(block))
  const { l1origin, sequenceNumber } = invalid.ref
  return { ...wrapped, ref: { ...wrapped.ref, l1origin, sequenceNumber }, pending: invalid.output }
})

const setHeads = Effect.fnUntraced(function* (memory: Memory, { localUnsafe }: HeadRefs) {
  const { anvil, followed, parts, standing } = memory
  memory.standing = undefined
  if (localUnsafe.hash === followed || localUnsafe.hash === standing) return
  const latest = yield* parts.client.block("latest")
  if (latest === undefined || latest.hash === localUnsafe.hash) return
  const same = yield* parts.client.block(localUnsafe.number)
  if (same?.hash !== localUnsafe.hash) {
    return yield* unsupported("setHeads", "bring a block back that its client dropped")
  }
  if (anvil === undefined)
    return yield* unsupported("setHeads", "make its client go back (only an anvil can)")
  yield* steering(memory, anvil.rollback(localUnsafe.number))
})

const submit = Effect.fnUntraced(function* (anvil: Anvil | undefined, transaction: DevTransaction) {
  if (transaction._tag !== "Emit")
    return yield* unsupported("submit", `take a transaction ${transaction._tag}`)
  if (anvil === undefined) return yield* unsupported("submit", "emit logs to order (only an anvil can)")
  yield* Effect.forEach(transaction.value.logs, anvil.emit, { discard: true })
})

/** What needs a client that can be steered. */
export const makeSteering = (parts: Parts, anvil: Anvil | undefined) => {
  const memory: Memory = { parts, anvil, followed: undefined, standing: undefined, steered: 0 }
  return {
    replace: (invalid: ChainBlock) =>
      Effect.mapError(replace(memory, invalid), as("replace", "the replacement cannot be built")),
    setHeads: (heads: HeadRefs) =>
      Effect.mapError(setHeads(memory, heads), as("setHeads", "the client cannot be told its heads")),
    submit: (transaction: DevTransaction) =>
      Effect.mapError(submit(anvil, transaction), as("submit", "the client does not take the transaction")),
    isReplacement: (ours: Hash, theirs: Block) => isReplacement(anvil, ours, theirs),
    /** Tells whether the client was steered since now. */
    watch: () => {
      const seen = memory.steered
      return () => memory.steered !== seen
    },
    /** Runs `revert`, whose heads end with `hash`, without telling the client: it is there already. */
    following: <A, E>(hash: Hash, revert: Effect.Effect<A, E>) =>
      Effect.acquireUseRelease(
        Effect.sync(() => void (memory.followed = hash)),
        () => revert,
        () => Effect.sync(() => void (memory.followed = undefined))
      )
  }
}

/** See `makeSteering`. */
export type Steering = ReturnType<typeof makeSteering>
