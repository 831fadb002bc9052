/**
 * The pages of an LMDB file, looked at before the file is mapped into memory: LMDB follows the numbers in them without
 * asking, and the process would die of a wrong one. Layouts are those of `mdb.c` (`MDB_page_header`, `MDB_node`).
 */
import { readSync } from "node:fs"

/** A file to look at: whole pages of one size, the last of them known. */
export interface Pages {
  readonly file: number
  readonly pageSize: number
  readonly lastPage: number
}

/** A tree in it: where it begins and how deep it is. */
export interface Tree {
  readonly root: number
  readonly depth: number
}

const headerBytes = 24
const nodeBytes = 8
const branchFlag = 1
const leafFlag = 2
const overflowFlag = 4
const bigData = 1

interface Place {
  readonly page: number
  readonly depth: number
}

const numberAt = (page: DataView, at: number): number => Number(page.getBigUint64(at, true))

/** Looks at the node at `at`: where its key ends, or what is wrong. */
const keyEndOf = (page: DataView, at: number): number => at + nodeBytes + page.getUint16(at + 6, true)

const sound = (
  { lastPage, pageSize }: Pages,
  page: DataView,
  number: number,
  isLeaf: boolean
): string | ReadonlyArray<number> => {
  if (numberAt(page, 0) !== number) return "it is not the page of its number"
  const flags = page.getUint16(18, true) & (branchFlag | leafFlag | overflowFlag)
  if (flags !== (isLeaf ? leafFlag : branchFlag)) return "it is of a wrong kind"
  // Offsets in a page count from behind its header.
  const lower = headerBytes + page.getUint16(20, true)
  const upper = headerBytes + page.getUint16(22, true)
  if (lower < headerBytes || lower % 2 !== 0 || upper < lower || upper > pageSize)
    return "its bounds are wrong"
  const children: Array<number> = []
  for (let at = headerBytes; at < lower; at += 2) {
    const node = headerBytes + page.getUint16(at, true)
    if (node < upper || node + nodeBytes > pageSize || keyEndOf(page, node) > pageSize)
      return "a record in it begins or ends outside"
    const low = page.getUint16(node, true) + page.getUint16(node + 2, true) * 0x1_0000
    const nodeFlags = page.getUint16(node + 4, true)
    if (!isLeaf) children.push(low + nodeFlags * 0x1_0000_0000)
    else if ((nodeFlags & bigData) === 0) {
      if (keyEndOf(page, node) + low > pageSize) return "a value in it ends outside"
    } else {
      const data = keyEndOf(page, node)
      if (data + 24 > pageSize) return "a value in it ends outside"
      const first = numberAt(page, data)
      const count = numberAt(page, data + 16)
      if (first < 2 || count < 1 || first + count - 1 > lastPage || count * pageSize < low)
        return "a value in it lies outside of the file"
    }
  }
  if (!isLeaf && children.length < 2) return "it has too few pages below"
  return children.some((child) => child < 2 || child > lastPage)
    ? "a page below it is outside of the file"
    : children
}

/**
 * Looks at the pages of a tree, those next to the root first, at most `maximumPages`; what is wrong with the first that is
 * damaged, or how many were looked at.
 */
export const checkTree = (pages: Pages, tree: Tree, maximumPages: number): string | number => {
  const { file, lastPage, pageSize } = pages
  if (tree.depth === 0) return 0
  if (tree.root < 2 || tree.root > lastPage) return "the root of a tree is outside of the file"
  const bytes = new Uint8Array(pageSize)
  const page = new DataView(bytes.buffer)
  const seen = new Uint8Array((lastPage >> 3) + 1)
  const waiting: Array<Place> = [{ page: tree.root, depth: 1 }]
  let count = 0
  for (; count < waiting.length && count < maximumPages; count++) {
    const { depth, page: number } = waiting[count]!
    if ((seen[number >> 3]! & (1 << (number & 7))) !== 0) return `page ${number} is used twice`
    seen[number >> 3]! |= 1 << (number & 7)
    if (readSync(file, bytes, 0, pageSize, number * pageSize) !== pageSize) return `page ${number} is missing`
    const found = sound(pages, page, number, depth === tree.depth)
    if (typeof found === "string") return `page ${number} is damaged: ${found}`
    for (const child of found) waiting.push({ page: child, depth: depth + 1 })
  }
  return count
}
