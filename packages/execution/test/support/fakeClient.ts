/**
 * A client of the OP stack that executes nothing: a tree of blocks, and what its public JSON-RPC and its Engine API
 * answer about it. It is strict where real clients are: hashes, forkchoice, the attributes' fields.
 */
import { type Hash, keccak256 } from "@ephor/types"

/** A block as the tree keeps it; everything but the hash is under the hash. */
export interface FakeBlock {
  readonly hash: Hash
  readonly parentHash: Hash
  readonly number: number
  readonly timestamp: string
  readonly mixHash: Hash
  readonly miner: string
  readonly gasLimit: string
  readonly extraData: string
  readonly parentBeaconBlockRoot: Hash
  readonly withdrawalsRoot: Hash
  readonly stateRoot: Hash
  readonly transactions: ReadonlyArray<string>
}

/** One call that came in. */
export interface Call {
  readonly method: string
  readonly params: ReadonlyArray<any>
}

/** What a client answers in place of its own answer: a result, or an error. */
export type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } }

/** How the client is made. */
export interface Options {
  readonly chainId?: number
  /** Blocks before Isthmus are unknown to the newest methods. Default: `isthmus`. */
  readonly fork?: "isthmus" | "ecotone"
  /** How long each answer of the public JSON-RPC takes. */
  readonly delayMs?: number
  /** The height of the lowest block. Default: 0. */
  readonly first?: number
  /** Goes back to an ancestor when it is told to, as clients outside the OP stack do not. Default: true. */
  readonly goesBack?: boolean
}

/** A hash of repeated hex digits. */
export const word = (digits: string) => `0x${digits.repeat(64 / digits.length)}` as Hash
export const quantity = (number: number) => `0x${number.toString(16)}`
const hashOf = (...parts: ReadonlyArray<unknown>): Hash =>
  keccak256(new TextEncoder().encode(JSON.stringify(parts)))

const sealed = (block: Omit<FakeBlock, "hash">): FakeBlock => ({
  ...block,
  hash: hashOf(
    block.parentHash,
    block.number,
    block.timestamp,
    block.mixHash,
    block.miner,
    block.gasLimit,
    block.extraData,
    block.parentBeaconBlockRoot,
    block.withdrawalsRoot,
    block.stateRoot,
    block.transactions
  )
})

/** The tree, and what both sides of the client answer about it. */
export class FakeClient {
  readonly options: Options
  readonly blocks = new Map<Hash, FakeBlock>()
  /** Calls of the Engine API, in order. */
  readonly calls: Array<Call> = []
  /** Answers given in place of the client's own, by method; nothing given means its own. */
  readonly instead = new Map<string, (call: Call) => Answer | undefined | Promise<undefined>>()
  /** Runs before each answer of the public JSON-RPC. */
  onRead: (call: Call) => void = () => {}
  /** The most calls of the public JSON-RPC that waited for their answers at one time. */
  mostAtOnce = 0
  private waiting = 0
  head: Hash
  safe: Hash
  finalized: Hash
  private readonly building = new Map<string, FakeBlock>()

  constructor(options: Options) {
    this.options = options
    const genesis = sealed({
      parentHash: word("0"),
      number: options.first ?? 0,
      timestamp: quantity(1_700_000_000),
      mixHash: word("0"),
      miner: `0x${"00".repeat(20)}`,
      gasLimit: quantity(30_000_000),
      extraData: "0x",
      parentBeaconBlockRoot: word("0"),
      withdrawalsRoot: word("56"),
      stateRoot: word("57"),
      transactions: []
    })
    this.blocks.set(genesis.hash, genesis)
    this.head = this.safe = this.finalized = genesis.hash
  }

  get latest(): FakeBlock {
    return this.blocks.get(this.head)!
  }

