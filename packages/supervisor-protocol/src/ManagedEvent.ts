/**
 * What a managed node tells its supervisor (supervisor-managed-node, "Node -> Supervisor"), as a pure fold over the
 * events of a chain, and the rule that keeps repetitions off the wire.
 */
import type { ChainEvent } from "@ephor/chain"
import { type BlockRef, ManagedEvent, type Timestamp } from "@ephor/types"

export { ManagedEvent }

/** What the fold remembers between two chain events. */
export interface State {
  /** The L1 block that the last derivation update named. */
  readonly source: BlockRef | undefined
  /** The `reset` that the node asked for and that was not carried out yet. */
  readonly awaiting: ManagedEvent | undefined
}

/** A node that just started: it may not derive before it was reset once. */
export const initial: State = {
  source: undefined,
  awaiting: { reset: "reset: cannot continue derivation until Engine has been reset" }
}

/** The state after the supervisor's reset was carried out: the node no longer asks for one. */
export const confirmed = (state: State): State => ({ ...state, awaiting: undefined })

/** Only the four fields of a plain reference, whatever else the block carries. */
const plain = ({ hash, number, parentHash, timestamp }: BlockRef): BlockRef => ({
  hash,
  number,
  parentHash,
  timestamp
})

/** Go nodes prefix the severity; a text that has it keeps it. */
const resetText = (reason: string) => (reason.startsWith("reset: ") ? reason : `reset: ${reason}`)

/**
 * What a chain event means to a supervisor. Imports become `unsafeBlock`, derivation becomes `derivationUpdate` (with
 * `derivationOriginUpdate` in the same event when the L1 source moved), a change of heads that nobody commanded
 * becomes `reset`, a replacement `replaceBlock`, an exhausted L1 `exhaustL1`. Other promotions came from the supervisor.
 */
export const step = (state: State, event: ChainEvent): readonly [State, ReadonlyArray<ManagedEvent>] => {
  switch (event._tag) {
    case "Imported":
      return [state, [{ unsafeBlock: plain(event.block) }]]
    case "Promoted": {
      if (event.level !== "LocalSafe" || event.source === undefined) return [state, []]
      const source = plain(event.source)
      const derivationUpdate = { source, derived: plain(event.block) }
      return state.source?.hash === source.hash
        ? [state, [{ derivationUpdate }]]
        : [{ ...state, source }, [{ derivationUpdate, derivationOriginUpdate: source }]]
    }
    case "Reverted": {
      if (event.commanded) return [{ source: undefined, awaiting: undefined }, []]
      const awaiting = { reset: resetText(event.reason) }
      return [{ ...state, awaiting }, [awaiting]]
    }
    case "Replaced":
      return [
        state,
        [{ replaceBlock: { replacement: plain(event.replacement), invalidated: event.invalidated.hash } }]
      ]
    case "Exhausted":
      return [state, [{ exhaustL1: { source: plain(event.source), derived: plain(event.derived) } }]]
  }
}

/**
 * Whether a supervisor is told of an event: of blocks from before interop it is not. Resets, exhausted L1 blocks and
 * replacements are always told.
 */
export const isTold = ({ derivationUpdate, unsafeBlock }: ManagedEvent, interopTime: Timestamp): boolean => {
  const block = unsafeBlock ?? derivationUpdate?.derived
  return block === undefined || block.timestamp >= interopTime
}

/** How long an event that equals the one before it of its kind is not sent again. */
export interface DedupLimits {
  /** For `reset`, `unsafeBlock`, `derivationUpdate` and `replaceBlock`, in milliseconds. */
  readonly blockMs: number
  /** For events about L1 blocks: `exhaustL1` and moves of the origin, in milliseconds. */
  readonly originMs: number
}

/** 100 ms for blocks, 500 ms for L1 blocks, as op-node has it. */
export const dedupDefaults: DedupLimits = { blockMs: 100, originMs: 500 }

type Kind = "reset" | "unsafeBlock" | "derivationUpdate" | "origin" | "exhaustL1" | "replaceBlock" | "other"

/** The last event that was sent of each kind: its key and the time in milliseconds. */
export type Dedup = { readonly [K in Kind]?: { readonly key: string; readonly atMs: number } }

/** Nothing was sent yet. */
export const dedupEmpty: Dedup = {}

const kindOf = (event: ManagedEvent): readonly [Kind, string] => {
  const id = (block: { readonly hash: string; readonly number: number }) => `${block.hash}:${block.number}`
  const fields = Object.keys(event).length
  if (event.derivationUpdate !== undefined && event.derivationOriginUpdate !== undefined && fields === 2) {
    return ["origin", id(event.derivationOriginUpdate)]
  }
  if (fields === 1) {
    if (event.reset !== undefined) return ["reset", ""]
    if (event.unsafeBlock !== undefined) return ["unsafeBlock", id(event.unsafeBlock)]
    if (event.derivationUpdate !== undefined) return ["derivationUpdate", id(event.derivationUpdate.derived)]
    if (event.exhaustL1 !== undefined) return ["exhaustL1", id(event.exhaustL1.source)]
    if (event.replaceBlock !== undefined) return ["replaceBlock", id(event.replaceBlock.replacement)]
  }
  return ["other", JSON.stringify(event)]
}

/**
 * Whether an event is worth sending: not if it equals the one before it of its kind and that one is younger than the
 * limit. A suppressed event does not prolong the silence, so that repeated requests (`exhaustL1`) keep coming.
 */
export const dedup = (
  state: Dedup,
  event: ManagedEvent,
  nowMs: number,
  limits: DedupLimits = dedupDefaults
): readonly [Dedup, boolean] => {
  const [kind, key] = kindOf(event)
  const last = state[kind]
  const limitMs = kind === "origin" || kind === "exhaustL1" ? limits.originMs : limits.blockMs
  if (last !== undefined && last.key === key && nowMs - last.atMs < limitMs) return [state, false]
  return [{ ...state, [kind]: { key, atMs: nowMs } }, true]
}
