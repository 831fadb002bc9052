/** Blocks of an execution client as blocks of the hub. */
import { type BlockRef, type ChainId, Hash, messagePasser, type Receipt } from "@ephor/types"
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

/** The chain id that `eth_chainId` answered; what is none comes out as its text, for a message. */
export const chainIdOf = (answer: unknown): ChainId =>
  typeof answer === "string" && /^0x[0-9a-fA-F]{1,64}$/.test(answer)
    ? BigInt(answer).toString()
    : excerpt(answer ?? null)

/** Whether waiting helps. */
const passes = (error: Problem) => error._tag === "JsonRpcError" && error.retryable

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
  const powers = yield* powersOf(chainId)
  // Its receipts are not asked for: nobody looks at the logs of the block that all others build on.
  return { chainId, powers, first: yield* executed(client, options, block, []) }
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
    Effect.tapError((error) =>
      passes(error) ? Effect.logWarning(`${error.message}; will be tried again`) : Effect.void
    ),
    Effect.retry({ schedule, while: passes }),
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
  readonly companion: Companion
}

/** A block of the client with what the hub asks about it. */
export const executed = Effect.fnUntraced(function* (
  client: Client,
  options: Pick<Options, "messagePasserRoot">,
  block: Block,
  receipts: ReadonlyArray<Receipt>
) {
  const { hash, number, parentHash, stateRoot, timestamp } = block
  const messagePasserStorageRoot = yield* storageRoot(client, options.messagePasserRoot, block)
  const output = { stateRoot, messagePasserStorageRoot, blockHash: hash }
  const found: Executed = { hash, number, parentHash, timestamp, receipts, output }
  return found
})
