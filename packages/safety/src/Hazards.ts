/**
 * Messages within one timestamp: which blocks of other chains a candidate stands or falls with ("hazards"), and
 * whether their messages execute each other in a circle.
 */
import { Result } from "effect"
import type { BlockSeal, ChainId, Timestamp } from "@ephor/types"
import { future, refuse, show, type Verdict } from "./Fault.ts"
import type { LinkEnd } from "./LinkCheck.ts"
import type { MessageQuery, SealedBlock } from "./LogsDb.ts"

/** What the rules read. Refusals pass through, so that "not yet" stays apart from "never". */
export interface HazardSource {
  readonly openBlock: (chain: ChainId, number: number) => Verdict<SealedBlock>
  /** The block that includes the message. */
  readonly contains: (query: MessageQuery) => Verdict<BlockSeal>
  /** Whether a block is checked against other chains already, to the degree that the candidate strives for. */
  readonly isCrossValid: (chain: ChainId, block: BlockSeal) => Verdict<void>
  readonly canExecute: (executing: LinkEnd, initiating: LinkEnd) => boolean
}

/** The block of each chain that the candidate depends on within its own timestamp. */
export type Hazards = ReadonlyMap<ChainId, BlockSeal>

interface Item {
  readonly chainId: ChainId
  readonly block: BlockSeal
}

/**
 * Follows the executing messages of the candidate and, in turn, of every block of the same time that they lead to.
 * Messages of an earlier time must be cross-valid right away. The candidate is in the set only if something refers to it.
 */
export const build = (source: HazardSource, chainId: ChainId, candidate: BlockSeal): Verdict<Hazards> => {
  const hazards = new Map<ChainId, BlockSeal>()
  const work: Array<Item> = [{ chainId, block: candidate }]
  for (let item = work.pop(); item !== undefined; item = work.pop()) {
    const opened = source.openBlock(item.chainId, item.block.number)
    if (Result.isFailure(opened)) return Result.fail(opened.failure)
    const block = opened.success
    if (block.hash !== item.block.hash) {
      return refuse("Conflict", `block ${show(item.block)} on chain ${item.chainId}, but have ${show(block)}`)
    }
    for (const { message } of block.executing) {
      const found = follow(source, hazards, item, message)
      if (Result.isFailure(found)) return Result.fail(found.failure)
      if (found.success !== undefined) work.push({ chainId: message.chainId, block: found.success })
    }
  }
  return Result.succeed(hazards)
}

/** Checks one message of a block; answers the hazard that it adds, if any. */
const follow = (
  source: HazardSource,
  hazards: Map<ChainId, BlockSeal>,
  { block, chainId }: Item,
  message: MessageQuery
): Verdict<BlockSeal | undefined> => {
  if (!source.canExecute({ chainId, timestamp: block.timestamp }, message)) {
    return refuse(
      "Conflict",
      `block ${show(block)} on chain ${chainId} at ${block.timestamp} may not execute a message of chain ` +
        `${message.chainId} at ${message.timestamp}`
    )
  }
  const included = source.contains(message)
  if (Result.isFailure(included)) return Result.fail(included.failure)
  const including = included.success
  if (message.timestamp < block.timestamp) {
    const valid = source.isCrossValid(message.chainId, including)
    if (Result.isSuccess(valid)) return Result.succeed(undefined)
    const detail = `block ${show(including)} on chain ${message.chainId} is not cross-valid: ${valid.failure.detail}`
    return Result.fail({ ...valid.failure, detail })
  }
  if (message.timestamp > block.timestamp) {
    return refuse(
      "Conflict",
      `a message of ${message.timestamp} executed at ${block.timestamp} breaks timestamp invariant`
    )
  }
  const known = hazards.get(message.chainId)
  if (known === undefined) {
    hazards.set(message.chainId, including)
    return Result.succeed(including)
  }
  return known.hash === including.hash && known.number === including.number
    ? Result.succeed(undefined)
    : refuse("Conflict", `messages at ${message.timestamp} lie in two blocks of chain ${message.chainId}`)
}

