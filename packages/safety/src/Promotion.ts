/**
 * The two steps upward: which block becomes cross-unsafe or cross-safe next, and what to do when it can not. Pure over
 * the in-memory view of all chains, so that one step sees one moment.
 */
import { Result } from "effect"
import type { BlockSeal, ChainId, DerivedBlockRefPair } from "@ephor/types"
import * as DerivationDb from "./DerivationDb.ts"
import { type Fault, future, refuse, show, type Verdict } from "./Fault.ts"
import * as Hazards from "./Hazards.ts"
import * as LinkCheck from "./LinkCheck.ts"
import * as LogsDb from "./LogsDb.ts"

/** What a step reads of one chain. */
export interface ChainView {
  readonly logs: LogsDb.LogsDb
  readonly local: DerivationDb.DerivationDb
  readonly cross: DerivationDb.DerivationDb
  readonly crossUnsafe: BlockSeal | undefined
}

/** All chains at one moment, and the rules between them. */
export interface World {
  readonly chain: (id: ChainId) => ChainView | undefined
  readonly rules: LinkCheck.LinkRules
}

const view = (world: World, id: ChainId): Verdict<ChainView> => {
  const found = world.chain(id)
  return found === undefined ? refuse("UnknownChain", `chain ${id} is not supervised`) : Result.succeed(found)
}

/** The cross-unsafe head; without one, the cross-safe head stands in. */
export const crossUnsafeHead = ({ cross, crossUnsafe }: ChainView): BlockSeal | undefined =>
  crossUnsafe ?? DerivationDb.lastValid(cross)?.derived

/** The highest block that is local-safe and not in doubt: up to the parent of a block that awaits its replacement. */
export const localSafeHead = ({ local }: ChainView): DerivationDb.DerivationEntry | undefined => {
  const marker = DerivationDb.marker(local)
  if (marker === undefined) return local.at(-1)
  const parent = DerivationDb.canonical(local.slice(0, -1), marker.derived.number - 1, "last")
  return Result.isSuccess(parent) ? parent.success : undefined
}

const openBlock = (world: World) => (id: ChainId, number: number) =>
  Result.flatMap(view(world, id), ({ logs }) => LogsDb.openBlock(logs, number))

const canExecute =
  (world: World): Hazards.HazardSource["canExecute"] =>
  (executing, initiating) =>
    LinkCheck.canExecute(world.rules, executing, initiating)

/** The databases start at the activation block, which has no messages: what is said to be before it never existed. */
const neverBefore = <A>(verdict: Verdict<A>): Verdict<A> =>
  Result.isFailure(verdict) && verdict.failure._tag === "Skipped"
    ? refuse("Conflict", verdict.failure.detail)
    : verdict

// ---- cross-unsafe

const isCrossUnsafe =
  (world: World) =>
  (id: ChainId, block: BlockSeal): Verdict<void> =>
    Result.flatMap(view(world, id), (chain) => {
      const head = crossUnsafeHead(chain)
      if (head === undefined || block.number > head.number) {
        return future(`block ${show(block)} of chain ${id} is not cross-unsafe yet`, id)
      }
      return Result.flatMap(LogsDb.openBlock(chain.logs, block.number), (sealed) =>
        sealed.hash === block.hash
          ? Result.void
          : refuse("Conflict", `block ${show(block)}, but have ${show(sealed)}`)
      )
    })

/** A hazard is fine if it is cross-unsafe, or the very next block to become so. */
const unsafeFrontier = (world: World, hazards: Hazards.Hazards): Verdict<void> => {
  for (const [id, block] of hazards) {
    const valid = isCrossUnsafe(world)(id, block)
    if (Result.isSuccess(valid)) continue
    if (valid.failure._tag !== "Future") return valid
    const parent = Result.flatMap(openBlock(world)(id, block.number), (sealed) =>
      sealed.hash === block.hash
        ? Result.flatMap(openBlock(world)(id, block.number - 1), (parent) => isCrossUnsafe(world)(id, parent))
        : future(`block ${show(block)} of chain ${id} is not local-unsafe`, id)
    )
    if (Result.isFailure(parent)) return parent
  }
  return Result.void
}

/**
 * The block that becomes cross-unsafe next on a chain. `Future`: wait (for `waitsOn`, if another chain is behind);
 * `Conflict`: the block is invalid and stays where it is until it is safe and gets replaced.
 */
