/** Deposits of the protocol, as an execution client tells transactions. */
import { Result, Schema } from "effect"
import { Address, decodeOutput, Json, type OutputV0, replacementSender, Wire } from "@ephor/types"

const Told = Schema.Struct({ from: Address, input: Wire.Bytes, to: Schema.optionalKey(Address) })

/** A transaction, as far as it is looked at. */
export type Transaction = typeof Told.Type

const decode = Json.decodeResult(Told)

/** The transaction of an answer; nothing for one that is none. */
export const transactionOf = (answer: unknown): Transaction | undefined =>
  Result.getOrUndefined(decode(answer))

/** The output that a block says it replaces, by its last transaction. */
export const replacedBy = ({ from, input }: Transaction): OutputV0 | undefined =>
  from === replacementSender ? Result.getOrUndefined(decodeOutput(input)) : undefined
