/**
 * A chain as it shows itself to those who follow it from other processes: pages of blocks, and where the heads are. The
 * same service in the maker's process (`layer`) and far away from it (a client that asks over a network).
 */
import { type AuthorityIndex, BlockId, BlockNumber, Hash, L2BlockRef, Wire } from "@ephor/types"
import { Context, Deferred, Effect, Layer, Option, Schema, type Scope, Stream } from "effect"
import { Chain, type Service as ChainService } from "@ephor/chain/Chain"
import type { ChainError } from "@ephor/chain/ChainError"
import {
  type BlockProvider,
  DevChain,
  type InherentProvider,
  type Service as DevChainService
} from "./DevChain.ts"

/** Most hashes in a locator. */
export const maxLocatorHashes = 64

/** Where a follower stands: hashes of its canonical chain from the head down, ever further apart, and what is final. */
export const Locator = Schema.Struct({
  known: Schema.Array(Hash).check(Schema.isMaxLength(maxLocatorHashes)),
  finalized: BlockNumber
})
export interface Locator extends Schema.Schema.Type<typeof Locator> {}

/** A block as it travels: everything else follows from executing its body. */
export const FeedBlock = Schema.Struct({ ref: L2BlockRef, body: Wire.Bytes })
export interface FeedBlock extends Schema.Schema.Type<typeof FeedBlock> {}

/** The canonical chain above what the follower has in common with it, as far as one page goes. */
export const Page = Schema.Struct({
  common: BlockId,
  blocks: Schema.Array(FeedBlock),
  finalized: BlockId
})
export interface Page extends Schema.Schema.Type<typeof Page> {}

/** Shape of a feed. */
export interface Service {
  /**
   * The next page for a follower; suspends for a while when there is nothing that it does not know. Fails as `Pruned` for one
   * that would have to begin where nothing is kept any more.
   */
  readonly next: (locator: Locator) => Effect.Effect<Page, ChainError>
  /** As `DevChain.provideInherents`, across processes. */
  readonly provideInherents: (
    author: AuthorityIndex,
    provider: InherentProvider
  ) => Effect.Effect<void, never, Scope.Scope>
  /** As `DevChain.provideBlocks`, across processes. */
  readonly provideBlocks: (
    author: AuthorityIndex,
    provider: BlockProvider
  ) => Effect.Effect<void, never, Scope.Scope>
}

/** The chain that this process follows, or lets others follow. */
export class ChainFeed extends Context.Service<ChainFeed, Service>()("@ephor/devchain/ChainFeed") {}

/** Bounds of a page and of its wait. */
export interface Limits {
  readonly pageBlocks: number
  /** A page ends with the block that reaches this many bytes of bodies. */
  readonly pageBytes: number
  /** How long `next` waits for something new before it answers with an empty page. */
  readonly waitMs: number
}

/** What applies where nothing is given. */
export const defaults: Limits = { pageBlocks: 128, pageBytes: 2 * 1024 * 1024, waitMs: 2000 }

/** The newest block of the locator that is canonical, and kept, here; the anchor if there is none. */
const commonWith = Effect.fnUntraced(function* (chain: ChainService, { known }: Locator) {
  for (const hash of known) {
    const ref = yield* Effect.catchReason(chain.block(hash), "ChainError", "Pruned", () => Effect.succeedNone)
    if (Option.isNone(ref)) continue
    const canonical = yield* chain.block(ref.value.number)
    if (Option.isSome(canonical) && canonical.value.hash === hash) return ref.value
  }
  return chain.anchor.derived
})

/** The feed of a chain in this process; events of the chain wake those who wait, until the scope closes. */
export const make = Effect.fnUntraced(function* (
  chain: ChainService,
  devChain: Pick<DevChainService, "provideInherents" | "provideBlocks">,
  limits: Limits = defaults
) {
  let changed = Deferred.makeUnsafe<void>()
  yield* chain.events.pipe(
    Stream.runForEach(() =>
      Effect.suspend(() => {
        const before = changed
        changed = Deferred.makeUnsafe<void>()
        return Deferred.succeed(before, undefined)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )

  const pageFor = Effect.fnUntraced(function* (locator: Locator) {
    const common = yield* commonWith(chain, locator)
    const finalized = yield* chain.head("Finalized")
    const blocks: Array<FeedBlock> = []
    let bytes = 0
    let parent = common.hash
    while (blocks.length < limits.pageBlocks && bytes < limits.pageBytes) {
      const ref = yield* chain.block(common.number + blocks.length + 1)
      // A head that moved meanwhile ends the page: the next one tells the rest.
      if (Option.isNone(ref) || ref.value.parentHash !== parent) break
      const { body } = yield* chain.content(ref.value.hash)
      blocks.push({ ref: ref.value, body })
      bytes += body.length
      parent = ref.value.hash
    }
    const page: Page = {
      common: { hash: common.hash, number: common.number },
      blocks,
      finalized: { hash: finalized.hash, number: finalized.number }
    }
    const isNews =
      blocks.length > 0 || finalized.number > locator.finalized || common.hash !== locator.known[0]
    return { page, isNews }
  })

  const feed: Service = {
    next: Effect.fn("ChainFeed.next")(function* (locator) {
      const change = changed
      const first = yield* pageFor(locator)
      if (first.isNews) return first.page
      yield* Effect.timeoutOption(Deferred.await(change), limits.waitMs)
      return (yield* pageFor(locator)).page
    }),
    provideInherents: devChain.provideInherents,
    provideBlocks: devChain.provideBlocks
  }
  return feed
})

/** Lets others follow the chain of this process. */
export const layer = (limits: Partial<Limits> = {}): Layer.Layer<ChainFeed, never, Chain | DevChain> =>
  Layer.effect(
    ChainFeed,
    Effect.gen(function* () {
      return yield* make(yield* Chain, yield* DevChain, { ...defaults, ...limits })
    })
  )
