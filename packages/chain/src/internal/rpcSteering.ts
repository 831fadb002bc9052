/** Tells an execution client where to go, as far as it lets us. */
import type { Hash } from "@ephor/types"
import { Effect } from "effect"
import type { ChainBlock, HeadRefs } from "../Chain.ts"
import { ChainError, Unsupported } from "../ChainError.ts"
import { systemDeposit } from "../DevExecution.ts"
import type { DevTransaction } from "../DevTransaction.ts"
import type { Anvil } from "./anvil.ts"
import { as, type Parts, wrap } from "./rpcBlocks.ts"
import { inherentOfBlock } from "./stateStore.ts"

const unsupported = (method: string, what: string) =>
  new ChainError({ method, reason: new Unsupported({ what }) })

/** The verbs of the backend that need a client that can be steered. */
export const makeSteering = (parts: Parts, anvil: Anvil | undefined) => {
  const { client } = parts
  /** Where we go back to because the client did: it need not be told. */
  let followed: Hash | undefined
  /** How often the client was steered: what was read from it before that is stale. */
  let steered = 0
  const steering = <A, E>(effect: Effect.Effect<A, E>) => {
    const count = Effect.sync(() => steered++)
    return Effect.andThen(count, Effect.ensuring(effect, count))
  }

  const replace = Effect.fnUntraced(
    function* (invalid: ChainBlock) {
      if (anvil === undefined) return yield* unsupported("replace", "build a replacement (only an anvil can)")
      const parent = yield* parts.chain().content(invalid.ref.parentHash)
      const block = yield* steering(anvil.replace(parent.ref.number, invalid.ref.timestamp, invalid.output))
      const inherents = yield* parts.relay.carrying(parent, inherentOfBlock(parent, invalid))
      const beside = [...inherents, systemDeposit(invalid.output)]
      const wrapped = yield* wrap(parts, parent, block, beside, yield* client.receipts(block))
      const { l1origin, sequenceNumber } = invalid.ref
      return { ...wrapped, ref: { ...wrapped.ref, l1origin, sequenceNumber }, pending: invalid.output }
    },
    Effect.mapError(as("replace", "the replacement cannot be built"))
  )

  const setHeads = Effect.fnUntraced(
    function* ({ localUnsafe }: HeadRefs) {
      if (localUnsafe.hash === followed) return
      const latest = yield* client.block("latest")
      if (latest === undefined || latest.hash === localUnsafe.hash) return
      const same = yield* client.block(localUnsafe.number)
      if (same?.hash !== localUnsafe.hash)
        return yield* unsupported("setHeads", "bring a block back that its client dropped")
      if (anvil === undefined)
        return yield* unsupported("setHeads", "make its client go back (only an anvil can)")
      yield* steering(anvil.rollback(localUnsafe.number))
    },
    Effect.mapError(as("setHeads", "the client cannot be told its heads"))
  )

  const submit = Effect.fnUntraced(
    function* (transaction: DevTransaction) {
      if (transaction._tag !== "Emit")
        return yield* unsupported("submit", `take a transaction ${transaction._tag}`)
      if (anvil === undefined) return yield* unsupported("submit", "emit logs to order (only an anvil can)")
      yield* Effect.forEach(transaction.value.logs, anvil.emit, { discard: true })
    },
    Effect.mapError(as("submit", "the client does not take the transaction"))
  )

  return {
    replace,
    setHeads,
    submit,
    /** Tells whether the client was steered since now. */
    watch: () => {
      const seen = steered
      return () => steered !== seen
    },
    /** Runs `revert`, whose heads end with `hash`, without telling the client: it is there already. */
    following: <A, E>(hash: Hash, revert: Effect.Effect<A, E>) =>
      Effect.acquireUseRelease(
        Effect.sync(() => void (followed = hash)),
        () => revert,
        () => Effect.sync(() => void (followed = undefined))
      )
  }
}

/** See `makeSteering`. */
export type Steering = ReturnType<typeof makeSteering>
