/**
 * Why a rule of the databases says no. Rules return `Result<A, Fault>`; the service turns a fault into a wait, a bump
 * of the scope, an invalidation, or an error with a wire code (`SupervisorError`).
 */
import { Result, Schema } from "effect"
import { ChainId } from "@ephor/types"

const detail = { detail: Schema.String }

/**
 * The closed set of refusals.
 *
 * - `Conflict`: contradicts what is stored, or breaks a rule for good. `Future`: not known yet; `waitsOn` names the
 *   other chain whose progress may change that.
 * - `OutOfOrder`, `Skipped` (before the first entry), `NotExact` (a hole), `Ineffective` (already known).
 * - `AwaitReplacement`: the last local-safe block is invalid and its replacement did not come yet.
 * - `OutOfScope`: true only with a later L1 block than the one in force.
 * - `PreviousToFirst`, `UnknownChain`, `Uninitialized`, `DataCorruption`: as they say.
 */
export const Fault = Schema.TaggedUnion({
  Conflict: detail,
  Future: { ...detail, waitsOn: Schema.optionalKey(ChainId) },
  OutOfOrder: detail,
  Skipped: detail,
  NotExact: detail,
  Ineffective: detail,
  AwaitReplacement: detail,
  OutOfScope: detail,
  PreviousToFirst: detail,
  UnknownChain: detail,
  Uninitialized: detail,
  DataCorruption: detail
})
export type Fault = typeof Fault.Type

/** What a rule answers. */
export type Verdict<A> = Result.Result<A, Fault>

/** A refusal of the given kind. */
export const refuse = (tag: Fault["_tag"], detail: string): Result.Result<never, Fault> =>
  Result.fail({ _tag: tag, detail })

/** "Not known yet", because `waitsOn` has not got that far. */
export const future = (detail: string, waitsOn?: ChainId): Result.Result<never, Fault> =>
  Result.fail(waitsOn === undefined ? { _tag: "Future", detail } : { _tag: "Future", detail, waitsOn })

/** A block in a text: height and the start of its hash. */
export const show = (block: { readonly number: number; readonly hash: string }) =>
  `#${block.number} ${block.hash.slice(0, 10)}`