  /** Adds a block upon the head, which becomes the head; some fields may be given. */
  mine(given: Partial<Omit<FakeBlock, "hash">> = {}): FakeBlock {
    const parent = this.latest
    const number = parent.number + 1
    const block = this.executed({
      parentHash: parent.hash,
      number,
      timestamp: quantity(Number(parent.timestamp) + 2),
      mixHash: hashOf("randao", number),
      miner: "0x4200000000000000000000000000000000000011",
      gasLimit: quantity(60_000_000),
      extraData: "0x00000000fa00000006",
      parentBeaconBlockRoot: hashOf("beacon", number),
      transactions: [],
      ...given
    })
    this.blocks.set(block.hash, block)
    this.head = block.hash
    return block
  }

  at(number: number): FakeBlock | undefined {
    let block: FakeBlock | undefined = this.latest
    while (block !== undefined && block.number > number) block = this.blocks.get(block.parentHash)
    return block?.number === number ? block : undefined
  }

  private executed(block: Omit<FakeBlock, "hash" | "stateRoot" | "withdrawalsRoot">): FakeBlock {
    const { parentHash, transactions } = block
    const roots = {
      stateRoot: hashOf("state", parentHash, transactions),
      withdrawalsRoot: hashOf("withdrawals", parentHash)
    }
    return sealed({ ...roots, ...block })
  }

  private isAncestor(ancestor: Hash, of: Hash): boolean {
    const lowest = this.blocks.get(ancestor)?.number ?? Infinity
    let block = this.blocks.get(of)
    while (block !== undefined && block.number > lowest) block = this.blocks.get(block.parentHash)
    return block?.hash === ancestor
  }

  /** The methods of the public side. */
  private read({ method, params }: Call): Answer {
    const [id] = params
    const shown = (block: FakeBlock | undefined) => ({
      result:
        block === undefined
          ? null
          : {
              ...block,
              number: quantity(block.number),
              withdrawals: [],
              transactions: block.transactions.map((raw) => hashOf("transaction", raw))
            }
    })
    switch (method) {
      case "eth_chainId":
        return { result: quantity(this.options.chainId ?? 901) }
      case "web3_clientVersion":
        return { result: "fake/v1" }
      case "eth_getBlockByNumber":
        return shown(id === "latest" ? this.latest : this.at(Number(id)))
      case "eth_getBlockByHash":
        return shown(this.blocks.get(id))
      case "eth_getBlockReceipts":
        return { result: this.receipts(id) }
      default:
        return { error: { code: -32_601, message: `the method ${method} does not exist` } }
    }
  }

  private receipts(hash: Hash) {
    const block = this.blocks.get(hash)
    return (
      block?.transactions.map((raw, index) => ({
        type: raw.startsWith("0x7e") ? "0x7e" : "0x2",
        status: "0x1",
        cumulativeGasUsed: quantity(21_000 * (index + 1)),
        gasUsed: quantity(21_000),
        logs: [],
        transactionHash: hashOf("transaction", raw),
        transactionIndex: quantity(index),
        blockHash: hash,
        blockNumber: quantity(block.number)
      })) ?? null
    )
  }

  private forkchoiceUpdated([state, attributes]: ReadonlyArray<any>): Answer {
    const { finalizedBlockHash, headBlockHash, safeBlockHash } = state
    const status = (status: string, payloadId: string | null = null) => ({
      result: {
        payloadStatus: {
          status,
          latestValidHash: status === "VALID" ? headBlockHash : null,
          validationError: null
        },
        payloadId
      }
    })
    const parent = this.blocks.get(headBlockHash)
    if (parent === undefined) return status("SYNCING")
    if (![safeBlockHash, finalizedBlockHash].every((hash) => this.isAncestor(hash, headBlockHash)))
      return { error: { code: -38_002, message: "Invalid forkchoice state" } }
    if (this.options.goesBack === false && this.isAncestor(headBlockHash, this.head)) return status("VALID")
    this.head = headBlockHash
    this.safe = safeBlockHash
    this.finalized = finalizedBlockHash
    if (attributes === null) return status("VALID")
    const { minBaseFee } = attributes
    const extraData =
      minBaseFee === undefined
        ? `0x00${attributes.eip1559Params.slice(2)}`
        : `0x01${attributes.eip1559Params.slice(2)}${minBaseFee.toString(16).padStart(16, "0")}`
    if (attributes.noTxPool !== true || attributes.withdrawals?.length !== 0)
      return { error: { code: -38_003, message: "Invalid payload attributes" } }
    const built = this.executed({
      parentHash: parent.hash,
      number: parent.number + 1,
      timestamp: attributes.timestamp,
      mixHash: attributes.prevRandao,
      miner: attributes.suggestedFeeRecipient,
      gasLimit: attributes.gasLimit,
      extraData,
      parentBeaconBlockRoot: attributes.parentBeaconBlockRoot,
      transactions: attributes.transactions
    })
    const payloadId = `0x03${built.hash.slice(2, 16)}`
    this.building.set(payloadId, built)
    return status("VALID", payloadId)
  }