export const crossUnsafeStep = (world: World, id: ChainId): Verdict<BlockSeal> =>
  Result.gen(function* () {
    const chain = yield* view(world, id)
    const head = crossUnsafeHead(chain)
    if (head === undefined) return yield* refuse("Uninitialized", `chain ${id} has no cross-unsafe block`)
    const candidate = yield* LogsDb.openBlock(chain.logs, head.number + 1)
    if (candidate.parentHash !== head.hash) {
      return yield* refuse(
        "Conflict",
        `block ${show(candidate)} does not build on cross-unsafe ${show(head)}`
      )
    }
    const hazards = yield* Hazards.build(
      {
        openBlock: openBlock(world),
        contains: (query) =>
          neverBefore(Result.flatMap(view(world, query.chainId), ({ logs }) => LogsDb.contains(logs, query))),
        isCrossValid: isCrossUnsafe(world),
        canExecute: canExecute(world)
      },
      id,
      candidate
    )
    yield* unsafeFrontier(world, hazards)
    yield* Hazards.checkCycles(openBlock(world), hazards, candidate.timestamp)
    return { hash: candidate.hash, number: candidate.number, timestamp: candidate.timestamp }
  })

// ---- cross-safe

/**
 * What the cross-safe step came to. `Promote` and `Bump` are entries for the cross-safe database (a bump repeats the
 * block with the next L1 block); `Invalidate`: the block breaks the rules; `Stuck`: so does a replacement, which holds deposits only and so
 * no valid message: its node is broken, and replacing it again would never end; `Wait`: nothing to do for now.
 */
export type CrossSafeOutcome =
  | { readonly _tag: "Promote"; readonly pair: DerivedBlockRefPair; readonly revision: DerivationDb.Revision }
  | { readonly _tag: "Bump"; readonly pair: DerivedBlockRefPair; readonly revision: DerivationDb.Revision }
  | {
      readonly _tag: "Invalidate"
      readonly source: BlockSeal
      readonly derived: BlockSeal
      readonly why: string
    }
  | { readonly _tag: "Stuck"; readonly derived: BlockSeal; readonly why: string }
  | { readonly _tag: "Wait"; readonly fault: Fault }

/** Databases that contradict each other are about to be repaired: that is a reason to wait, not to invalidate. */
const settling = <A>(verdict: Verdict<A>, id: ChainId): Verdict<A> =>
  Result.isFailure(verdict) && verdict.failure._tag === "Conflict"
    ? future(verdict.failure.detail, id)
    : verdict

/** The sealed block at a height, if it is the one that derivation made local-safe. */
const safeLogs = (chain: ChainView, id: ChainId, number: number): Verdict<LogsDb.SealedBlock> =>
  settling(
    Result.flatMap(DerivationDb.canonical(chain.local, number, "last"), ({ derived }) =>
      Result.flatMap(LogsDb.openBlock(chain.logs, number), (sealed) =>
        sealed.hash === derived.hash
          ? Result.succeed(sealed)
          : future(`the logs of block ${show(derived)} of chain ${id} are not indexed yet`, id)
      )
    ),
    id
  )

/**
 * Whether a message exists on the local-safe part of its chain. Unsafe blocks may still be reorganised: they neither
 * prove nor refute a message of a safe block.
 */
const containsSafe =
  (world: World) =>
  (query: LogsDb.MessageQuery): Verdict<BlockSeal> =>
    neverBefore(
      Result.gen(function* () {
        const id = query.chainId
        const chain = yield* view(world, id)
        const head = localSafeHead(chain)?.derived
        const start = chain.logs[0]
        const beyond = head === undefined || query.blockNumber > head.number
        if (!beyond && start !== undefined && query.blockNumber > start.number) {
          yield* safeLogs(chain, id, query.blockNumber)
        }
        return yield* head === undefined
          ? future(`no block of chain ${id} is local-safe`, id)
          : LogsDb.contains(chain.logs, query, head)
      })
    )

const isCrossSafe =
  (world: World, scope: BlockSeal) =>
  (id: ChainId, block: BlockSeal): Verdict<void> =>
    Result.flatMap(view(world, id), ({ cross }) => {
      const found = DerivationDb.ofDerived(cross, block, "first")
      if (Result.isFailure(found)) {
        return found.failure._tag === "Future" || found.failure._tag === "Conflict"
          ? future(found.failure.detail, id)
          : Result.fail(found.failure)
      }
      return withinScope(found.success.source, scope, id, block)
    })

