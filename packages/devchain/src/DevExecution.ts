/**
 * The state transition of the development chain: from a parent and a committed sub-DAG to a block with receipts,
 * roots and an output. Pure, and a function of the committed bytes alone.
 */
import {
  type BlockId,
  BlockNumber,
  blake2b256,
  type ChainId,
  concatBytes,
  decodeReplacementTransaction,
  encodeReplacementTransaction,
  fromHex,
  Hash,
  type Header,
  keccak256,
  type L2BlockRef,
  messagePasser,
  type OutputV0,
  type Receipt,
  Scale,
  Timestamp,
  toHex,
  Wire
} from "@ephor/types"
import { Result, Schema } from "effect"
import type { ChainBlock, KnownBlock } from "@ephor/chain/Chain"
import type { SubDag } from "@ephor/chain/DagBody"
import { decode, type DevLog, type DevTransaction, transactionHash } from "./DevTransaction.ts"
import { listRoot, receiptsRoot } from "@ephor/chain/Receipts"

/** What the hash of a development block covers: everything, the commit included. */
export const DevHeader = Wire.record({
  parentHash: Hash,
  number: BlockNumber,
  timestamp: Timestamp,
  stateRoot: Hash,
  receiptsRoot: Hash,
  storageRoot: Hash,
  commitDigest: Hash,
  originHash: Hash,
  originNumber: BlockNumber,
  sequenceNumber: BlockNumber
})
export interface DevHeader extends Schema.Schema.Type<typeof DevHeader> {}

/** The hash of a block: Keccak-256 of the SCALE of its header. */
export const headerHash = (header: DevHeader): Hash => keccak256(Scale.encode(DevHeader)(header))

const depositType = 0x7e
const callType = 2
const noHash: Hash = `0x${"00".repeat(32)}`

/** What a log costs on an EVM, on top of the 21 000 that every transaction costs. */
const gasOf = (logs: ReadonlyArray<DevLog>) =>
  logs.reduce((gas, { data, topics }) => gas + 375 + 375 * topics.length + 4 * (data.length - 2), 21_000)

/** A committed transaction. */
export interface Committed {
  readonly hash: Hash
  readonly transaction: DevTransaction
  /** It stands in the block of the leader whose commit this is. */
  readonly byLeader: boolean
}

/** The transactions of a sub-DAG in the order of their execution. Bytes that are no transaction are passed over. */
export const committedTransactions = (subDag: SubDag): ReadonlyArray<Committed> =>
  subDag.blocks.flatMap(({ block, ref: { digest } }) =>
    block.value.transactions.flatMap((bytes, position) => {
      const transaction = decode(bytes)
      const byLeader = digest === subDag.commit.leader.digest
      return transaction === undefined
        ? []
        : [{ hash: transactionHash(digest, position, bytes), transaction, byLeader }]
    })
  )

/** Where a block stands: what its content does not decide. */
export interface Position {
  readonly parent: Pick<ChainBlock, "ref" | "output">
  readonly timestamp: Timestamp
  /** The L1 block that this one builds upon; a chain without an L1 is its own. */
  readonly l1origin: BlockId | undefined
}

/**
 * Executes a sub-DAG over its parent. Inherents count only in the leader's own block, since they speak about one
 * parent. A system deposit makes the block a replacement: nothing but deposits happens, and `pending` is the output that
 * the deposit carries.
 */
export const execute = (position: Position, subDag: SubDag, body: Uint8Array): KnownBlock => {
  const { parent } = position
  const committed = committedTransactions(subDag)
  const replaced = committed.find(
    ({ byLeader, transaction }) => byLeader && transaction._tag === "SystemDeposit"
  )
  const executed = committed.filter(({ byLeader, transaction }) =>
    transaction._tag === "Emit" ? replaced === undefined : byLeader
  )
  const number = parent.ref.number + 1
  const receipts = receiptsOf(executed, number)
  const root = receiptsRoot(receipts)
  const commitDigest = subDag.digest
  const withdrawals = receipts
    .flatMap((receipt) => receipt.logs)
    .filter(({ address }) => address === messagePasser)
    .map((log) => keccak256(concatBytes(...log.topics.map(fromHex), fromHex(log.data))))
  const stateRoot = listRoot([parent.output.stateRoot, commitDigest, root])
  // Every block that was executed here tells it.
  const before = parent.output.messagePasserStorageRoot ?? noHash
  const storageRoot = withdrawals.length === 0 ? before : listRoot([before, ...withdrawals])
  const origin = position.l1origin
  const sequenceNumber = origin?.hash === parent.ref.l1origin.hash ? parent.ref.sequenceNumber + 1 : 0
  const hash = headerHash({
    parentHash: parent.ref.hash,
    number,
    timestamp: position.timestamp,
    stateRoot,
    receiptsRoot: root,
    storageRoot,
    commitDigest,
    originHash: origin?.hash ?? noHash,
    originNumber: origin?.number ?? number,
    sequenceNumber
  })
  const ref: L2BlockRef = {
    hash,
    number,
    parentHash: parent.ref.hash,
    timestamp: position.timestamp,
    l1origin: origin === undefined ? { hash, number } : { hash: origin.hash, number: origin.number },
    sequenceNumber
  }
  const block = {
    ref,
    body,
    receipts: receipts.map((receipt) => inBlock(receipt, hash)),
    output: { stateRoot, messagePasserStorageRoot: storageRoot, blockHash: hash }
  }
  const pending = replacedOutput(replaced?.transaction)
  return pending === undefined ? block : { ...block, pending }
}