  private getPayload(id: string): Answer {
    const built = this.building.get(id)
    if (built === undefined) return { error: { code: -38_001, message: "Unknown payload" } }
    const { hash, miner, mixHash, number, parentBeaconBlockRoot, ...rest } = built
    const executionPayload = {
      ...rest,
      blockHash: hash,
      blockNumber: quantity(number),
      prevRandao: mixHash,
      feeRecipient: miner,
      withdrawals: []
    }
    return { result: { executionPayload, blockValue: "0x0", parentBeaconBlockRoot, executionRequests: [] } }
  }

  private newPayload([payload, blobs, parentBeaconBlockRoot]: ReadonlyArray<any>): Answer {
    const { blockHash, blockNumber, feeRecipient, prevRandao, withdrawals, ...rest } = payload
    const block = sealed({
      ...rest,
      number: Number(blockNumber),
      miner: feeRecipient,
      mixHash: prevRandao,
      parentBeaconBlockRoot
    })
    const status = (status: string, validationError: string | null = null) => ({
      result: { status, latestValidHash: null, validationError }
    })
    if (block.hash !== blockHash || blobs.length !== 0 || withdrawals.length !== 0)
      return status("INVALID", "blockhash mismatch")
    if (!this.blocks.has(block.parentHash)) return status("SYNCING")
    this.blocks.set(block.hash, block)
    return status("VALID")
  }

  private command(call: Call): Answer {
    const { method, params } = call
    const newest = this.options.fork !== "ecotone"
    const otherFork: Answer = { error: { code: -38_005, message: "Unsupported fork" } }
    switch (method) {
      case "engine_forkchoiceUpdatedV3":
        return this.forkchoiceUpdated(params)
      case "engine_getPayloadV4":
        return newest ? this.getPayload(params[0]) : otherFork
      case "engine_getPayloadV3":
        return newest ? otherFork : this.getPayload(params[0])
      case "engine_newPayloadV4":
        return newest && params[3]?.length === 0 ? this.newPayload(params) : otherFork
      case "engine_newPayloadV3":
        return newest || params.length !== 3 ? otherFork : this.newPayload(params)
      case "engine_getPayloadBodiesByHashV1":
        return {
          result: params[0].map((hash: Hash) => {
            const block = this.blocks.get(hash)
            return block === undefined ? null : { transactions: block.transactions, withdrawals: [] }
          })
        }
      default:
        return this.read(call)
    }
  }

  /** The answer of the Engine API. */
  async engineAnswer(call: Call): Promise<Answer> {
    this.calls.push(call)
    return (await this.instead.get(call.method)?.(call)) ?? this.command(call)
  }

  /** The answer of the public JSON-RPC. */
  async publicAnswer(call: Call): Promise<Answer> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.waiting)
    const { delayMs } = this.options
    if (delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, delayMs))
    this.waiting--
    this.onRead(call)
    return (await this.instead.get(call.method)?.(call)) ?? this.read(call)
  }
}
