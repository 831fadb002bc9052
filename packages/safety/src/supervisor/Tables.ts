/** What a supervisor keeps on disk. */
import { Result, Schema } from "effect"
import * as Manifest from "@ephor/store/Manifest"
import * as Table from "@ephor/store/Table"
import { BlockRef, BlockSeal, Scale, Wire } from "@ephor/types"
import * as DbFile from "../DbFile.ts"
import * as DerivationDb from "../DerivationDb.ts"
import * as LogsDb from "../LogsDb.ts"

type Entry = DerivationDb.DerivationEntry

/** SCALE: a hash takes its 32 bytes. */
const scale = <S extends Schema.Codec<any, any>>(value: S) => {
  const codec: Table.Codec<S["Type"]> = { encode: Scale.encode(value), decode: Scale.decode(value) }
  return { value, codec }
}

/** Entries as op-supervisor writes them. */
const derivation = {
  value: DerivationDb.DerivationEntry,
  codec: {
    encode: (entry: Entry) => DbFile.encode([entry]),
    decode: (bytes: Uint8Array) => {
      const [entry] = Result.getOrThrow(DbFile.decode(bytes))
      if (entry === undefined) throw new RangeError("the entry is empty")
      return entry
    }
  }
}

const StoredBlock = Schema.Struct({
  ...BlockRef.fields,
  logs: Wire.Bytes,
  executing: Schema.Array(LogsDb.ExecutingLog)
})
/** A block as it is in memory: the bytes of a record that was read are a view of all of it. */
export const unpacked = (block: typeof StoredBlock.Type): LogsDb.SealedBlock => ({
  ...block,
  logs: new LogsDb.PackedHashes(block.logs.slice())
})

const key = [Table.text, Table.u64] as const
/** Sealed blocks with their logs, by chain and height. */
export const logsTable = Table.make({ name: "supervisor/logs", key, ...scale(StoredBlock) })
/** Entries by chain and position. */
export const localTable = Table.make({ name: "supervisor/local-safe", key, ...derivation })
/** Entries by chain and position. */
export const crossTable = Table.make({ name: "supervisor/cross-safe", key, ...derivation })
/** One head per chain. */
export const crossUnsafeTable = Table.make({
  name: "supervisor/cross-unsafe",
  key: [Table.text],
  ...scale(BlockSeal)
})
/** Blocks found invalid once, by chain and hash. */
export const invalidatedTable = Table.make({
  name: "supervisor/invalidated",
  key: [Table.text, Table.hash],
  ...scale(BlockSeal)
})
/** The finalized L1 block. */
export const l1Table = Table.make({ name: "supervisor/l1", key: [Table.text], ...scale(BlockRef) })
export const finalizedKey = ["finalized"] as const

/** All of them, for the manifest of a data directory. A change of what a record is raises the version. */
export const family = Manifest.family({
  name: "supervisor",
  version: 1,
  tables: [logsTable, localTable, crossTable, crossUnsafeTable, invalidatedTable, l1Table]
})
