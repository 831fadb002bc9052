import { closeSync, openSync, readSync, statSync } from "node:fs"
import { join } from "node:path"

const magic = 0xbeefc0de
const metaAt = 24

/** The two meta pages at the head of an LMDB file, as far as they are needed here. */
const readMeta = (page: DataView) => ({
  valid: page.getUint32(metaAt, true) === magic,
  pageSize: page.getUint32(metaAt + 24, true),
  lastPage: page.getBigUint64(metaAt + 120, true),
  transaction: page.getBigUint64(metaAt + 128, true)
})

/**
 * Looks at the data file before it is mapped into memory: LMDB itself trusts it, and the process would die of a file
 * that is no database or that was cut short. Throws an `Error` with a sentence for the operator.
 */
export const checkDataFile = (directory: string): void => {
  const path = join(directory, "data.mdb")
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || stat.size === 0) return
  const advice = "restore the directory from a backup or delete it"
  const read = (at: number): DataView => {
    const bytes = new Uint8Array(160)
    const file = openSync(path, "r")
    try {
      readSync(file, bytes, 0, bytes.length, at)
    } finally {
      closeSync(file)
    }
    return new DataView(bytes.buffer)
  }
  const first = readMeta(read(0))
  if (!stat.isFile() || !first.valid || first.pageSize < 512 || first.pageSize > 65_536) {
    throw new Error(`data.mdb is not a database (its first page is damaged); ${advice}`)
  }
  const second = readMeta(read(first.pageSize))
  if (!second.valid) throw new Error(`data.mdb is damaged (its second page is); ${advice}`)
  const newest = second.transaction > first.transaction ? second : first
  const expected = (newest.lastPage + 1n) * BigInt(first.pageSize)
  if (BigInt(stat.size) < expected) {
    throw new Error(`data.mdb was cut short (${stat.size} of ${expected} bytes are left); ${advice}`)
  }
}
