/**
 * Values of the wire from and to JSON. References, hashes and heights are derived from their schemas; three values look
 * different on this wire.
 */
import { BlockSeal, Json, Receipt, withLogsBloom } from "@ephor/types"
import { Schema } from "effect"

/** How a value looks in JSON. Both functions throw `CodecError`. */
export interface Wire<A> {
  readonly encode: (value: A) => unknown
  readonly decode: (json: unknown) => A
}

/** Exactly the keys of the schema are printed; hex in either case and unknown keys are understood. */
export const fromSchema = <A>(schema: Schema.Schema<A>): Wire<A> => ({
  encode: Json.encode(schema),
  decode: Json.decode(schema)
})

/** A result that is always `null`. */
export const nothing: Wire<void> = { encode: () => null, decode: () => undefined }

const seal = fromSchema(BlockSeal)

/** A seal; supervisors before June 2025 write its keys with capitals. */
export const blockSeal: Wire<BlockSeal> = {
  encode: seal.encode,
  decode: (json) =>
    seal.decode(
      typeof json === "object" && json !== null && "Hash" in json
        ? Object.fromEntries(Object.entries(json).map(([key, value]) => [key.toLowerCase(), value]))
        : json
    )
}

const manyReceipts = fromSchema(Schema.Array(Receipt))

/** Receipts with everything that readers insist on, whether the chain keeps it or not. */
export const receipts: Wire<ReadonlyArray<Receipt>> = {
  encode: (values) =>
    manyReceipts.encode(
      values.map((value) => {
        const logs = value.logs.map((log) => ({ ...log, removed: log.removed ?? false }))
        const full = { contractAddress: null, ...value, logs }
        return full.logsBloom === undefined ? withLogsBloom(full) : full
      })
    ),
  decode: manyReceipts.decode
}
