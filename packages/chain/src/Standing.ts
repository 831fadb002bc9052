/**
 * Where a validator stands on the relay chain: its stake, what verdicts made of it, and whether it may take part.
 */
import { RelayBlockNumber, SessionIndex, ValidatorIndex, Wire } from "@ephor/types"
import { Schema } from "effect"

/** A validator that may not back, and is not listened to alone, until a session is over. */
export const Disabling = Wire.record({
  /** It is disabled for blocks of this session. */
  session: SessionIndex,
  /** The part of its stake that it lost for it, in billionths: the greater, the sooner it is disabled among many. */
  perbill: Wire.U32,
  /** The block whose verdicts disabled it; the next block is the first without it. */
  since: RelayBlockNumber
})
export interface Disabling extends Schema.Schema.Type<typeof Disabling> {}

/**
 * A validator's standing after a block. It follows from the verdicts in the blocks up to there: it is settled when that
 * block is final, and another fork may tell otherwise.
 */
export const Standing = Wire.record({
  validatorIndex: ValidatorIndex,
  stake: Wire.U128,
  /** How often its stake was cut. */
  slashes: Wire.U32,
  /** How often it was rewarded. */
  rewards: Wire.U32,
  /** How often it was disabled. */
  disablings: Wire.U32,
  /** The last time that it was disabled; over when that session is. */
  disabled: Schema.NullOr(Disabling)
})
export interface Standing extends Schema.Schema.Type<typeof Standing> {}
