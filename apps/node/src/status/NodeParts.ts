/**
 * What a node tells the console, beside the figures of `Status`.
 */
import { Chain } from "@ephor/chain"
import type { Status as Told } from "@ephor/cli"
import type { BlockRef } from "@ephor/types"
import { Clock, Effect, Stream } from "effect"
import type { ChainSpec } from "../ChainSpec.ts"
import type { Membership } from "../committee/Membership.ts"
import * as Status from "../Status.ts"

const headOf = ({ hash, number, timestamp }: BlockRef): Told.Head => ({ hash, number, timestamp })

/** What this node does, in words. */
export const roleOf = ({ chainId }: ChainSpec, { follows, isNetworked, own }: Membership): string => {
  const who =
    own.length === 0
      ? "follower"
      : follows
        ? `validator ${own[0]?.index}`
        : isNetworked
          ? "sequencer"
          : "node"
  return `${who} of chain ${chainId}`
}

/** Gathers what the services of this node know. Listens to the chain for as long as the scope lives. */
export const make = Effect.fnUntraced(function* (spec: ChainSpec) {
  const chain = yield* Chain.Chain
  const { figures } = yield* Status.Status
  let lastEventTime = yield* Clock.currentTimeMillis
  yield* chain.events.pipe(
    Stream.runForEach(() => Effect.map(Clock.currentTimeMillis, (now) => void (lastEventTime = now))),
    Effect.forkScoped({ startImmediately: true })
  )
  return Effect.gen(function* () {
    const { crossSafe, crossUnsafe, finalized, localSafe, localUnsafe } = yield* chain.heads
    const heads = {
      localUnsafe: headOf(localUnsafe),
      crossUnsafe: headOf(crossUnsafe),
      localSafe: headOf(localSafe),
      crossSafe: headOf(crossSafe),
      finalized: headOf(finalized)
    }
    const parts: Told.Parts = { lastEventTime, ladders: [{ chainId: spec.chainId, heads }] }
    return { ...(yield* figures), ...parts }
  })
})
