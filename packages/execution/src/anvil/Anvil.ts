/**
 * What only a development client can do: go back, build a block to order, emit logs from any address.
 */
import {
  type Address,
  concatBytes,
  decodeOutput,
  encodeOutput,
  fromHex,
  isHex,
  replacementSender,
  toHex
} from "@ephor/types"
import { Effect, Option, Result, Schema } from "effect"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import type { Client } from "../NodeEthRpcClient.ts"
import { mustGoBack, type Powers } from "../following/Steering.ts"

const op = {
  stop: 0x00,
  sub: 0x03,
  eq: 0x14,
  byte: 0x1a,
  callDataLoad: 0x35,
  callDataSize: 0x36,
  callDataCopy: 0x37,
  jumpIf: 0x57,
  push1: 0x60,
  push2: 0x61,
  jumpDest: 0x5b,
  log0: 0xa0
} as const
const mostTopics = 4

/** Code that emits what it is called with: the number of topics in a byte, the topics, the data. */
const emitterCode = (() => {
  const dispatch = (topics: number, target: number) => [
    op.push1,
    0,
    op.callDataLoad,
    op.push1,
    0,
    op.byte,
    op.push1,
    topics,
    op.eq,
    op.push2,
    target >> 8,
    target & 0xff,
    op.jumpIf
  ]
  const branch = (topics: number) => {
    const dataAt = 1 + 32 * topics
    const size = [op.push1, dataAt, op.callDataSize, op.sub]
    const pushed = Array.from({ length: topics }, (_, at) => [
      op.push1,
      1 + 32 * (topics - 1 - at),
      op.callDataLoad
    ])
    return [
      op.jumpDest,
      ...size,
      op.push1,
      dataAt,
      op.push1,
      0,
      op.callDataCopy,
      ...pushed.flat(),
      ...size,
      op.push1,
      0,
      op.log0 + topics,
      op.stop
    ]
  }
  const branches = Array.from({ length: mostTopics + 1 }, (_, topics) => branch(topics))
  const head = branches.length * dispatch(0, 0).length + 1
  const targets = branches.map((_, topics) =>
    branches.slice(0, topics).reduce((at, { length }) => at + length, head)
  )
  const dispatching = targets.flatMap((target, topics) => dispatch(topics, target))
  return toHex(Uint8Array.from([...dispatching, op.stop, ...branches.flat()]))
})()

const decodeDeposit = Schema.decodeUnknownOption(
  Schema.Struct({ from: Schema.Literal(replacementSender), input: Schema.String })
)

const depositGas = "0x8ca0"
const plenty = "0xffffffffffffffff"
const zeroAddress = `0x${"00".repeat(20)}`

/** Powers over the client, if it is an anvil. */
export const anvilOf = Effect.fnUntraced(function* (
  client: Client
): Effect.fn.Return<Powers | undefined, JsonRpcError> {
  const version = yield* client.call("web3_clientVersion")
  if (typeof version !== "string" || !version.toLowerCase().startsWith("anvil/")) return undefined
  const { call } = client

  /** Makes the block at a height the latest one. */
  const rollback = Effect.fnUntraced(function* (number: number) {
    const latest = yield* client.block("latest")
    if (latest !== undefined && latest.number > number) yield* call("anvil_rollback", latest.number - number)
  })

  /** Mining by itself is off while `use` runs. */
  const still = <A>(use: Effect.Effect<A, JsonRpcError>) =>
    Effect.acquireUseRelease(
      Effect.gen(function* () {
        const automine = yield* call("anvil_getAutomine")
        const interval = yield* call("anvil_getIntervalMining")
        if (interval !== null) yield* call("evm_setIntervalMining", 0)
        yield* call("evm_setAutomine", false)
        return { automine, interval }
      }),
      () => use,
      ({ automine, interval }) =>
        Effect.ignore(
          interval === null ? call("evm_setAutomine", automine) : call("evm_setIntervalMining", interval)
        )
    )

  const setHeads: Powers["setHeads"] = Effect.fnUntraced(function* ({ localUnsafe }) {
    if (yield* mustGoBack(client, localUnsafe)) yield* rollback(localUnsafe.number)
  })

  /** What waited in the pool is dropped: nothing but the deposit shall be in the block. */
  const replace: Powers["replace"] = ({ output, ref }) =>
    still(
      Effect.gen(function* () {
        yield* rollback(ref.number - 1)
        yield* call("anvil_dropAllTransactions")
        yield* call("anvil_setBalance", replacementSender, plenty)
        yield* call("anvil_impersonateAccount", replacementSender)
        yield* call("evm_setNextBlockTimestamp", ref.timestamp)
        const transaction = {
          from: replacementSender,
          to: zeroAddress,
          data: toHex(encodeOutput(output)),
          gas: depositGas
        }
        yield* call("eth_sendTransaction", transaction)
        yield* call("evm_mine")
        const block = yield* client.block(ref.number)
        return block ?? (yield* Effect.die(`anvil lost the block ${ref.number} that it just mined`))
      })
    )

  const replacedBy: Powers["replacedBy"] = Effect.fnUntraced(function* ({ transactions }) {
    const [only, another] = transactions
    if (only === undefined || another !== undefined) return undefined
    const deposit = decodeDeposit(yield* call("eth_getTransactionByHash", only))
    if (Option.isNone(deposit) || !isHex(deposit.value.input)) return undefined
    return Result.getOrUndefined(decodeOutput(fromHex(deposit.value.input)))
  })

  const emit: Powers["emit"] = Effect.fnUntraced(function* ({ address, data, topics }) {
    const [from] = (yield* call("eth_accounts")) as ReadonlyArray<Address>
    yield* call("anvil_setCode", address, emitterCode)
    const input = concatBytes(Uint8Array.of(topics.length), ...topics.map(fromHex), fromHex(data))
    yield* call("eth_sendTransaction", { from, to: address, data: toHex(input) })
  })

  return { setHeads, replace, replacedBy, emit }
})
