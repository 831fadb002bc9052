/**
 * A stack of today in a script: an op-node without managed mode and its execution client, on sockets of their own. What
 * they answer is `optimism_syncStatus`, `optimism_safeHeadAtL1Block` and `optimism_outputAtBlock` of op-node, and
 * go-ethereum's `eth_*`, in the forms of ethereum-optimism/optimism of 2026.
 */
import * as NodeEthRpcClient from "@ephor/execution/NodeEthRpcClient"
import * as NodeJsonRpcClient from "@ephor/json-rpc/NodeJsonRpcClient"
import { PassiveNode } from "@ephor/supervisor-protocol"
import { type ChainId, type Hash, Json, type L2BlockRef, type LogContent, Receipt } from "@ephor/types"
import { Effect } from "effect"
import { createServer } from "node:http"
import type { RollupConfig } from "../../src/index.ts"
import { blockTime, genesisTime, hashOf, type TestL1 } from "../world.ts"

type Params = ReadonlyArray<any>
type Methods = { readonly [method: string]: (...params: Params) => unknown }

/** How a server misbehaves. */
export interface Faults {
  delayMs: number
  /** HTTP status of every answer, where it is not 200. */
  status: number
  /** Methods that it does not offer. */
  readonly without: Set<string>
}

/** An error of a method. */
export class RpcFailure extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** Serves methods over HTTP until the scope closes; `asked` are the methods that it was asked for. */
export const serveRpc = (methods: Methods, faults: Faults) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly url: string
      readonly port: number
      readonly asked: ReadonlyArray<string>
      readonly close: () => void
    }>((resume) => {
      const asked: Array<string> = []
      const answer = async (body: string) => {
        const { id, method, params } = JSON.parse(body)
        asked.push(method)
        const found = faults.without.has(method) ? undefined : methods[method]
        if (found === undefined) {
          const error = { code: -32_601, message: `the method ${method} does not exist/is not available` }
          return { jsonrpc: "2.0", id, error }
        }
        try {
          return { jsonrpc: "2.0", id, result: (await found(...params)) ?? null }
        } catch (error) {
          if (!(error instanceof RpcFailure)) throw error
          return { jsonrpc: "2.0", id, error: { code: error.code, message: error.message } }
        }
      }
      const server = createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8").on("data", (text: string) => (body += text))
        request.on("end", () =>
          setTimeout(() => {
            if (faults.status !== 200) return response.writeHead(faults.status).end()
            response.writeHead(200, { "content-type": "application/json" })
            answer(body).then(
              (told) => response.end(JSON.stringify(told)),
              () => response.destroy()
            )
          }, faults.delayMs)
        )
      }).listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, port, asked, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const zero: Hash = `0x${"0".repeat(64)}`
const quantity = (number: number) => `0x${number.toString(16)}`
const word = (number: number, bytes: number) => number.toString(16).padStart(bytes * 2, "0")

/** Calldata of `setL1BlockValuesEcotone`, as the first deposit of a block carries it. */
export const ecotone = (origin: { readonly hash: Hash; readonly number: number }, sequenceNumber: number) =>
  [
    "0x440a5e20",
    word(1, 4),
    word(2, 4),
    word(sequenceNumber, 8),
    word(3, 8),
    word(origin.number, 8),
    word(4, 32),
    word(5, 32),
    origin.hash.slice(2),
    word(6, 32)
  ].join("")

interface Block {
  readonly ref: L2BlockRef
  readonly receipts: ReadonlyArray<Receipt>
  readonly transactions: ReadonlyArray<{ readonly hash: Hash; readonly input: string; readonly from: string }>
}

const receiptOf = (ref: L2BlockRef, log: LogContent, index: number, transactionHash: Hash): Receipt => {
  const place = {
    blockNumber: ref.number,
    blockHash: ref.hash,
    transactionHash,
    transactionIndex: index + 1
  }
  const logs = [{ ...log, ...place, logIndex: index }]
  return { ...place, type: 2, status: 1, cumulativeGasUsed: 21_000 * (index + 1), gasUsed: 21_000, logs }
}

const encodeReceipt = Json.encode(Receipt)

/** How a stack begins. */
export interface StackOptions {
  /** Whether op-node keeps safe heads (`--safedb.path`). */
  readonly safeDb?: boolean
  /** Height of the genesis block, which need not be 0. */
  readonly genesisNumber?: number
}

