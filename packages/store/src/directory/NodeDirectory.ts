import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { codeOf } from "./NodeFault.ts"
import { checkTree } from "./NodePages.ts"

const magic = 0xbeefc0de
const metaAt = 24

/** The two meta pages at the head of an LMDB file, as far as they are needed here. */
const readMeta = (page: DataView) => ({
  valid: page.getUint32(metaAt, true) === magic,
  pageSize: page.getUint32(metaAt + 24, true),
  trees: [24, 72].map((at) => ({
    depth: page.getUint16(metaAt + at + 6, true),
    root: Number(page.getBigUint64(metaAt + at + 40, true))
  })),
  lastPage: page.getBigUint64(metaAt + 120, true),
  transaction: page.getBigUint64(metaAt + 128, true)
})

/** Pages that are looked at when a database is opened: 128 MiB of them, a second's work. A check looks at all. */
const maximumPages = 32_768

/** How often a file is looked at that another process writes meanwhile. */
const maximumLooks = 4

const advice = "restore the directory from a backup or delete it"

/** What is wrong with a data file, if anything; the transaction that wrote it last. */
const look = (file: number, maximum: number) => {
  const stat = fstatSync(file)
  if (stat.size === 0) return { problem: undefined, transaction: 0n }
  const read = (at: number): DataView => {
    const bytes = new Uint8Array(160)
    readSync(file, bytes, 0, bytes.length, at)
    return new DataView(bytes.buffer)
  }
  const wrong = (problem: string, transaction = 0n) => ({ problem: `${problem}; ${advice}`, transaction })
  if (!stat.isFile()) return wrong("data.mdb is not a file")
  const first = readMeta(read(0))
  const { pageSize } = first
  if (!first.valid || pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0)
    return wrong("data.mdb is not a database (its first page is damaged)")
  const second = readMeta(read(pageSize))
  if (!second.valid) return wrong("data.mdb is damaged (its second page is)")
  const { lastPage, transaction, trees } = second.transaction > first.transaction ? second : first
  const expected = (lastPage + 1n) * BigInt(pageSize)
  if (BigInt(stat.size) < expected)
    return wrong(`data.mdb was cut short (${stat.size} of ${expected} bytes are left)`)
  for (const tree of trees) {
    const found = checkTree({ file, pageSize, lastPage: Number(lastPage) }, tree, maximum)
    if (typeof found === "string") return wrong(`data.mdb is damaged (${found})`, transaction)
  }
  return { problem: undefined, transaction }
}

/**
 * Looks at the data file before it is mapped into memory: LMDB itself trusts it, and the process would die of a file
 * that is no database, that was cut short, or whose pages name pages that are not there. Throws an `Error` with a sentence
 * for the operator. `isWhole` looks at every page, whatever the size.
 */
export const checkDataFile = (directory: string, isWhole = false): void => {
  let file: number
  try {
    file = openSync(join(directory, "data.mdb"), "r")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return
    throw error
  }
  try {
    const maximum = isWhole ? Number.POSITIVE_INFINITY : maximumPages
    let found = look(file, maximum)
    for (let looks = 1; found.problem !== undefined; looks++) {
      // A process that writes may have used pages again that were looked at: then there is a newer transaction.
      const again = look(file, maximum)
      if (again.problem === undefined) return
      if (again.transaction === found.transaction || looks >= maximumLooks) throw new Error(again.problem)
      found = again
    }
  } finally {
    closeSync(file)
  }
}
