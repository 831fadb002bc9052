/**
 * What the maker of a chain asks the author of a block to sign: everything that the block holds but its votes for commits,
 * which are the author's own. Everybody knows the genesis of the committee, so the first round comes without ancestors.
 */
import { Bcs, BlockBounds, Round, TimestampMs, Wire } from "@ephor/types"
import { Schema } from "effect"

/** The block of the next round. */
export const RoundProposal = Schema.Struct({
  round: Round,
  timestampMs: TimestampMs,
  /** Of the leader; the others have none. */
  transactions: Schema.Array(Wire.Bytes),
  /** Signed blocks: the author's last one, then those of the others in the round before. */
  ancestors: Schema.Array(Wire.Bytes)
})
export interface RoundProposal extends Schema.Schema.Type<typeof RoundProposal> {}

/** BCS. */
export const encode: (proposal: RoundProposal) => Uint8Array = Bcs.encode(RoundProposal)

/** Reads a proposal; nothing is verified but the encoding. */
export const decode = Bcs.decodeResult(RoundProposal)

/** Bytes of the longest one: the transactions of a block, and the round before with the block of its leader. */
export const maxBytes = 2 * BlockBounds.maxBlockBytes
