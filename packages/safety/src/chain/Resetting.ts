/**
 * Bringing a node and the databases to a common state again: when it asks for it, and when what it derives
 * contradicts what we hold to be local-safe.
 */
import { Effect, Metric, Option, Result } from "effect"
import { Elapsed, type BlockId, type BlockNumber, type BlockSeal, type Heads } from "@ephor/types"
import type { ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import * as DerivationDb from "../DerivationDb.ts"
import type { Fault } from "../Fault.ts"
import type { L1Error } from "../L1.ts"
import * as Metrics from "../Metrics.ts"
import { crossUnsafeHead, localSafeHead } from "../Promotion.ts"
import * as Reset from "../Reset.ts"
import type { SupervisorError } from "../SupervisorError.ts"
import { type ChainContext, idOf, stateOf } from "../supervisor/ChainContext.ts"
import { finalizedBlock } from "./Finality.ts"
import { reconcileUnsafe } from "./Indexing.ts"
import { reportInvalid } from "./Invalidating.ts"
import type { NodeLink } from "../node/Link.ts"

/**
 * The node's block at a height, unless the L1 block that it was built upon is known not to be canonical. An origin that
 * is not confirmed yet cannot be refuted: such a block stays, and a later reorganisation of L1 shows by itself.
 */
const validUnsafe = (chain: ChainContext, link: NodeLink) => (number: BlockNumber) =>
  Effect.gen(function* () {
    const block = yield* link.blockAt(number)
    if (Option.isNone(block)) return Option.none<BlockId>()
    const { l1origin } = block.value
    // A node that does not tell origins is trusted up to the target only.
    if (l1origin === undefined) {
      return number <= (localSafeHead(stateOf(chain))?.derived.number ?? 0) ? block : Option.none<BlockId>()
    }
    const canonical = yield* chain.shared.l1.blockByNumber(l1origin.number)
    return Option.isSome(canonical) && canonical.value.hash !== l1origin.hash ? Option.none<BlockId>() : block
  })

/** No chain is this high: a node that claims to be does not keep us asking. */
const heightLimit = 2 ** 52

/**
 * The highest block of the node: doubling steps up from a block that we know, then bisection. It keeps what the node has
 * and we have not seen yet (we just connected) from being thrown away by the reset.
 */
const highestBlock = Effect.fnUntraced(function* (link: NodeLink, from: BlockNumber) {
  let low = from
  let step = 1
  while (low + step <= heightLimit && Option.isSome(yield* link.blockAt(low + step))) {
    low += step
    step *= 2
  }
  let high = low + step
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2)
    if (Option.isSome(yield* link.blockAt(middle))) low = middle
    else high = middle
  }
  return low
})

/**
 * The node's block at a height. What a node does not keep any more was final there, and what is final there came from us:
 * our own block stands for it, so that the search goes on above.
 */
const nodeBlock = (chain: ChainContext, link: NodeLink) => (number: BlockNumber) =>
  Effect.catchReason(link.blockAt(number), "ManagedNodeError", "Pruned", (_, error) => {
    const ours = DerivationDb.canonical(stateOf(chain).local, number, "last")
    return Result.isSuccess(ours) ? Effect.succeedSome<BlockId>(ours.success.derived) : Effect.fail(error)
  })

/** The five heads for a node, or none if it must start before interop. */
const headsFor = Effect.fnUntraced(function* (chain: ChainContext, link: NodeLink, safe: BlockId) {
  const state = stateOf(chain)
  const anchor = state.cross[0]!.derived
  const target = yield* Reset.findTarget({
    anchor,
    safe,
    node: nodeBlock(chain, link),
    isLocalSafe: (block) => DerivationDb.ofDerived(state.local, block, "last")
  })
  if (target._tag === "PreInterop") return Option.none()
  const unsafe = yield* Reset.findUnsafeHead({
    target: target.block.number,
    latest: yield* highestBlock(link, target.block.number),
    floor: anchor.number,
    valid: validUnsafe(chain, link)
  })
  if (Option.isNone(unsafe)) {
    const detail = "no block of the node is built upon the L1 that we follow; check the L1 endpoints of both"
    return yield* Effect.fail<Fault>({ _tag: "Conflict", detail })
  }
  return Option.some(
    Reset.heads({
      target: target.block,
      localUnsafe: unsafe.value,
      crossUnsafe: crossUnsafeHead(state),
      crossSafe: state.cross.at(-1)?.derived,
      finalized: finalizedBlock(chain)?.derived,
      anchor
    })
  )
})

type Failure = ManagedNodeError | L1Error | SupervisorError | Fault

const run = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink
): Effect.fn.Return<Option.Option<Heads>, Failure> {
  yield* reconcileUnsafe(chain, link)
  const state = stateOf(chain)
  const safe = localSafeHead(state)?.derived
  const heads =
    safe === undefined || state.cross.length === 0 ? Option.none() : yield* headsFor(chain, link, idOf(safe))
  // What the node said before this moment is about another state of it.
  link.epoch += 1
  link.safe = undefined
  if (Option.isSome(heads)) {
    yield* Effect.logInfo("resetting the node", {
      localUnsafe: heads.value.localUnsafe.number,
      localSafe: heads.value.localSafe.number,
      crossSafe: heads.value.crossSafe.number
    })
    yield* link.ask(link.node.reset(heads.value), "interop_reset")
    chain.indexTarget = Math.max(chain.indexTarget, heads.value.localUnsafe.number)
    chain.indexLink ??= link
  } else {
    yield* Effect.logInfo("resetting the node to before interop")
    yield* link.ask(link.node.resetPreInterop, "interop_resetPreInterop")
  }
  return heads
})

