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
 * The replacement that a node has already: another block at the height and time, whose optimistic deposit holds the output
 * of the invalid one. Any other block there is no replacement, whoever made it. The node's event about it is lost if the
 * supervisor was down, or the connection broken, at that moment.
 */
const findReplacement = Effect.fnUntraced(function* (
  link: NodeLink,
  invalid: BlockSeal
): Effect.fn.Return<Option.Option<BlockReplacement>, ManagedNodeError> {
  const found = yield* link.blockAt(invalid.number)
  if (Option.isNone(found) || found.value.hash === invalid.hash) return Option.none()
  if (found.value.timestamp !== invalid.timestamp) return Option.none()
  const method = "interop_pendingOutputV0AtTimestamp"
  const pending = yield* link.ask(link.node.pendingOutputV0AtTimestamp(invalid.timestamp), method)
  if (pending.blockHash !== invalid.hash) return Option.none()
  const { hash, number, parentHash, timestamp } = found.value
  return Option.some({ replacement: { hash, number, parentHash, timestamp }, invalidated: invalid.hash })
})

/** Says once that a node goes on with an invalid block: it is only followed, and replaces nothing. */
export const reportInvalid = (link: NodeLink, { hash, number }: BlockSeal): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (link.reported === hash) return Effect.void
    link.reported = hash
    return Effect.logError(
      `node ${link.name} goes on with the invalid block ${hash}:${number}, which it cannot be made to replace: ` +
        `cross-safe stands before it until the chain has another block there; then admin_rewind to the block before, ` +
        `and admin_setFailsafeEnabled to let access lists in again`
    )
  })

/** One round: whoever has a replacement tells it, the others are told to make one. */
const round = Effect.fnUntraced(function* (
  chain: ChainContext,
  invalid: BlockSeal,
  report: (link: NodeLink, replacement: BlockReplacement) => Effect.Effect<void>
) {
  // All at a time: a node that does not answer delays none of the others.
  const one = Effect.fnUntraced(function* (link: NodeLink) {
    const known = yield* findReplacement(link, invalid).pipe(
      Effect.catch((error) => Effect.as(Effect.logDebug(error.message), Option.none<BlockReplacement>()))
    )
    if (Option.isSome(known)) yield* report(link, known.value)
    else if (link.node.isPassive === true) yield* reportInvalid(link, invalid)
    else link.post("invalidateBlock", link.node.invalidateBlock(invalid))
  })
  yield* Effect.forEach(chain.links, one, { concurrency: "unbounded", discard: true })
})

/**
 * Works for as long as a block of the chain is marked invalid. A poke ends the pause between two rounds, and a round that
 * a node holds up: another block is marked by then, perhaps.
 */
export const runInvalidator = (
  chain: ChainContext,
  poked: Latch.Latch,
  report: (link: NodeLink, replacement: BlockReplacement) => Effect.Effect<void>
): Effect.Effect<never> =>
  Effect.suspend(() => {
    poked.closeUnsafe()
    const marker = DerivationDb.marker(stateOf(chain).local)
    if (marker === undefined) return poked.await
    const pause = Effect.sleep(chain.shared.options.invalidationRetryMs)
    return Effect.raceFirst(Effect.andThen(round(chain, marker.derived, report), pause), poked.await)
  }).pipe(Effect.forever)
