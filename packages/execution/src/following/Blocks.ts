/** Blocks of an execution client as blocks of the hub. */
import {
  type BlockId,
  type BlockNumber,
  type BlockRef,
  type ChainId,
  Hash,
  messagePasser,
  type Receipt
} from "@ephor/types"
import { Effect, Option, Schedule, Schema } from "effect"
import type { HeadRefs, Service as Chain } from "@ephor/chain/Chain"
import { Backend, ChainError, Unsupported } from "@ephor/chain/ChainError"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import type { Block, Client } from "../NodeEthRpcClient.ts"
import type { StoreError } from "@ephor/store/Store"
import type { Companion, Executed } from "@ephor/chain/Companion"
import type { MessagePasserRoot, Options } from "./Options.ts"
import { excerpt } from "@ephor/json-rpc/JsonRpcClient"

/** What can go wrong with a client, before it is known which verb it was. */
export type Problem = JsonRpcError | Backend | ChainError | StoreError

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

/**
 * The storage root of the message passer as far as the block tells it. A header that has the root of an empty trie is one
 * of before Isthmus, where it told of withdrawals: the account of the message passer is never empty.
 */
const rootAtHand = (from: MessagePasserRoot, { withdrawalsRoot }: Block): Hash | undefined => {
  if (from === "none") return emptyRoot
  return from === "withdrawalsRoot" && withdrawalsRoot !== emptyRoot ? withdrawalsRoot : undefined
}

/** What to do about a client that has no proof of a block. */
const remedies = [
  "ask while the block is within the client's window of proofs, or have it keep more of them",
  "(op-reth: --rpc.eth-proof-window; geth: --gcmode archive),",
  "or take the root from the header (ephor-node: --execution-output-root withdrawalsRoot; Isthmus or later)"
].join(" ")

/** The storage root of the message passer at a block: from its header, or proved by the client. */
export const storageRoot = Effect.fnUntraced(function* (
  client: Client,
  from: MessagePasserRoot,
  { hash, number }: BlockId
): Effect.fn.Return<Hash, ChainError> {
  const unknown = (cause: unknown) => {
    const what = `${client.url} tells no storage root of ${messagePasser} at block ${number}`
    return new ChainError({ method: "output", reason: new Backend({ what, cause }) })
  }
  const block = yield* Effect.mapError(client.block(hash), unknown)
  if (block === undefined) return yield* unknown("it has dropped the block")
  const known = rootAtHand(from, block)
  if (known !== undefined) return known
  const answer = yield* client
    .call("eth_getProof", messagePasser, [], { blockHash: hash })
    .pipe(Effect.mapError((error) => unknown(passes(error) ? error : `${error.message}; ${remedies}`)))
  const root = decodeProof(answer)
  return Option.isSome(root)
    ? root.value.storageHash
    : yield* unknown(`its proof is ${excerpt(answer)}; ${remedies}`)
})

/** The chain id that `eth_chainId` answered; what is none comes out as its text, for a message. */
export const chainIdOf = (answer: unknown): ChainId =>
  typeof answer === "string" && /^0x[0-9a-fA-F]{1,64}$/.test(answer)
    ? BigInt(answer).toString()
    : excerpt(answer ?? null)

/** Whether waiting helps. */
export const passes = (error: Problem) => error._tag === "JsonRpcError" && error.retryable

/** The lowest block that a client has: it has all between that and its latest one. */
const lowestBlock = Effect.fnUntraced(function* (client: Client) {
  let found = (yield* client.block("earliest")) ?? (yield* client.block("latest"))
  let missing = 0
  while (found !== undefined && missing + 1 < found.number) {
    const middle = Math.floor((missing + found.number) / 2)
    const block: Block | undefined = yield* client.block(middle)
    if (block === undefined) missing = middle
    else found = block
  }
  if (found !== undefined) {
    yield* Effect.logInfo(`${client.url} has no blocks below ${found.number}: the chain starts there`)
  }
  return found
})

/** The block that the chain starts from: the wanted one, or else the lowest that the client has. */
const firstBlock = Effect.fnUntraced(function* (client: Client, wanted: BlockNumber | undefined) {
  const block = yield* client.block(wanted ?? 0)
  const found = block ?? (wanted === undefined ? yield* lowestBlock(client) : undefined)
  if (found !== undefined) return found
  const what = `${client.url} has no ${wanted === undefined ? "block" : `block ${wanted}`} to start from`
  const cause =
    wanted === undefined
      ? "start this when the client has begun to sync"
      : "give a client that has it, or another first block (ephor-node: --execution-first-block) with a data directory of its own"
  return yield* new ChainError({ method: "connect", reason: new Backend({ what, cause }) })
})

/** Asks who the client is and where the chain starts, then how the client can be steered. */
const connect = Effect.fnUntraced(function* <A>(
  client: Client,
  options: Options,
  stored: BlockNumber | undefined,
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
  const block = yield* firstBlock(client, options.anchor ?? stored)
  const powers = yield* powersOf(chainId)
  // Its receipts are not asked for: nobody looks at the logs of the block that all others build on.
  return { chainId, powers, first: executed(options, block, []) }
})

/** Asks who the client is, where the chain starts and by `powersOf` how to steer it, as long as it may be silent. */
export const connectPatiently = Effect.fnUntraced(function* <A>(
  client: Client,
  options: Options,
  stored: BlockNumber | undefined,
  powersOf: (chainId: ChainId) => Effect.Effect<A, Problem>
) {
  const schedule = Schedule.min([
    Schedule.exponential(options.pollIntervalMs),
    Schedule.spaced(options.retryLimitMs)
  ])
  return yield* connect(client, options, stored, powersOf).pipe(
    Effect.tapError((error) =>
      passes(error) ? Effect.logWarning(`${error.message}; will be tried again`) : Effect.void
    ),
    Effect.retry({ schedule, while: passes }),
    Effect.timeoutOrElse({
      duration: options.connectTimeoutMs,
      orElse: () => connect(client, options, stored, powersOf)
    }),
    Effect.mapError(as("connect", "the execution client cannot be followed"))
  )
})

/** What blocks are made with. */
export interface Parts {
  readonly client: Client
  readonly options: Options
  readonly chain: () => Chain
  readonly companion: Companion
}

/** A block of the client with what the hub asks about it; nothing is asked of the client. */
export const executed = (
  options: Pick<Options, "messagePasserRoot">,
  block: Block,
  receipts: ReadonlyArray<Receipt>
): Executed => {
  const { hash, number, parentHash, stateRoot, timestamp } = block
  const messagePasserStorageRoot = rootAtHand(options.messagePasserRoot, block)
  const output = { stateRoot, messagePasserStorageRoot, blockHash: hash }
  return { hash, number, parentHash, timestamp, receipts, output }
}