/** A chain whose blocks are made by hand, and its servers. */
export const makeStack = Effect.fnUntraced(function* (
  chainId: ChainId,
  l1: TestL1,
  { genesisNumber = 0, safeDb = true }: StackOptions = {}
) {
  const genesis: L2BlockRef = {
    hash: hashOf("stack", chainId, genesisNumber),
    number: genesisNumber,
    parentHash: zero,
    timestamp: genesisTime,
    l1origin: { hash: l1.blocks[0]!.hash, number: 0 },
    sequenceNumber: 0
  }
  const blocks: Array<Block> = [{ ref: genesis, receipts: [], transactions: [] }]
  const known = new Map<string, Block>([[genesis.hash, blocks[0]!]])
  const safe: Array<{
    readonly l1: { readonly hash: Hash; readonly number: number }
    readonly head: L2BlockRef
  }> = []
  const node = { currentL1: 0 }
  const tip = () => blocks.at(-1)!.ref

  const build = (logs: ReadonlyArray<LogContent> = [], mark = ""): L2BlockRef => {
    const parent = tip()
    const number = parent.number + 1
    const origin = l1.blocks.at(Math.min(node.currentL1, l1.blocks.length - 1))!
    const ref: L2BlockRef = {
      hash: hashOf("stack", chainId, number, parent.hash, mark, ...logs.map(({ data }) => data)),
      number,
      parentHash: parent.hash,
      timestamp: parent.timestamp + blockTime,
      l1origin: { hash: origin.hash, number: origin.number },
      sequenceNumber: number
    }
    const deposit = {
      hash: hashOf("deposit", ref.hash),
      from: "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001",
      to: "0x4200000000000000000000000000000000000015",
      input: ecotone(ref.l1origin, number)
    }
    const transactions = logs.map((_, index) => ({
      hash: hashOf("tx", ref.hash, index),
      from: "0x1111111111111111111111111111111111111111",
      input: "0x"
    }))
    const block = {
      ref,
      receipts: logs.map((log, index) => receiptOf(ref, log, index, transactions[index]!.hash)),
      transactions: [deposit, ...transactions]
    }
    blocks.push(block)
    known.set(ref.hash, block)
    return ref
  }

  const json = ({ ref, transactions }: Block) => ({
    hash: ref.hash,
    parentHash: ref.parentHash,
    number: quantity(ref.number),
    timestamp: quantity(ref.timestamp),
    stateRoot: hashOf("state", ref.hash),
    transactions: transactions.map(({ hash }) => hash)
  })
  const at = (tag: string) => (tag === "latest" ? blocks.at(-1) : blocks[Number(tag) - genesisNumber])
  const jsonOf = (block: Block | undefined) => (block === undefined ? null : json(block))
  const receiptsOf = (hash: string) => known.get(hash)?.receipts.map((receipt) => encodeReceipt(receipt))

  const executionFaults: Faults = { delayMs: 0, status: 200, without: new Set() }
  const execution = yield* serveRpc(
    {
      eth_chainId: () => quantity(Number(chainId)),
      eth_getBlockByNumber: (tag: string) => jsonOf(at(tag)),
      eth_getBlockByHash: (hash: string) => jsonOf(known.get(hash)),
      eth_getBlockReceipts: receiptsOf,
      eth_getTransactionByBlockHashAndIndex: (hash: string, index: string) =>
        known.get(hash)?.transactions[Number(index)]
    },
    executionFaults
  )

  const l2 = (ref: L2BlockRef) => ({ ...ref })
  const opNodeFaults: Faults = { delayMs: 0, status: 200, without: new Set() }
  const opNode = yield* serveRpc(
    {
      optimism_syncStatus: () => {
        const head = safe.findLast((one) => one.l1.number <= node.currentL1)?.head ?? genesis
        return {
          current_l1: l1.blocks[node.currentL1],
          head_l1: l1.blocks.at(-1),
          unsafe_l2: l2(tip()),
          safe_l2: l2(head),
          finalized_l2: l2(genesis),
          local_safe_l2: l2(head)
        }
      },
      optimism_safeHeadAtL1Block: (tag: string) => {
        if (!safeDb) throw new RpcFailure(-32_000, "safe head database not enabled")
        const found = safe.findLast((one) => one.l1.number <= Number(tag))
        if (found === undefined) throw new RpcFailure(-32_000, "not found")
        const { head } = found
        return { l1Block: found.l1, safeHead: { hash: head.hash, number: head.number } }
      },
      optimism_outputAtBlock: (tag: string) => {
        const block = at(tag)
        if (block === undefined) throw new RpcFailure(-32_000, "not found")
        return {
          version: zero,
          outputRoot: zero,
          blockRef: l2(block.ref),
          withdrawalStorageRoot: hashOf("withdrawals", block.ref.hash),
          stateRoot: hashOf("state", block.ref.hash)
        }
      }
    },
    opNodeFaults
  )

  const rollup: RollupConfig.RollupConfig = {
    genesis: {
      l1: { hash: l1.blocks[0]!.hash, number: 0, timestamp: l1.blocks[0]!.timestamp },
      l2: { hash: genesis.hash, number: genesis.number, timestamp: genesis.timestamp }
    },
    block_time: blockTime,
    interop_time: 0
  }

  return {
    chainId,
    genesis,
    rollup,
    blocks,
    build,
    execution,
    executionFaults,
    opNode,
    opNodeFaults,
    /** Op-node derives blocks up to this one from an L1 block, and goes on to the L1 block after it. */
    derive: (source: number, head: L2BlockRef) => {
      const { hash, number } = l1.blocks[source]!
      safe.push({ l1: { hash, number }, head })
      node.currentL1 = Math.max(node.currentL1, source)
    },
    /** Op-node is at this L1 block: it is done with those below. */
    proceed: (to: number) => {
      node.currentL1 = to
    },
    /** Op-node goes back: what came from L1 blocks above this one was never. */
    goBack: (source: number) => {
      while (safe.length > 0 && safe.at(-1)!.l1.number > source) safe.pop()
      node.currentL1 = source
    },
    /** The blocks above a height are dropped. */
    drop: (above: number) => {
      blocks.length = above - genesisNumber + 1
    },
    /** The node, followed. */
    follow: (withOpNode = true) =>
      Effect.gen(function* () {
        return yield* PassiveNode.make({
          execution: yield* NodeEthRpcClient.make({
            url: execution.url,
            requestTimeoutMs: 2_000,
            answerLimitBytes: 1 << 20
          }),
          opNode: withOpNode ? yield* NodeJsonRpcClient.make({ url: opNode.url }) : undefined,
          beginningOf: (id) => (id === chainId ? rollup : undefined),
          limits: { pollIntervalMs: 100, pollLimitMs: 200, repeatMs: 200 }
        })
      })
  }
})
export type Stack = Effect.Success<ReturnType<typeof makeStack>>
