/**
 * Messages between L2 chains: what a log says that executes one, and the hashes that bind it to the log that
 * initiated it (OP interop, CrossL2Inbox). Every log initiates a message; some execute one.
 */
import { type Result, Schema } from "effect"
import { attemptDecode, type CodecError, Fault, within } from "./codec/CodecError.ts"
import { concatBytes } from "./codec/Cursor.ts"
import { parseHex, toHex } from "./codec/Hex.ts"
import { bigNatural, decimal, natural, spelled } from "./codec/Wire.ts"
import { keccak256, keccak256Bytes } from "./Hashing.ts"
import { bigEndian, fromBigEndian, isZero } from "./bytes/BigEndian.ts"
import { Address, type ChainId, Hash } from "./Primitives.ts"
import type { Log } from "./Receipt.ts"

/** The contract whose logs execute messages. */
export const crossL2InboxAddress: Address = "0x4200000000000000000000000000000000000022"
/** The contract whose logs initiate the messages of the standard messenger. */
export const l2ToL2CrossDomainMessengerAddress: Address = "0x4200000000000000000000000000000000000023"
/** First topic of a log that executes: the hash of the signature of `ExecutingMessage`. */
export const executingMessageTopic: Hash =
  "0x5c37832d2e8d10e346e55ad62071a6a2f9fa5130614ef2ec6617555c6f467ba7"

/**
 * Where the initiating log is said to be. Height and time are claims of a contract's caller with all 64 bits
 * in use, so they are bigints; a real block has a safe-integer height.
 */
export const Identifier = spelled(
  Schema.Struct({
    origin: Address,
    blockNumber: bigNatural("MessageBlockNumber", { bits: 64, json: "quantity" }),
    logIndex: natural("MessageLogIndex", { bits: 32, json: "quantity" }),
    timestamp: bigNatural("MessageTimestamp", { bits: 64, json: "quantity" }),
    chainId: decimal("MessageChainId", "quantity")
  }),
  { chainId: "chainID" }
)
export interface Identifier extends Schema.Schema.Type<typeof Identifier> {}

/** A claim that a message was initiated: by whom and where, and the hash of what it said. */
export const ExecutingMessage = Schema.Struct({ identifier: Identifier, payloadHash: Hash, checksum: Hash })
export interface ExecutingMessage extends Schema.Schema.Type<typeof ExecutingMessage> {}

/** The parts of a log that hashes depend on. */
export type LogContent = Pick<Log, "address" | "topics" | "data">

/** Hash of what a log says: topics and data, one after the other. */
export const payloadHash = (log: Pick<LogContent, "topics" | "data">): Hash =>
  keccak256(concatBytes(...log.topics.map(parseHex), parseHex(log.data)))

/** Hash of what was said and by which contract. */
export const logHashOf = (origin: Address, payload: Hash): Hash =>
  keccak256(concatBytes(parseHex(origin), parseHex(payload)))

/** `logHashOf` of a log. */
export const logHash = (log: LogContent): Hash => logHashOf(log.address, payloadHash(log))

/** What a checksum is made of besides the log itself. */
export type MessagePosition = Pick<Identifier, "blockNumber" | "logIndex" | "timestamp" | "chainId">

const checksumType = 0x03

/** Binds a log, by hash, to its place: chain, height, time and position in its block. Begins with `03`. */
export const messageChecksum = (position: MessagePosition, log: Hash): Hash => {
  const packed = concatBytes(
    new Uint8Array(12),
    bigEndian(position.blockNumber, 8),
    bigEndian(position.timestamp, 8),
    bigEndian(position.logIndex, 4)
  )
  const placed = keccak256Bytes(concatBytes(parseHex(log), packed))
  const checksum = keccak256Bytes(concatBytes(placed, bigEndian(BigInt(position.chainId), 32)))
  checksum[0] = checksumType
  return toHex(checksum)
}

/** The position of a log of a block that we have. */
export const positionOf = (
  chainId: ChainId,
  block: { readonly number: number; readonly timestamp: number },
  logIndex: number
): MessagePosition => ({
  chainId,
  blockNumber: BigInt(block.number),
  timestamp: BigInt(block.timestamp),
  logIndex
})

/** A message that executes the given log. */
export const executingMessageOf = (log: LogContent, position: MessagePosition): ExecutingMessage => ({
  identifier: { ...position, origin: log.address },
  payloadHash: payloadHash(log),
  checksum: messageChecksum(position, logHash(log))
})

const word = 32
const dataSize = 5 * word

/** Field name and how many of a word's first bytes must be zero, in the order of the event's data. */
const paddings = [
  ["origin", 12],
  ["blockNumber", 24],
  ["logIndex", 28],
  ["timestamp", 24]
] as const

/**
 * What a log executes: `undefined` for an ordinary log (another contract, another event, another number of
 * topics than two). A log of the event whose data is not five words with zero padding is an error: its block
 * cannot be indexed.
 */
export const decodeExecutingMessage = (
  log: LogContent
): Result.Result<ExecutingMessage | undefined, CodecError> =>
  attemptDecode("ExecutingMessage", () => {
    const { address, data, topics } = log
    const [topic, payload] = topics
    const matches = address === crossL2InboxAddress && topics.length === 2 && topic === executingMessageTopic
    if (!matches || payload === undefined) return undefined
    const identifier = readIdentifier(parseHex(data))
    const checksum = messageChecksum(identifier, logHashOf(identifier.origin, payload))
    return { identifier, payloadHash: payload, checksum }
  })

const readIdentifier = (data: Uint8Array): Identifier => {
  if (data.length !== dataSize) throw new Fault("Malformed", `${dataSize} bytes of data, not ${data.length}`)
  for (const [i, [name, size]] of paddings.entries()) {
    if (!isZero(data, i * word, i * word + size)) {
      throw within(new Fault("Malformed", `${size} zero bytes in front`, i * word), name)
    }
  }
  return {
    origin: toHex(data, 12, word),
    blockNumber: fromBigEndian(data, word, 2 * word),
    logIndex: Number(fromBigEndian(data, 2 * word, 3 * word)),
    timestamp: fromBigEndian(data, 3 * word, 4 * word),
    chainId: fromBigEndian(data, 4 * word, 5 * word).toString()
  }
}

/** The log that executes a message: what the inbox contract would emit. */
export const encodeExecutingLog = ({
  identifier,
  payloadHash: payload
}: Pick<ExecutingMessage, "identifier" | "payloadHash">): LogContent => ({
  address: crossL2InboxAddress,
  topics: [executingMessageTopic, payload],
  data: toHex(
    concatBytes(
      new Uint8Array(12),
      parseHex(identifier.origin),
      bigEndian(identifier.blockNumber, word),
      bigEndian(identifier.logIndex, word),
      bigEndian(identifier.timestamp, word),
      bigEndian(BigInt(identifier.chainId), word)
    )
  )
})
