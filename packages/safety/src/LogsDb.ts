/**
 * The logs database of a chain: every sealed block with the hashes of its logs and the messages it executes. Pure.
 */
import { Result, Schema } from "effect"
import {
  type Access,
  type BlockId,
  BlockNumber,
  type BlockRef,
  type BlockSeal,
  ChainId,
  type ExecutingMessage,
  Hash,
  messageChecksum,
  Timestamp,
  toHex,
  writeHex
} from "@ephor/types"
import { future, refuse, show, type Verdict } from "./Fault.ts"

/** A message that a log executes: where it was initiated, and the checksum that binds all of that together. */
export const MessageQuery = Schema.Struct({
  chainId: ChainId,
  blockNumber: BlockNumber,
  logIndex: BlockNumber,
  timestamp: Timestamp,
  checksum: Hash
})
export interface MessageQuery extends Schema.Schema.Type<typeof MessageQuery> {}

/** A claim above every height or time that a block can have refers to nothing; saturated, it still does. */
const saturate = (claim: bigint): number =>
  claim > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(claim)

/** What an executing log, or an entry of an access list, refers to. */
export const queryOf = (claim: Access): MessageQuery => ({
  chainId: claim.chainId,
  blockNumber: saturate(claim.blockNumber),
  logIndex: claim.logIndex,
  timestamp: saturate(claim.timestamp),
  checksum: claim.checksum
})

/** What a decoded executing log refers to. */
export const queryOfMessage = ({ checksum, identifier }: ExecutingMessage): MessageQuery =>
  queryOf({ ...identifier, checksum })

/** An executing log by its position in the block, with what it executes. */
export const ExecutingLog = Schema.Struct({ logIndex: BlockNumber, message: MessageQuery })
export interface ExecutingLog extends Schema.Schema.Type<typeof ExecutingLog> {}

/** Hashes of logs by position: an array of them, or `PackedHashes`. */
export interface LogHashes {
  readonly length: number
  readonly at: (index: number) => Hash | undefined
}

const hashSize = 32

/** Hashes as bytes, one after the other: a third of the memory that texts take. */
export class PackedHashes implements LogHashes {
  readonly length: number
  private readonly slab: Uint8Array
  private readonly start: number

  /** The first `length` hashes from byte `start` of a piece of memory on; all of it if nothing else is said. */
  constructor(slab: Uint8Array, start = 0, length = slab.length / hashSize) {
    this.slab = slab
    this.start = start
    this.length = length
  }

  get bytes(): Uint8Array {
    return this.slab.subarray(this.start, this.start + this.length * hashSize)
  }

  at(index: number): Hash | undefined {
    const start = this.start + index * hashSize
    return index >= 0 && index < this.length ? toHex(this.slab, start, start + hashSize) : undefined
  }
}

/** One piece of memory for the hashes of many blocks. */
export class HashSlab {
  private readonly bytes: Uint8Array
  private used = 0

  constructor(hashes: number) {
    this.bytes = new Uint8Array(hashes * hashSize)
  }

  /** How many hashes it takes yet. */
  get free(): number {
    return (this.bytes.length - this.used) / hashSize
  }

  /** The same hashes, here. */
  add(hashes: PackedHashes): PackedHashes {
    const start = this.used
    this.bytes.set(hashes.bytes, start)
    this.used += hashes.length * hashSize
    return new PackedHashes(this.bytes, start, hashes.length)
  }
}

/** The same hashes, packed. */
export const pack = (hashes: LogHashes): PackedHashes => {
  if (hashes instanceof PackedHashes) return hashes
  const bytes = new Uint8Array(hashes.length * hashSize)
  for (let i = 0; i < hashes.length; i++) writeHex(hashes.at(i)!, bytes, i * hashSize)
  return new PackedHashes(bytes)
}

/** A block with the hashes of its logs, in order, and its executing messages. */
export interface SealedBlock extends BlockRef {
  readonly logs: LogHashes
  readonly executing: ReadonlyArray<ExecutingLog>
}

/** Sealed blocks without gaps, oldest first. Of the first one only the seal is known: its logs do not count. */
export type LogsDb = ReadonlyArray<SealedBlock>

/** Hashes that become more. */
class GrowingHashes {
  length = 0
  private bytes = new Uint8Array(16 * hashSize)

  push(hash: Hash | Uint8Array): void {
    const at = this.length++ * hashSize
    if (at === this.bytes.length) {
      const larger = new Uint8Array(2 * at)
      larger.set(this.bytes)
      this.bytes = larger
    }
    if (typeof hash === "string") writeHex(hash, this.bytes, at)
    else this.bytes.set(hash, at)
  }

  packed(): PackedHashes {
    return new PackedHashes(this.bytes.slice(0, this.length * hashSize))
  }
}

const noHashes = new PackedHashes(new Uint8Array(0))

/** Logs of a block that is not sealed yet. */
export interface OpenLogs {
  readonly parent: BlockId
  readonly logs: GrowingHashes
  readonly executing: Array<ExecutingLog>
}

/**
 * Adds a log on top of the last sealed block to `open` (grown in place: blocks may have many logs) or to a fresh one.
 * Whatever is not exactly next is `OutOfOrder`.
 */
