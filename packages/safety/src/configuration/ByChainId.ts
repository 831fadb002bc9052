/**
 * Objects whose keys are chain ids.
 */
import { Schema } from "effect"
import { ChainId } from "@ephor/types"

const isChainId = Schema.is(ChainId)

/** A record by chain id. A key that is none is an error: a record schema with such keys would drop it in silence. */
export const byChainId = <S extends Schema.Top>(value: S) =>
  Schema.Record(Schema.String, value).check(
    Schema.makeFilter((record) => {
      const wrong = Object.keys(record).find((key) => !isChainId(key))
      return wrong === undefined || `${JSON.stringify(wrong)} is not a decimal chain id`
    })
  )
