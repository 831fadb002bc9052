/** Blocks of an execution client as blocks of the hub. */
import { type BlockRef, type ChainId, Hash, type L2BlockRef, type Receipt } from "@ephor/types"
import { Effect, Option, Schedule, Schema } from "effect"
import type { ChainBlock, HeadRefs, Service as Chain } from "../Chain.ts"
import { Backend, ChainError, Unsupported } from "../ChainError.ts"
import { messagePasser } from "../DevExecution.ts"
import { encode, type DevTransaction } from "../DevTransaction.ts"
import type { Block, Client, ClientError } from "../NodeEthRpcClient.ts"
import type { StoreError } from "../Store.ts"
import type { DagMaker } from "./dagMaker.ts"
import type { Origins } from "./origins.ts"
import type { RelayStates } from "./relayStates.ts"
import type { MessagePasserRoot, Options } from "./rpcChain.ts"

/** What can go wrong with a client, before it is known which verb it was. */
export type Problem = ClientError | Backend | ChainError | StoreError

/** Problems as the error of a verb. */
export const as =
  (method: string, what: string) =>
  (cause: Problem): ChainError => {
    if (cause._tag === "ChainError") return cause
    const reason = cause._tag === "Backend" ? cause : new Backend({ what, cause })
    return new ChainError({ method, reason })
  }

/** The client offers no way to do this. */
export const unsupported = (method: string, what: string) =>
  new ChainError({ method, reason: new Unsupported({ what }) })

/** Heads of which none is above `head`: those that were are `head`. */
export const loweredTo = (head: BlockRef, heads: HeadRefs): HeadRefs => {
  const lowered = (ref: BlockRef) => (ref.number > head.number ? head : ref)
  return {
    localUnsafe: lowered(heads.localUnsafe),
    crossUnsafe: lowered(heads.crossUnsafe),
    localSafe: lowered(heads.localSafe),
    crossSafe: lowered(heads.crossSafe),
    finalized: lowered(heads.finalized)
  }
}

/** `keccak256(rlp(""))`: the storage root of an account without storage. */
const emptyRoot: Hash = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"

const decodeProof = Schema.decodeUnknownOption(Schema.Struct({ storageHash: Hash }))

const storageRoot = Effect.fnUntraced(function* (client: Client, from: MessagePasserRoot, block: Block) {
  if (from === "none") return emptyRoot
  const answer =
    from === "proof"
      ? yield* client.call("eth_getProof", messagePasser, [], { blockHash: block.hash })
      : { storageHash: block.withdrawalsRoot }
  const root = decodeProof(answer)
  if (Option.isSome(root)) return root.value.storageHash
  const what = `${client.url} gave no storage root of ${messagePasser} at block ${block.number}`
  const cause = "set messagePasserRoot to where it has one, or to none"
  return yield* new ChainError({ method: "follow", reason: new Backend({ what, cause }) })
})

/** The chain id that `eth_chainId` answered. */
export const chainIdOf = (answer: unknown): ChainId =>
  typeof answer === "string" && /^0x[0-9a-f]+$/.test(answer) ? BigInt(answer).toString() : String(answer)

/** Asks who the client is and where the chain starts, then how the client can be steered. */
const connect = Effect.fnUntraced(function* <A>(
  client: Client,
  options: Options,
  powersOf: (chainId: ChainId) => Effect.Effect<A, Problem>
) {
  const chainId = chainIdOf(yield* client.call("eth_chainId"))
  if (options.chainId !== undefined && options.chainId !== chainId) {
    const what = `${client.url} is a client of chain ${chainId}, not of ${options.chainId}`
    return yield* new ChainError({
      method: "connect",
      reason: new Backend({ what, cause: "check the address" })
    })
  }
  const anchor = options.anchor ?? 0
  const block = yield* client.block(anchor)
  if (block === undefined) {
    const what = `${client.url} has no block ${anchor} to start from`
    return yield* new ChainError({
      method: "connect",
      reason: new Backend({ what, cause: "choose another anchor" })
    })
  }
  return { chainId, block, powers: yield* powersOf(chainId) }
})

/** Asks who the client is, where the chain starts and by `powersOf` how to steer it, as long as it may be silent. */
export const connectPatiently = Effect.fnUntraced(function* <A>(
  client: Client,
  options: Options,
  powersOf: (chainId: ChainId) => Effect.Effect<A, Problem>
) {
  const schedule = Schedule.min([
    Schedule.exponential(options.pollIntervalMs),
    Schedule.spaced(options.retryLimitMs)
  ])
  return yield* connect(client, options, powersOf).pipe(
    Effect.tapErrorTag("Unreachable", (error) => Effect.logWarning(`${error.message}; will be tried again`)),
    Effect.retry({ schedule, while: (error) => error._tag === "Unreachable" }),
    Effect.timeoutOrElse({
      duration: options.connectTimeoutMs,
      orElse: () => connect(client, options, powersOf)
    }),
    Effect.mapError(as("connect", "the execution client cannot be followed"))
  )
})

/** What blocks are made with. */
export interface Parts {
  readonly client: Client
  readonly options: Options
  readonly chain: () => Chain
  readonly dag: DagMaker
  readonly relay: RelayStates
  readonly origins: Origins
}

const refOf = ({ options, origins }: Parts, parent: L2BlockRef | undefined, block: Block): L2BlockRef => {
  const { hash, number, parentHash, timestamp } = block
  const own = { hash, number }
  const first = options.l1Genesis
  const start = first === undefined ? own : { hash: first.hash, number: first.number }
  const l1origin = parent === undefined ? start : (origins.originFor(parent, timestamp) ?? own)
  const sequenceNumber =
    parent !== undefined && l1origin.hash === parent.l1origin.hash ? parent.sequenceNumber + 1 : 0
  return { hash, number, parentHash, timestamp, l1origin, sequenceNumber }
}

const outputOf = Effect.fnUntraced(function* ({ client, options }: Parts, block: Block) {
  const messagePasserStorageRoot = yield* storageRoot(client, options.messagePasserRoot, block)
  return { stateRoot: block.stateRoot, messagePasserStorageRoot, blockHash: block.hash }
})

/** The block that the chain starts from. */
export const genesisOf = (parts: Parts, first: Block) =>
  outputOf(parts, first).pipe(
    Effect.map((output): ChainBlock => ({
      ref: refOf(parts, undefined, first),
      body: new Uint8Array(0),
      receipts: [],
      output
    })),
    Effect.mapError(as("connect", "the first block cannot be read"))
  )

/** A block with everything about it, as a round of the committee upon its parent. */
export const wrap = Effect.fnUntraced(function* (
  parts: Parts,
  parent: ChainBlock,
  block: Block,
  beside: ReadonlyArray<DevTransaction>,
  receipts: ReadonlyArray<Receipt>
) {
  const execution: DevTransaction = {
    _tag: "ExecutionBlock",
    value: { number: block.number, hash: block.hash }
  }
  const output = yield* outputOf(parts, block)
  const { body, subDag } = yield* parts.dag.make(parts.chain(), parent, [execution, ...beside].map(encode))
  const wrapped: ChainBlock = { ref: refOf(parts, parent.ref, block), body, receipts, output }
  yield* parts.relay.advance(parent, wrapped, subDag)
  return wrapped
})