export const addLog = (
  db: LogsDb,
  open: OpenLogs | undefined,
  parent: BlockId,
  index: number,
  logHash: Hash | Uint8Array,
  message?: MessageQuery
): Verdict<OpenLogs> => {
  const sealed = db.at(-1)
  if (sealed === undefined) return refuse("OutOfOrder", "no logs before the first sealed block")
  if (parent.hash !== sealed.hash || parent.number !== sealed.number) {
    return refuse("OutOfOrder", `log on ${show(parent)}, but the last sealed block is ${show(sealed)}`)
  }
  const current = open ?? { parent, logs: new GrowingHashes(), executing: [] }
  if (index !== current.logs.length) {
    return refuse(
      "OutOfOrder",
      `log ${index} of the block after ${show(parent)}, but ${current.logs.length} is next`
    )
  }
  current.logs.push(logHash)
  if (message !== undefined) current.executing.push({ logIndex: index, message })
  return Result.succeed(current)
}

/** Seals a block with the logs added since the last seal. The very first block may be any, without logs. */
export const seal = (
  db: LogsDb,
  open: OpenLogs | undefined,
  parentHash: Hash,
  block: BlockSeal
): Verdict<SealedBlock> => {
  const sealed = db.at(-1)
  if (sealed !== undefined) {
    if (parentHash !== sealed.hash) {
      return refuse("Conflict", `block ${show(block)} does not build on ${show(sealed)}`)
    }
    if (block.number !== sealed.number + 1) {
      return refuse("Conflict", `block ${show(block)} is not the one after ${show(sealed)}`)
    }
    if (block.timestamp < sealed.timestamp) {
      return refuse("Conflict", `block ${show(block)} is older than its parent ${show(sealed)}`)
    }
  }
  const { hash, number, timestamp } = block
  return Result.succeed({
    hash,
    number,
    parentHash,
    timestamp,
    logs: sealed === undefined || open === undefined ? noHashes : open.logs.packed(),
    executing: sealed === undefined || open === undefined ? [] : open.executing
  })
}

/** The sealed block at a height. */
export const at = (db: LogsDb, number: number): SealedBlock | undefined => {
  const start = db[0]
  return start === undefined || number < start.number ? undefined : db[number - start.number]
}

/** The sealed block at a height, or why there is none. */
export const openBlock = (db: LogsDb, number: number): Verdict<SealedBlock> => {
  const end = db.at(-1)
  if (end === undefined) return refuse("Uninitialized", "no block is sealed")
  if (number > end.number) return future(`block ${number} is after ${show(end)}`)
  const block = at(db, number)
  return block === undefined
    ? refuse("Skipped", `block ${number} is before the first one`)
    : Result.succeed(block)
}

const sealOf = ({ hash, number, timestamp }: SealedBlock): BlockSeal => ({ hash, number, timestamp })

/**
 * The block that includes the message, if there is exactly this message. `end` bounds the view to the blocks up to it
 * (default: the last sealed one). Beyond it: `Future` while the chain is not past the message's time, else `Conflict`.
 */
export const contains = (
  db: LogsDb,
  query: MessageQuery,
  end: BlockSeal | undefined = db.at(-1)
): Verdict<BlockSeal> => {
  const { chainId, timestamp } = query
  const what = `log ${query.logIndex} of block ${query.blockNumber} on chain ${chainId} at ${timestamp}`
  if (end === undefined) return future(`${what}: no block is sealed`, chainId)
  if (query.blockNumber > end.number) {
    return end.timestamp > timestamp
      ? refuse("Conflict", `${what}: block ${show(end)} at ${end.timestamp} is later already`)
      : future(`${what}: the chain is at ${show(end)}`, chainId)
  }
  if (query.blockNumber === 0) return refuse("Conflict", `${what}: the first block of a chain has no logs`)
  if (at(db, query.blockNumber - 1) === undefined)
    return refuse("Skipped", `${what}: before the first sealed block`)
  const block = at(db, query.blockNumber)!
  const logHash = block.logs.at(query.logIndex)
  if (logHash === undefined) return refuse("Conflict", `${what}: the block has ${block.logs.length} logs`)
  if (block.timestamp !== timestamp) return refuse("Conflict", `${what}: the block is of ${block.timestamp}`)
  const position = {
    chainId,
    blockNumber: BigInt(query.blockNumber),
    timestamp: BigInt(timestamp),
    logIndex: query.logIndex
  }
  return messageChecksum(position, logHash) === query.checksum
    ? Result.succeed(sealOf(block))
    : refuse("Conflict", `${what}: the checksum does not match the log`)
}

/** How many leading blocks to keep so that `id` is the last one. */
export const rewindTo = (db: LogsDb, id: BlockId): Verdict<number> =>
  Result.flatMap(openBlock(db, id.number), (block) =>
    block.hash === id.hash
      ? Result.succeed(id.number - db[0]!.number + 1)
      : refuse("Conflict", `rewind to ${show(id)}, but have ${show(block)}`)
  )

/** The highest block of an earlier time than `timestamp`. */
export const lastBefore = (db: LogsDb, timestamp: Timestamp): SealedBlock | undefined => {
  let low = 0
  let high = db.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (db[middle]!.timestamp < timestamp) low = middle + 1
    else high = middle
  }
  return db[low - 1]
}
