/**
 * One file of an archive. Integers are big-endian.
 *
 *     header   "ephor commits 1\n" (16 bytes), first index (4), last index (4), committee (32), digest of the commit before (32)
 *     commits  each as `CommittedSubDag` of observer.proto, one after the other
 *     index    for each commit: its length (4), SHA-256 of its bytes (32)
 *     footer   digest of the last commit (32), SHA-256 of header, index and that digest (32)
 */
import { type Hash, fromHex, toHex } from "@ephor/types"
import { hash } from "node:crypto"
import { type FileHandle, open } from "node:fs/promises"
import { type Certified, maxSegmentCommits, type Segment } from "../Archive.ts"

const magic = Buffer.from("ephor commits 1\n")
const headerBytes = magic.length + 8 + 64
const entryBytes = 36
const footerBytes = 64
/** Which commits. */
export interface SegmentRange {
  readonly first: number
  readonly last: number
}

/** What a segment says about itself; its checksum holds. */
export interface SegmentIndex extends SegmentRange {
  readonly committee: Hash
  readonly after: Certified
  readonly lastDigest: Hash
  /** Where each commit begins in the file, and where the last one ends. */
  readonly offsets: Float64Array
  readonly checksums: Buffer
  readonly bytes: number
}

const sha256 = (...parts: ReadonlyArray<Uint8Array>): Buffer =>
  hash("sha256", parts.length === 1 ? parts[0]! : Buffer.concat(parts), "buffer")

const digits = (index: number) => String(index).padStart(10, "0")
const names = /^(\d{10})-(\d{10})\.commits$/

/** Name of the file of these commits. */
export const nameOf = ({ first, last }: SegmentRange): string => `${digits(first)}-${digits(last)}.commits`

/** The commits that a file of this name has; nothing if it is no name of a segment. */
export const rangeOf = (name: string): SegmentRange | undefined => {
  const found = names.exec(name)
  return found === null ? undefined : { first: Number(found[1]), last: Number(found[2]) }
}

/** What a file was called before it was complete. */
export const isDraft = (name: string): boolean => name.endsWith(".draft") && names.test(name.slice(0, 29))

/** The bytes of a segment. */
export const encode = ({ after, commits, lastDigest }: Segment, committee: Hash): Buffer => {
  const header = Buffer.alloc(headerBytes)
  magic.copy(header)
  header.writeUInt32BE(after.index + 1, magic.length)
  header.writeUInt32BE(after.index + commits.length, magic.length + 4)
  header.set(fromHex(committee), magic.length + 8)
  header.set(fromHex(after.digest), magic.length + 40)
  const index = Buffer.alloc(commits.length * entryBytes)
  for (const [at, bytes] of commits.entries()) {
    index.writeUInt32BE(bytes.length, at * entryBytes)
    index.set(sha256(bytes), at * entryBytes + 4)
  }
  const last = fromHex(lastDigest)
  return Buffer.concat([header, ...commits, index, last, sha256(header, index, last)])
}

const readAt = async (file: FileHandle, position: number, length: number): Promise<Buffer> => {
  const out = Buffer.allocUnsafe(length)
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(out, done, length - done, position + done)
    if (bytesRead === 0) throw new Error("it ends too early")
    done += bytesRead
  }
  return out
}

const within = async <A>(path: string, use: (file: FileHandle) => Promise<A>): Promise<A> => {
  const file = await open(path, "r")
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** Reads what a segment says about itself; rejects what is damaged, or is not what the file's name says. */
export const readIndex = (path: string, named: SegmentRange): Promise<SegmentIndex> =>
  within(path, async (file) => {
    const { size } = await file.stat()
    const count = named.last - named.first + 1
    const tailBytes = count * entryBytes + footerBytes
    if (count < 1 || count > maxSegmentCommits) throw new Error(`its name says that it has ${count} commits`)
    if (size < headerBytes + tailBytes) throw new Error(`it has ${size} bytes only`)
    const header = await readAt(file, 0, headerBytes)
    if (!header.subarray(0, magic.length).equals(magic)) throw new Error("it is no segment of this format")
    const [first, last] = [header.readUInt32BE(magic.length), header.readUInt32BE(magic.length + 4)]
    if (first !== named.first || last !== named.last)
      throw new Error(`it has the commits ${first} to ${last}, its name says something else`)
    const tail = await readAt(file, size - tailBytes, tailBytes)
    const index = tail.subarray(0, count * entryBytes)
    const lastDigest = tail.subarray(index.length, index.length + 32)
    if (!sha256(header, index, lastDigest).equals(tail.subarray(index.length + 32)))
      throw new Error("the checksum of its index is wrong")
    const offsets = new Float64Array(count + 1)
    offsets[0] = headerBytes
    for (let at = 0; at < count; at++) offsets[at + 1] = offsets[at]! + index.readUInt32BE(at * entryBytes)
    if (offsets[count] !== size - tailBytes) throw new Error(`it has ${size} bytes, its index says otherwise`)
    const hashAt = (at: number) => toHex(Uint8Array.from(header.subarray(at, at + 32)))
    return {
      first,
      last,
      committee: hashAt(magic.length + 8),
      after: { index: first - 1, digest: hashAt(magic.length + 40) },
      lastDigest: toHex(Uint8Array.from(lastDigest)),
      offsets,
      checksums: index,
      bytes: size
    }
  })

/** Reads commits of a segment, from one index up to another; rejects what does not agree with its checksum. */
export const readCommits = (
  path: string,
  { checksums, first, offsets }: SegmentIndex,
  from: number,
  to: number
): Promise<ReadonlyArray<Uint8Array>> =>
  within(path, async (file) => {
    const begin = offsets[from - first]!
    const bytes = await readAt(file, begin, offsets[to - first + 1]! - begin)
    return Array.from({ length: to - from + 1 }, (_, i) => {
      const at = from - first + i
      const commit = bytes.subarray(offsets[at]! - begin, offsets[at + 1]! - begin)
      if (!sha256(commit).equals(checksums.subarray(at * entryBytes + 4, (at + 1) * entryBytes)))
        throw new Error(`the checksum of commit ${from + i} is wrong`)
      return commit
    })
  })