const withinScope = (source: BlockSeal, scope: BlockSeal, id: ChainId, block: BlockSeal): Verdict<void> =>
  source.number <= scope.number
    ? Result.void
    : refuse(
        "OutOfScope",
        `block ${show(block)} of chain ${id} is safe as of ${show(source)}, after ${show(scope)}`
      )

/** A hazard is fine if it is cross-safe within the scope, or the next candidate of its chain within the scope. */
const safeFrontier = (world: World, scope: BlockSeal, hazards: Hazards.Hazards): Verdict<void> => {
  for (const [id, block] of hazards) {
    const valid = isCrossSafe(world, scope)(id, block)
    if (Result.isSuccess(valid)) continue
    if (valid.failure._tag !== "Future") return valid
    const next = Result.flatMap(view(world, id), (chain) => nextOf(chain, id, block))
    const within = Result.flatMap(next, ({ source }) => withinScope(source, scope, id, block))
    if (Result.isFailure(within)) return within
  }
  return Result.void
}

/** The next candidate of a hazard's chain, which must be the hazard itself. */
const nextOf = (chain: ChainView, id: ChainId, block: BlockSeal): Verdict<DerivedBlockRefPair> => {
  const next = settling(DerivationDb.candidate(chain.local, chain.cross), id)
  if (Result.isFailure(next)) {
    return next.failure._tag === "OutOfScope" ? future(next.failure.detail, id) : next
  }
  const { derived } = next.success
  if (derived.number !== block.number) {
    return future(`chain ${id} has ${show(derived)} to examine before ${show(block)}`, id)
  }
  return derived.hash === block.hash
    ? next
    : refuse("Conflict", `block ${show(block)} of chain ${id}, but ${show(derived)} is local-safe`)
}

const examine = (
  world: World,
  id: ChainId,
  chain: ChainView,
  { derived, source }: DerivedBlockRefPair
): Verdict<void> =>
  Result.gen(function* () {
    yield* safeLogs(chain, id, derived.number)
    const hazards = yield* Hazards.build(
      {
        openBlock: openBlock(world),
        contains: containsSafe(world),
        isCrossValid: isCrossSafe(world, source),
        canExecute: canExecute(world)
      },
      id,
      derived
    )
    yield* safeFrontier(world, source, hazards)
    yield* Hazards.checkCycles(openBlock(world), hazards, derived.timestamp)
  })

const bump = (chain: ChainView): CrossSafeOutcome => {
  const at = chain.cross.at(-1)!
  const next = DerivationDb.nextSource(chain.local, at.source)
  if (Result.isFailure(next)) return { _tag: "Wait", fault: next.failure }
  const before = DerivationDb.canonical(chain.cross, at.derived.number - 1, "last")
  const parentHash = Result.isSuccess(before) ? before.success.derived.hash : at.derived.hash
  return {
    _tag: "Bump",
    pair: { source: next.success, derived: { ...at.derived, parentHash } },
    revision: at.revision
  }
}

/** Examines the next candidate of a chain for cross-safety. */
export const crossSafeStep = (world: World, id: ChainId): CrossSafeOutcome => {
  const found = view(world, id)
  if (Result.isFailure(found)) return { _tag: "Wait", fault: found.failure }
  const chain = found.success
  const candidate = DerivationDb.candidate(chain.local, chain.cross)
  if (Result.isFailure(candidate)) {
    return candidate.failure._tag === "OutOfScope" ? bump(chain) : { _tag: "Wait", fault: candidate.failure }
  }
  const pair = candidate.success
  const promote: CrossSafeOutcome = {
    _tag: "Promote",
    pair,
    revision: DerivationDb.revisionOf(chain.local, pair.derived.number)
  }
  if (chain.cross.length === 0) return promote
  const examined = examine(world, id, chain, pair)
  if (Result.isSuccess(examined)) return promote
  const fault = examined.failure
  switch (fault._tag) {
    case "OutOfScope":
      return bump(chain)
    case "Conflict": {
      const { derived, source } = pair
      // A replacement begins a revision of its own.
      const isReplacement = promote.revision === derived.number
      return { _tag: isReplacement ? "Stuck" : "Invalidate", source, derived, why: fault.detail }
    }
    default:
      return { _tag: "Wait", fault }
  }
}