const inBlock = (receipt: Receipt, blockHash: Hash): Receipt => ({
  ...receipt,
  blockHash,
  logs: receipt.logs.map((log) => ({ ...log, blockHash }))
})

const receiptsOf = (executed: ReadonlyArray<Committed>, blockNumber: number): ReadonlyArray<Receipt> => {
  let logIndex = 0
  let cumulativeGasUsed = 0
  return executed.map(({ hash, transaction }, transactionIndex) => {
    const logs = transaction._tag === "Emit" ? transaction.value.logs : []
    const gasUsed = gasOf(logs)
    cumulativeGasUsed += gasUsed
    return {
      type: transaction._tag === "Emit" ? callType : depositType,
      status: 1,
      cumulativeGasUsed,
      gasUsed,
      transactionHash: hash,
      transactionIndex,
      blockHash: noHash,
      blockNumber,
      logs: logs.map((log) => ({
        ...log,
        blockNumber,
        blockHash: noHash,
        transactionHash: hash,
        transactionIndex,
        logIndex: logIndex++
      }))
    }
  })
}

/** The output that a replacement's system deposit carries; nothing for anything else. */
const replacedOutput = (transaction: DevTransaction | undefined): OutputV0 | undefined => {
  if (transaction?._tag !== "SystemDeposit") return undefined
  const output = decodeReplacementTransaction(fromHex(transaction.value))
  return Result.isSuccess(output) ? output.success : undefined
}

/** The system deposit of the block that replaces the one with this output. */
export const systemDeposit = (invalid: OutputV0): DevTransaction => ({
  _tag: "SystemDeposit",
  value: toHex(encodeReplacementTransaction(invalid))
})

/** The first block of a development chain: empty, and different for every chain id and time. */
export const genesis = (options: {
  readonly chainId: ChainId
  readonly timestamp: Timestamp
  readonly l1origin?: BlockId
}): KnownBlock => {
  const seed = (what: string) =>
    blake2b256(new TextEncoder().encode(`ephor/devchain/${what}/${options.chainId}`))
  const stateRoot = seed("state")
  const storageRoot = seed("storage")
  const origin = options.l1origin
  const hash = headerHash({
    parentHash: noHash,
    number: 0,
    timestamp: options.timestamp,
    stateRoot,
    receiptsRoot: receiptsRoot([]),
    storageRoot,
    commitDigest: noHash,
    originHash: origin?.hash ?? noHash,
    originNumber: origin?.number ?? 0,
    sequenceNumber: 0
  })
  return {
    ref: {
      hash,
      number: 0,
      parentHash: noHash,
      timestamp: options.timestamp,
      l1origin: origin === undefined ? { hash, number: 0 } : { hash: origin.hash, number: origin.number },
      sequenceNumber: 0
    },
    body: new Uint8Array(0),
    receipts: [],
    output: { stateRoot, messagePasserStorageRoot: storageRoot, blockHash: hash }
  }
}

/** The block as a relay chain header: what the inherent of its child must name as its parent. */
export const relayHeader = ({ output, ref }: Pick<ChainBlock, "ref" | "output">): Header => ({
  parentHash: ref.parentHash,
  number: ref.number,
  stateRoot: output.stateRoot,
  // Nothing but the place and the state tells blocks apart; the client of the block may know the other root alone.
  extrinsicsRoot: output.messagePasserStorageRoot ?? noHash,
  digest: []
})
