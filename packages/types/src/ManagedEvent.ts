/**
 * What a managed node tells its supervisor (supervisor-managed-node, "Node -> Supervisor").
 */
import { Schema } from "effect"
import { BlockRef, BlockReplacement, DerivedBlockRefPair } from "./Block.ts"

/**
 * One message of a node: six optional fields, all that are present happened at once. A missing field and `null` mean
 * the same on reading; a missing field is left out on writing.
 *
 * - `reset`: the node stopped deriving and waits for `reset` or `resetPreInterop`; the text is for logs.
 * - `unsafeBlock`: a new local-unsafe L2 block.
 * - `derivationUpdate`: `derived` is (still) the last local-safe block as of the L1 block `source`.
 * - `exhaustL1`: nothing more can be derived from L1 up to `source`; the node waits for `provideL1`.
 * - `replaceBlock`: a deposits-only block took the place of an invalidated one.
 * - `derivationOriginUpdate`: derivation moved on to this L1 block; comes with the `derivationUpdate` of the same
 *   source.
 */
export const ManagedEvent = Schema.Struct({
  reset: Schema.optionalKey(Schema.String),
  unsafeBlock: Schema.optionalKey(BlockRef),
  derivationUpdate: Schema.optionalKey(DerivedBlockRefPair),
  exhaustL1: Schema.optionalKey(DerivedBlockRefPair),
  replaceBlock: Schema.optionalKey(BlockReplacement),
  derivationOriginUpdate: Schema.optionalKey(BlockRef)
})
export interface ManagedEvent extends Schema.Schema.Type<typeof ManagedEvent> {}

/**
 * A managed event as a subscription carries it. `data` is `null` in the notice that the node ends the subscription,
 * which also says `close`. (`pullEvent` answers with the bare event.)
 */
export const ManagedEventItem = Schema.Struct({
  data: Schema.NullOr(ManagedEvent),
  close: Schema.optionalKey(Schema.Boolean)
})
export interface ManagedEventItem extends Schema.Schema.Type<typeof ManagedEventItem> {}