/** The logs of the hazard blocks as one range of node numbers, and the edges between them that messages make. */
interface Graph {
  readonly starts: ReadonlySet<number>
  readonly count: number
  readonly edges: ReadonlyArray<readonly [initiating: number, executing: number]>
}

const graphOf = (
  blocks: ReadonlyMap<ChainId, Pick<SealedBlock, "logs" | "executing">>,
  timestamp: Timestamp
): Verdict<Graph> => {
  const offsets = new Map<ChainId, number>()
  let count = 0
  for (const [chainId, block] of blocks) {
    offsets.set(chainId, count)
    count += block.logs.length
  }
  const edges: Array<readonly [number, number]> = []
  for (const [chainId, block] of blocks) {
    const offset = offsets.get(chainId)!
    for (const { logIndex, message } of block.executing) {
      if (message.timestamp !== timestamp) continue
      if (logIndex >= block.logs.length) {
        return refuse("Conflict", `executing message has invalid log index ${logIndex} on chain ${chainId}`)
      }
      if (message.chainId === chainId && message.logIndex === logIndex) {
        return refuse("Conflict", `self referential message at log ${logIndex} on chain ${chainId}`)
      }
      const initiating = blocks.get(message.chainId)
      if (initiating === undefined) {
        return refuse("Conflict", `executing message references unknown chain ${message.chainId}`)
      }
      if (message.logIndex >= initiating.logs.length) {
        return refuse(
          "Conflict",
          `initiating message log index out of bounds: ${message.logIndex} on chain ${message.chainId}`
        )
      }
      edges.push([offsets.get(message.chainId)! + message.logIndex, offset + logIndex])
    }
  }
  return Result.succeed({ starts: new Set(offsets.values()), count, edges })
}

/** Kahn's algorithm: whether every log can be put after the one before it and after the one that it executes. */
const isAcyclic = ({ count, edges, starts }: Graph): boolean => {
  const incoming = new Int32Array(count)
  const outgoing = new Map<number, Array<number>>()
  for (let node = 0; node < count; node++) incoming[node] = starts.has(node) ? 0 : 1
  for (const [from, to] of edges) {
    incoming[to]! += 1
    const targets = outgoing.get(from)
    if (targets === undefined) outgoing.set(from, [to])
    else targets.push(to)
  }
  const ready: Array<number> = []
  for (let node = 0; node < count; node++) if (incoming[node] === 0) ready.push(node)
  let done = 0
  const release = (node: number) => {
    incoming[node]! -= 1
    if (incoming[node] === 0) ready.push(node)
  }
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    done += 1
    if (node + 1 < count && !starts.has(node + 1)) release(node + 1)
    for (const target of outgoing.get(node) ?? []) release(target)
  }
  return done === count
}

/** Whether the messages of time `timestamp` among these blocks can be executed in some order; `Conflict` if not. */
export const checkBlocks = (
  blocks: ReadonlyMap<ChainId, Pick<SealedBlock, "logs" | "executing">>,
  timestamp: Timestamp
): Verdict<void> =>
  Result.flatMap(graphOf(blocks, timestamp), (graph) =>
    isAcyclic(graph)
      ? Result.void
      : refuse("Conflict", `messages at ${timestamp} execute each other in a cycle`)
  )

/** `checkBlocks` for a hazard set. A block that changed in between is a reason to look again, not a conflict. */
export const checkCycles = (
  open: HazardSource["openBlock"],
  hazards: Hazards,
  timestamp: Timestamp
): Verdict<void> => {
  const blocks = new Map<ChainId, SealedBlock>()
  for (const [chainId, hazard] of hazards) {
    const opened = open(chainId, hazard.number)
    if (Result.isFailure(opened)) return Result.fail(opened.failure)
    if (opened.success.hash !== hazard.hash) {
      return future(`inconsistent block seal: ${show(hazard)} became ${show(opened.success)}`, chainId)
    }
    blocks.set(chainId, opened.success)
  }
  return checkBlocks(blocks, timestamp)
}
