/** Tells an execution client where to go, as far as it lets us. */
import type { BlockId, BlockRef, Hash, Log, OutputV0 } from "@ephor/types"
import { Effect } from "effect"
import type { ChainBlock, HeadRefs, KnownBlock } from "@ephor/chain/Chain"
import type { Block, Client } from "../NodeEthRpcClient.ts"
import { toRef } from "@ephor/chain/BlockTree"
import { as, executed, loweredTo, type Parts, type Problem, unsupported } from "./Blocks.ts"

/** What we can make a client do. */
export interface Powers {
  /** Makes the heads those of the client; its latest block is the local-unsafe head then. */
  readonly setHeads: (heads: HeadRefs) => Effect.Effect<void, Problem>
  /**
   * Has the deposits-only block built that takes the place of `invalid`, and makes it the client's latest. `below` are
   * the heads while it is built: the parent, and what is not above it.
   */
  readonly replace: (invalid: KnownBlock, below: HeadRefs) => Effect.Effect<Block, Problem>
  /** The output that a block says it replaces; nothing for a block that `replace` did not build. */
  readonly replacedBy: (block: Block) => Effect.Effect<OutputV0 | undefined, Problem>
  /** Has one log emitted in a block to come. */
  readonly emit: (log: Pick<Log, "address" | "data" | "topics">) => Effect.Effect<void, Problem>
}

/** Whether the client must go back for `head` to be its latest block; fails for a block that it dropped. */
export const mustGoBack = Effect.fnUntraced(function* (client: Client, head: BlockRef) {
  const latest = yield* client.block("latest")
  if (latest === undefined || latest.hash === head.hash) return false
  const same = yield* client.block(head.number)
  if (same?.hash !== head.hash) {
    return yield* unsupported("setHeads", "bring a block back that its client dropped")
  }
  return true
})

/** The way to emit logs of a client that has none. */
export const emitsNothing: Powers["emit"] = () =>
  Effect.fail(unsupported("submit", "emit logs to order (only an anvil can)"))

/** Powers over a client that goes its own way. */
export const powerless = (client: Client): Powers => ({
  setHeads: Effect.fnUntraced(function* ({ localUnsafe }: HeadRefs) {
    if (yield* mustGoBack(client, localUnsafe)) {
      return yield* unsupported("setHeads", "make its client go back (give its Engine API, or an anvil)")
    }
  }),
  replace: () =>
    Effect.fail(unsupported("replace", "build a replacement (give its client's Engine API, or an anvil)")),
  replacedBy: () => Effect.undefined,
  emit: emitsNothing
})

interface Memory {
  readonly parts: Parts
  readonly powers: Powers
  /** Where we go back to because the client did: it need not be told. */
  followed: Hash | undefined
  /** The replacement that is to become our head, and that the client had before: it need not be told. */
  standing: Hash | undefined
  /** How often the client was steered: what was read from it before, or meanwhile, is stale. */
  steered: number
  inHand: number
}

const steering = <A, E>(memory: Memory, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => memory.inHand++),
    () => effect,
    () =>
      Effect.sync(() => {
        memory.inHand--
        memory.steered++
      })
  )

/** The storage root of a block that the client has replaced, as the replacement tells it. */
const rootOfReplaced = Effect.fnUntraced(function* ({ parts, powers }: Memory, { hash, number }: BlockId) {
  const theirs = yield* parts.client.block(number)
  const replaced = theirs === undefined ? undefined : yield* powers.replacedBy(theirs)
  return replaced?.blockHash === hash ? replaced.messagePasserStorageRoot : undefined
})

/** Whether the client's block was built in the place of ours. */
const isReplacement = (powers: Powers, ours: Hash, theirs: Block) =>
  Effect.map(powers.replacedBy(theirs), (replaced) => replaced?.blockHash === ours)

/** Has the replacement built, unless the client has it already: we may have been killed after it was. */
const build = Effect.fnUntraced(function* (memory: Memory, parent: ChainBlock, invalid: KnownBlock) {
  const { parts, powers } = memory
  const { ref } = invalid
  const theirs = yield* parts.client.block(ref.number)
  if (theirs?.parentHash !== parent.ref.hash || !(yield* isReplacement(powers, ref.hash, theirs))) {
    const below = loweredTo(toRef(parent.ref), yield* parts.chain().heads)
    return yield* steering(memory, powers.replace(invalid, below))
  }
  memory.standing = theirs.hash
  return theirs
})

const replace = Effect.fnUntraced(function* (memory: Memory, invalid: KnownBlock) {
  const { parts } = memory
  const parent = yield* parts.chain().content(invalid.ref.parentHash)
  const block = yield* build(memory, parent, invalid)
  const receipts = yield* parts.client.receipts(block)
  return yield* parts.companion.replace(parent, executed(parts.options, block, receipts), invalid)
})

const setHeads = (memory: Memory, heads: HeadRefs) =>
  Effect.suspend(() => {
    const { followed, powers, standing } = memory
    memory.standing = undefined
    const { hash } = heads.localUnsafe
    return hash === followed || hash === standing ? Effect.void : steering(memory, powers.setHeads(heads))
  })

/** What needs a client that can be steered. */
export const makeSteering = (parts: Parts, powers: Powers) => {
  const memory: Memory = { parts, powers, followed: undefined, standing: undefined, steered: 0, inHand: 0 }
  return {
    replace: (invalid: KnownBlock) =>
      Effect.mapError(replace(memory, invalid), as("replace", "the replacement cannot be built")),
    setHeads: (heads: HeadRefs) =>
      Effect.mapError(setHeads(memory, heads), as("setHeads", "the client cannot be told its heads")),
    emit: (log: Parameters<Powers["emit"]>[0]) =>
      Effect.mapError(powers.emit(log), as("submit", "the client does not take the transaction")),
    rootOfReplaced: (block: BlockId) => rootOfReplaced(memory, block),
    isReplacement: (ours: Hash, theirs: Block) => isReplacement(powers, ours, theirs),
    /** Tells whether the client was steered since now, or is being steered. */
    watch: () => {
      const seen = memory.steered
      const began = memory.inHand > 0
      return () => began || memory.inHand > 0 || memory.steered !== seen
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
