/** What a client is told to build in the place of an invalid block: its deposits, and one that names it. */
import { encodeReplacementTransaction, fromHex, Hash, HexData, type OutputV0, toHex } from "@ephor/types"
import { Result, Schema } from "effect"

const quantity = Schema.String.check(Schema.isPattern(/^0x(0|[1-9a-f][0-9a-f]{0,15})$/))

/** The part of a header that the attributes repeat, as a client prints it. */
export const Header = Schema.Struct({
  timestamp: quantity,
  mixHash: Hash,
  miner: Schema.String.check(Schema.isPattern(/^0x[0-9a-fA-F]{40}$/)),
  gasLimit: quantity,
  extraData: HexData,
  parentBeaconBlockRoot: Schema.optionalKey(Hash)
})
export interface Header extends Schema.Schema.Type<typeof Header> {}

/** `ExecutionPayloadBodyV1`. */
export const Body = Schema.Struct({
  transactions: Schema.Array(HexData),
  withdrawals: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown)))
})
export interface Body extends Schema.Schema.Type<typeof Body> {}

/** `PayloadAttributesV3` with what OP-stack clients take on top. */
export interface PayloadAttributes {
  readonly timestamp: string
  readonly prevRandao: Hash
  readonly suggestedFeeRecipient: string
  readonly withdrawals?: ReadonlyArray<unknown>
  readonly parentBeaconBlockRoot?: Hash
  readonly transactions: ReadonlyArray<HexData>
  readonly noTxPool: true
  readonly gasLimit: string
  /** Denominator and elasticity as two big-endian u32: from Holocene on. */
  readonly eip1559Params?: HexData
  /** In wei, and a plain JSON number where all else is hex: from Jovian on. */
  readonly minBaseFee?: number
}

const depositPrefix = "0x7e"
const holocene = { version: 0, length: 9 }
const jovian = { version: 1, length: 17 }

type FeeParams = Pick<PayloadAttributes, "eip1559Params" | "minBaseFee">

/** The parameters of the base fee in a header's extra data; before Holocene there are none. */
const feeParams = (extraData: HexData): Result.Result<FeeParams, string> => {
  const bytes = fromHex(extraData)
  const is = ({ length, version }: typeof holocene) => bytes.length === length && bytes[0] === version
  if (bytes.length === 0) return Result.succeed({})
  if (!is(holocene) && !is(jovian)) {
    return Result.fail(
      `its extra data ${extraData} is neither of Holocene nor of Jovian: update this program`
    )
  }
  const eip1559Params = toHex(bytes, 1, holocene.length)
  if (is(holocene)) return Result.succeed({ eip1559Params })
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const minBaseFee = Number(view.getBigUint64(holocene.length))
  return Number.isSafeInteger(minBaseFee)
    ? Result.succeed({ eip1559Params, minBaseFee })
    : Result.fail(`its minimum base fee, about ${minBaseFee} wei, is more than JSON numbers hold`)
}

/** The attributes of the block that takes the place of an invalid one, or why there are none. */
export const replacementAttributes = (
  header: Header,
  body: Body,
  invalid: OutputV0
): Result.Result<PayloadAttributes, string> =>
  Result.map(feeParams(header.extraData), (params) => ({
    timestamp: header.timestamp,
    prevRandao: header.mixHash,
    suggestedFeeRecipient: header.miner,
    // Clients tell an empty list, which Canyon wants, from none, which they want before.
    ...(body.withdrawals === undefined || body.withdrawals === null ? {} : { withdrawals: body.withdrawals }),
    ...(header.parentBeaconBlockRoot === undefined
      ? {}
      : { parentBeaconBlockRoot: header.parentBeaconBlockRoot }),
    transactions: [
      ...body.transactions.filter((transaction) => transaction.startsWith(depositPrefix)),
      toHex(encodeReplacementTransaction(invalid))
    ],
    noTxPool: true,
    gasLimit: header.gasLimit,
    ...params
  }))