/** A reset takes cross-unsafe down to local-safe: the node learns again what was found valid above that. */
const postCrossUnsafe = (chain: ChainContext, link: NodeLink, heads: Heads) => {
  const head = crossUnsafeHead(stateOf(chain))
  if (head === undefined || head.number > heads.localUnsafe.number) return
  link.post("updateCrossUnsafe", link.node.updateCrossUnsafe(idOf(head)))
}

/** Has the node looked at again after some time; see `makeUp`. */
const owe = (chain: ChainContext, link: NodeLink, afterMs: number) =>
  Effect.suspend(() => {
    if (link.owesReset) return Effect.void
    link.owesReset = true
    return chain.remind(afterMs)
  })

/**
 * Resets a node. A failure is logged: the node keeps asking, and what it contradicts us by is
 * looked at again. While it runs, nothing else is sent to the node.
 */
export const resetNode = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink,
  why: string
): Effect.fn.Return<void, SupervisorError> {
  yield* Effect.logInfo(`a reset is needed: ${why}`)
  yield* Metric.update(Metric.withAttributes(Metrics.resets, { chain: chain.id }), 1)
  link.clear()
  link.owesReset = false
  link.resetAtMs = yield* Elapsed.ms
  link.resetting = true
  const contradicted = link.safe
  const heads = yield* run(chain, link).pipe(
    Effect.catchIf(
      (error): error is Exclude<Failure, SupervisorError> => error._tag !== "SupervisorError",
      Effect.fnUntraced(function* (error: Exclude<Failure, SupervisorError>) {
        yield* Effect.logWarning(`the reset failed: ${"detail" in error ? error.detail : error.message}`)
        // What the node contradicts us by is not made good: it is looked at again, should the node say nothing more.
        link.safe ??= contradicted
        if (link.safe !== undefined) yield* owe(chain, link, chain.shared.options.resetIntervalMs)
        return Option.none<Heads>()
      })
    ),
    Effect.ensuring(
      Effect.sync(() => {
        link.resetting = false
      })
    )
  )
  if (Option.isSome(heads)) postCrossUnsafe(chain, link, heads.value)
  if (DerivationDb.marker(stateOf(chain).local) !== undefined) chain.pokeInvalidator()
})

/**
 * A reset that the node did not ask for. A node that keeps contradicting us is not reset in a tight loop: what comes too
 * soon after a reset is owed, and made up for when it is due.
 */
const correct = Effect.fnUntraced(function* (chain: ChainContext, link: NodeLink, why: string) {
  const restMs = link.resetAtMs + chain.shared.options.resetIntervalMs - (yield* Elapsed.ms)
  yield* restMs <= 0 ? resetNode(chain, link, why) : owe(chain, link, restMs)
})

/** The block, if it was found invalid and a replacement stands at its height: that begins a revision of its own. */
const replacedBlock = (chain: ChainContext, block: BlockId): BlockSeal | undefined => {
  const { invalidated, local } = stateOf(chain)
  const current = DerivationDb.canonical(local, block.number, "first")
  return Result.isSuccess(current) && current.success.revision === block.number
    ? invalidated.get(block.hash)
    : undefined
}

/** After a report of a node: if what it holds to be local-safe is not so for us, the node is reset. */
export const checkConsistency = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink
): Effect.fn.Return<void, SupervisorError> {
  const { local } = stateOf(chain)
  if (link.safe === undefined || local.length === 0) return
  const verdict = DerivationDb.ofDerived(local, link.safe, "last")
  if (Result.isSuccess(verdict)) return
  const { _tag, detail } = verdict.failure
  // Ahead of us: the next update tells. Invalid and not replaced yet: the node is told so until it obeys.
  if (_tag === "Future" || _tag === "AwaitReplacement") return
  const invalid = replacedBlock(chain, link.safe)
  // A node that derives everything anew comes to the same invalid block: it needs its replacement, not a reset.
  if (invalid !== undefined) {
    if (link.node.isPassive === true) return yield* reportInvalid(link, invalid)
    return link.post("invalidateBlock", link.node.invalidateBlock(invalid))
  }
  yield* correct(chain, link, detail)
})

/** The node derived something that leaves a gap: if it really is ahead of us, it has to come back. */
export const checkAhead = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink
): Effect.fn.Return<void, SupervisorError> {
  const head = localSafeHead(stateOf(chain))?.derived
  if (head === undefined) return yield* correct(chain, link, "no block is known to be local-safe")
  if (link.safe !== undefined && link.safe.number > head.number) {
    yield* correct(chain, link, `the node is at ${link.safe.number}, ahead of ${head.number}`)
  }
})

/** Looks again at nodes that contradicted us too soon after a reset: whoever still does is reset now. */
export const makeUp = Effect.fnUntraced(function* (
  chain: ChainContext
): Effect.fn.Return<void, SupervisorError> {
  const now = yield* Elapsed.ms
  for (const link of chain.links) {
    if (!link.owesReset || now - link.resetAtMs < chain.shared.options.resetIntervalMs) continue
    link.owesReset = false
    yield* checkConsistency(chain, link)
    // An invalid block is replaced before anything can be added, which leaves no gap.
    const waits = DerivationDb.marker(stateOf(chain).local) !== undefined
    if (link.safe !== undefined && !waits) yield* checkAhead(chain, link)
  }
})
