/** The BCS of blocks and commits, written down from the fact sheet: for peers that share no code with us. */
import { blake2b } from "./blake2b.ts"

/** A block or commit by what names it. */
export interface Ref {
  readonly round: number
  readonly author: number
  readonly digest: string
}

/** What a peer reads of a block. */
export interface Block {
  readonly ref: Ref
  readonly ancestors: ReadonlyArray<Ref>
  readonly votes: ReadonlyArray<{ readonly index: number; readonly digest: string }>
  readonly signed: Buffer
  readonly signature: Buffer
}

/** A commit. */
export interface Commit {
  readonly index: number
  readonly previous: string
  readonly timestampMs: bigint
  readonly leader: Ref
  readonly blocks: ReadonlyArray<Ref>
}

class Reader {
  readonly #bytes: Buffer
  at = 0
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes)
  }
  u32() {
    this.at += 4
    return this.#bytes.readUInt32LE(this.at - 4)
  }
  u64() {
    this.at += 8
    return this.#bytes.readBigUInt64LE(this.at - 8)
  }
  u16() {
    this.at += 2
    return this.#bytes.readUInt16LE(this.at - 2)
  }
  length() {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(this.at++)
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  take(count: number) {
    if (this.at + count > this.#bytes.length) throw new Error("too short")
    this.at += count
    return this.#bytes.subarray(this.at - count, this.at)
  }
  list<A>(read: () => A): ReadonlyArray<A> {
    return Array.from({ length: this.length() }, read)
  }
  end() {
    if (this.at !== this.#bytes.length) throw new Error("too long")
  }
  before() {
    return this.#bytes.subarray(0, this.at)
  }
}

const digest = (reader: Reader) => reader.take(32).toString("hex")
const ref = (reader: Reader): Ref => ({ round: reader.u32(), author: reader.u32(), digest: digest(reader) })

/** Reads a signed block of version 2. */
export const readBlock = (bytes: Uint8Array): Block => {
  const reader = new Reader(bytes)
  if (reader.length() !== 1) throw new Error("another version")
  reader.u64()
  const [round, author] = [reader.u32(), reader.u32()]
  reader.u64()
  const ancestors = reader.list(() => ref(reader))
  reader.list(() => reader.take(reader.length()))
  reader.list(() => [ref(reader), reader.list(() => reader.u16())])
  const votes = reader.list(() => ({ index: reader.u32(), digest: digest(reader) }))
  reader.list(() => [reader.u32(), reader.length(), ref(reader)])
  const unsigned = reader.before()
  const signature = reader.take(reader.length())
  reader.end()
  const signed = Buffer.concat([Buffer.from([8, 0, 2]), blake2b(unsigned)])
  const name = { round, author, digest: blake2b(bytes).toString("hex") }
  return { ref: name, ancestors, votes, signed, signature }
}

const u32 = (value: number) => {
  const out = Buffer.alloc(4)
  out.writeUInt32LE(value)
  return out
}
const u64 = (value: bigint) => {
  const out = Buffer.alloc(8)
  out.writeBigUInt64LE(value)
  return out
}
const uleb = (value: number): Buffer =>
  value < 0x80
    ? Buffer.from([value])
    : Buffer.concat([Buffer.from([(value & 0x7f) | 0x80]), uleb(Math.floor(value / 128))])

/** Writes a reference. */
export const writeRef = ({ author, digest: name, round }: Ref): Buffer =>
  Buffer.concat([u32(round), u32(author), Buffer.from(name, "hex")])

/** Reads a reference. */
export const readRef = (bytes: Uint8Array): Ref => ref(new Reader(bytes))

/** Writes a commit. */
export const writeCommit = (commit: Commit): Buffer =>
  Buffer.concat([
    uleb(0),
    u32(commit.index),
    Buffer.from(commit.previous, "hex"),
    u64(commit.timestampMs),
    writeRef(commit.leader),
    uleb(commit.blocks.length),
    ...commit.blocks.map(writeRef)
  ])

/** Reads a commit. */
export const readCommit = (bytes: Uint8Array): Commit => {
  const reader = new Reader(bytes)
  if (reader.length() !== 0) throw new Error("another version")
  const commit = {
    index: reader.u32(),
    previous: digest(reader),
    timestampMs: reader.u64(),
    leader: ref(reader),
    blocks: reader.list(() => ref(reader))
  }
  reader.end()
  return commit
}
