/**
 * May a transaction with this access list go into a block? Every message must exist, be executable then, and be as safe
 * as asked for. Pure over the in-memory view of all chains.
 */
import { Result } from "effect"
import {
  type Access,
  type BlockSeal,
  type ChainId,
  parseAccessList,
  type SafetyLevel,
  type Timestamp
} from "@ephor/types"
import * as DerivationDb from "./DerivationDb.ts"
import { future, refuse, show, type Verdict } from "./Fault.ts"
import * as LinkCheck from "./LinkCheck.ts"
import * as LogsDb from "./LogsDb.ts"
import { type ChainView, crossUnsafeHead, type World } from "./Promotion.ts"
import { BadRequest, Refused } from "./SupervisorError.ts"

/** Where and when the messages would be executed. */
export interface ExecutingDescriptor {
  /** Absent: each message is taken to be executed on the chain that initiated it. */
  readonly chainId?: ChainId | undefined
  readonly timestamp: Timestamp
  /** Seconds for which the transaction may wait; the messages must not expire in that time. Default 0. */
  readonly timeout?: number | undefined
}

/** The world, and what is final in it. */
export interface CheckedWorld extends World {
  readonly finalized: (chain: ChainId) => BlockSeal | undefined
  /** Only what was initiated before the second of its execution is let in: see `Options.strictIngress`. */
  readonly strictIngress?: boolean
}

const saturatingAdd = (a: number, b: number) => Math.min(a + b, Number.MAX_SAFE_INTEGER)

const upTo = (
  head: BlockSeal | undefined,
  block: BlockSeal,
  level: SafetyLevel,
  id: ChainId
): Verdict<void> =>
  head !== undefined && block.number <= head.number
    ? Result.void
    : future(`block ${show(block)} of chain ${id} is not ${level} yet`, id)

const isAtLeast = (
  world: CheckedWorld,
  chain: ChainView,
  id: ChainId,
  block: BlockSeal,
  level: SafetyLevel
): Verdict<void> => {
  switch (level) {
    case "LocalUnsafe":
      return Result.void
    case "CrossUnsafe":
      return upTo(crossUnsafeHead(chain), block, level, id)
    case "LocalSafe":
      return Result.map(DerivationDb.ofDerived(chain.local, block, "first"), () => undefined)
    case "CrossSafe":
      return Result.map(DerivationDb.ofDerived(chain.cross, block, "first"), () => undefined)
    case "Finalized":
      return Result.flatMap(DerivationDb.ofDerived(chain.cross, block, "first"), () =>
        upTo(world.finalized(id), block, level, id)
      )
  }
}

/** One message of the list. */
export const checkAccess = (
  world: CheckedWorld,
  access: Access,
  level: SafetyLevel,
  { chainId, timeout = 0, timestamp }: ExecutingDescriptor
): Verdict<void> => {
  const query = LogsDb.queryOf(access)
  const chain = world.chain(query.chainId)
  if (chain === undefined) return refuse("UnknownChain", `chain ${query.chainId} is not supervised`)
  if (world.strictIngress === true && query.timestamp >= timestamp) {
    const detail = `a message initiated at ${query.timestamp} is let in only after that second, not at ${timestamp}`
    return refuse("Conflict", detail)
  }
  const executing = chainId === undefined || chainId === "0" ? query.chainId : chainId
  for (const at of timeout === 0 ? [timestamp] : [timestamp, saturatingAdd(timestamp, timeout)]) {
    if (!LinkCheck.canExecute(world.rules, { chainId: executing, timestamp: at }, query)) {
      return refuse(
        "Conflict",
        `chain ${executing} may not execute a message of chain ${query.chainId} at ${query.timestamp} at ${at}`
      )
    }
  }
  return Result.flatMap(LogsDb.contains(chain.logs, query), (block) =>
    isAtLeast(world, chain, query.chainId, block, level)
  )
}

/** All messages of a list; the first one that fails decides. An empty list is fine. */
export const check = (
  world: CheckedWorld,
  entries: ReadonlyArray<string>,
  level: SafetyLevel,
  descriptor: ExecutingDescriptor
): Result.Result<void, BadRequest | Refused> => {
  const parsed = parseAccessList(entries)
  if (Result.isFailure(parsed)) return Result.fail(new BadRequest({ why: parsed.failure.message }))
  for (const access of parsed.success) {
    const verdict = checkAccess(world, access, level, descriptor)
    if (Result.isFailure(verdict)) return Result.fail(new Refused({ fault: verdict.failure }))
  }
  return Result.void
}
