/**
 * Objects whose keys are chain ids.
 */
import { Schema, SchemaTransformation } from "effect"
import { ChainId } from "@ephor/types"

const isChainId = Schema.is(ChainId)

const hexChainId = /^0[xX][0-9a-fA-F]{1,64}$/

/** Keys in decimal. Go programs write and read them in either form; one that is there in both stays as it is. */
const inDecimal = <A>(record: { readonly [key: string]: A }): { readonly [key: string]: A } =>
  Object.fromEntries(
    Object.entries(record).map(([key, value]) => {
      const decimal = hexChainId.test(key) ? BigInt(key).toString() : key
      return [Object.hasOwn(record, decimal) ? key : decimal, value]
    })
  )

/**
 * A record by chain id, in decimal or `0x` hex when it is read. A key that is none is an error: a record schema with
 * such keys would drop it in silence.
 */
export const byChainId = <A, I>(value: Schema.Codec<A, I>) =>
  Schema.Record(Schema.String, value).pipe(
    Schema.decodeTo(
      Schema.Record(Schema.String, Schema.toType(value)).check(
        Schema.makeFilter((record) => {
          const wrong = Object.keys(record).find((key) => !isChainId(key))
          return wrong === undefined || `${JSON.stringify(wrong)} is not a chain id, or is there twice`
        })
      ),
      SchemaTransformation.transform({ decode: inDecimal<A>, encode: (record) => record })
    )
  )
