/** The methods of op-supernode: `superroot_atTimestamp`, `supernode_syncStatus`, `heartbeat_check`. */
import { Effect, Random } from "effect"
import { BlockId, BlockRef, Json, L2BlockRef, outputRoot, Timestamp, toHex } from "@ephor/types"
import type {
  ChainSyncStatus,
  CommittedOutputs,
  OptimisticOutput,
  Progress,
  SuperNodeStatus,
  SuperRootAtTimestamp
} from "../SuperNode.ts"
import { committed } from "../supervisor/SuperRoots.ts"
import { method, type Methods } from "./Methods.ts"

const toBlockId = Json.encode(BlockId)
const toBlockRef = Json.encode(BlockRef)
const toL2BlockRef = Json.encode(L2BlockRef)
const zeroHash = `0x${"0".repeat(64)}` as const

/** A plain JSON number, as Go's `uint64` wants it. */
const seconds = Json.decode(Timestamp)

const progressJson = (progress: Progress) => ({
  current_l1: toBlockId(progress.currentL1),
  safe_timestamp: progress.safeTimestamp,
  local_safe_timestamp: progress.localSafeTimestamp,
  finalized_timestamp: progress.finalizedTimestamp
})

const outputJson = ({ block, output, requiredL1 }: OptimisticOutput) => ({
  output: {
    version: zeroHash,
    outputRoot: outputRoot(output),
    blockRef: toL2BlockRef(block),
    withdrawalStorageRoot: output.messagePasserStorageRoot,
    stateRoot: output.stateRoot,
    // An op-node's own, which nobody needs here: see `supernode_syncStatus`.
    syncStatus: null
  },
  required_l1: toBlockId(requiredL1)
})

const superJson = ({ chains, timestamp }: CommittedOutputs) => ({
  timestamp: `0x${timestamp.toString(16)}`,
  chains: chains.map(({ chainId, output }) => ({ chainID: chainId, output }))
})

const optimisticJson = (answer: SuperRootAtTimestamp) => ({
  ...progressJson(answer),
  optimistic_at_timestamp: Object.fromEntries(
    Object.entries(answer.optimistic).map(([id, output]) => [id, outputJson(output)])
  ),
  chain_ids: answer.chainIds
})

const nested = (answer: SuperRootAtTimestamp) => {
  const { verified } = answer
  if (verified === undefined) return optimisticJson(answer)
  const data = {
    verified_required_l1: toBlockId(verified.requiredL1),
    super: superJson(verified),
    super_root: verified.superRoot
  }
  return { ...optimisticJson(answer), data }
}

/** The later form: what is not verified yet is the optimistic outputs, with no L1 block; zero where one is missing. */
const flat = (answer: SuperRootAtTimestamp, timestamp: Timestamp) => {
  const outputs = answer.chainIds.flatMap((chainId) => {
    const found = answer.optimistic[chainId]
    return found === undefined ? [] : [{ chainId, output: outputRoot(found.output) }]
  })
  const complete = outputs.length === answer.chainIds.length
  const roots = answer.verified ?? (complete ? committed(timestamp, outputs) : undefined)
  return {
    ...optimisticJson(answer),
    super: roots === undefined ? null : superJson(roots),
    super_root: roots?.superRoot ?? zeroHash,
    verified_required_l1: toBlockId(answer.verified?.requiredL1 ?? { hash: zeroHash, number: 0 })
  }
}

const chainJson = (status: ChainSyncStatus) => {
  const { currentL1, finalizedL1, headL1 } = status
  const finalized = toBlockRef(finalizedL1)
  return {
    current_l1: toBlockRef(currentL1),
    current_l1_finalized: finalizedL1.number > currentL1.number ? toBlockRef(currentL1) : finalized,
    head_l1: toBlockRef(headL1),
    // L1 is asked for its latest and its finalized block: nothing between them is known to be safe.
    safe_l1: finalized,
    finalized_l1: finalized,
    unsafe_l2: toL2BlockRef(status.unsafe),
    cross_unsafe_l2: toL2BlockRef(status.crossUnsafe),
    local_safe_l2: toL2BlockRef(status.localSafe),
    safe_l2: toL2BlockRef(status.crossSafe),
    finalized_l2: toL2BlockRef(status.finalized),
    pending_safe_l2: toL2BlockRef(status.localSafe),
    queued_unsafe_l2: toL2BlockRef({
      hash: zeroHash,
      number: 0,
      parentHash: zeroHash,
      timestamp: 0,
      l1origin: { hash: zeroHash, number: 0 },
      sequenceNumber: 0
    })
  }
}

const statusJson = ({ chains, ...progress }: SuperNodeStatus) => ({
  chains: Object.fromEntries(Object.entries(chains).map(([id, status]) => [id, chainJson(status)])),
  chain_ids: progress.chainIds,
  ...progressJson(progress)
})

const heartbeat = Effect.map(
  Effect.forEach([0, 1, 2, 3], () => Random.nextIntBetween(0, 255)),
  (bytes) => toHex(Uint8Array.from(bytes))
)

/** The methods; with `flatSuperRoots`, the answer of `superroot_atTimestamp` has no `data` inside it. */
export const superNodeMethods = (flatSuperRoots: boolean): Methods => ({
  superroot_atTimestamp: method([seconds], (service, [timestamp]) =>
    Effect.map(service.superRootAt(timestamp), (answer) =>
      flatSuperRoots ? flat(answer, timestamp) : nested(answer)
    )
  ),
  supernode_syncStatus: method([], (service) => Effect.map(service.superNodeStatus, statusJson)),
  heartbeat_check: method([], () => heartbeat)
})
