/** The companion of a chain that is nothing but its client's blocks. */
import { Effect } from "effect"
import type { ChainBlock } from "@ephor/chain/Chain"
import type { Accompany, Executed } from "@ephor/chain/Companion"

const block = ({ hash, number, output, parentHash, receipts, timestamp }: Executed): ChainBlock => ({
  ref: { hash, number, parentHash, timestamp, l1origin: { hash, number }, sequenceNumber: 0 },
  body: new Uint8Array(0),
  receipts,
  output
})

/** Blocks without bodies, each its own L1 origin. */
export const plain: Accompany = () =>
  Effect.succeed({
    genesis: block,
    anchorSource: undefined,
    wrap: (_, executed) => Effect.succeed(block(executed)),
    replace: (_, executed, invalid) => Effect.succeed({ ...block(executed), pending: invalid.output })
  })
