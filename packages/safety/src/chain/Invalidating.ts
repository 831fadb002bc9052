/**
 * Seeing to it that an invalid block is replaced: nodes are told again and again, and asked whether it happened while
 * nobody listened.
 */
import { Effect, type Latch, Option } from "effect"
import type { BlockReplacement, BlockSeal } from "@ephor/types"
import type { ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import * as DerivationDb from "../DerivationDb.ts"
import { type ChainContext, stateOf } from "../supervisor/ChainContext.ts"
import type { NodeLink } from "../node/Link.ts"

/**
 * The replacement that a node has already: another block at the height, which names the invalid one as what it replaced.
 * The node's event about it is lost if the supervisor was down, or the connection broken, at that moment.
 */
const findReplacement = Effect.fnUntraced(function* (
  link: NodeLink,
  invalid: BlockSeal
): Effect.fn.Return<Option.Option<BlockReplacement>, ManagedNodeError> {
  const found = yield* link.blockAt(invalid.number)
  if (Option.isNone(found) || found.value.hash === invalid.hash) return Option.none()
  const method = "interop_pendingOutputV0AtTimestamp"
  const pending = yield* link.ask(link.node.pendingOutputV0AtTimestamp(invalid.timestamp), method)
  if (pending.blockHash !== invalid.hash) return Option.none()
  const { hash, number, parentHash, timestamp } = found.value
  return Option.some({ replacement: { hash, number, parentHash, timestamp }, invalidated: invalid.hash })
})

/** One round: whoever has a replacement tells it, the others are told to make one. */
const round = Effect.fnUntraced(function* (
  chain: ChainContext,
  invalid: BlockSeal,
  report: (link: NodeLink, replacement: BlockReplacement) => Effect.Effect<void>
) {
  for (const link of chain.links) {
    const known = yield* findReplacement(link, invalid).pipe(
      Effect.catch((error) => Effect.as(Effect.logDebug(error.message), Option.none<BlockReplacement>()))
    )
    if (Option.isSome(known)) yield* report(link, known.value)
    else link.post("invalidateBlock", link.node.invalidateBlock(invalid))
  }
})

/** Works whenever it is poked, for as long as a block of the chain is marked invalid. */
export const runInvalidator = (
  chain: ChainContext,
  poked: Latch.Latch,
  report: (link: NodeLink, replacement: BlockReplacement) => Effect.Effect<void>
): Effect.Effect<never> =>
  Effect.gen(function* () {
    yield* poked.await
    poked.closeUnsafe()
    while (true) {
      const marker = DerivationDb.marker(stateOf(chain).local)
      if (marker === undefined) return
      yield* round(chain, marker.derived, report)
      yield* Effect.sleep(chain.shared.options.invalidationRetryMs)
    }
  }).pipe(Effect.forever)
