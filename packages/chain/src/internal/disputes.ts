/**
 * Dispute votes on chain: which sets are taken, and what they make of a dispute's record.
 */
import {
  type DisputeState,
  type DisputeStatementSet,
  disputeStatementPayload,
  type MultiDisputeStatementSet
} from "@ephor/types"
import type { Context, DisputeRecord, Options } from "../DevRuntime.ts"

/** Largest number of faulty validators that n of them tolerate. */
const faulty = (validators: number) => Math.floor(Math.max(validators - 1, 0) / 3)
const count = (bits: string) => bits.split("1").length - 1
const supermajority = (options: Options) => options.validators.length - faulty(options.validators.length)

/** A supermajority voted that the candidate is invalid. */
export const concludedAgainst = (options: Options, state: DisputeState): boolean =>
  count(state.validatorsAgainst) >= supermajority(options)

const concludedFor = (options: Options, state: DisputeState): boolean =>
  count(state.validatorsFor) >= supermajority(options)

const union = (left: string, right: string): string =>
  Array.from(left, (bit, at) => (bit === "1" || right[at] === "1" ? "1" : "0")).join("")

interface Block {
  readonly number: number
  readonly session: number
}

/**
 * Takes the sets that bring something: known session, valid signatures only, nothing that is recorded already, both
 * sides and more than f voters on record afterwards, and not long after the conclusion.
 */
export const admitDisputes = (
  context: Context,
  records: ReadonlyArray<DisputeRecord>,
  sets: MultiDisputeStatementSet,
  block: Block
): { readonly records: ReadonlyArray<DisputeRecord>; readonly accepted: MultiDisputeStatementSet } => {
  const next = new Map(records.map((record) => [`${record.session}/${record.candidateHash}`, record]))
  const accepted: Array<DisputeStatementSet> = []
  const seen = new Set<string>()
  for (const set of sets) {
    const key = `${set.session}/${set.candidateHash}`
    if (seen.has(key)) continue
    seen.add(key)
    const taken = admit(context, next.get(key)?.state, set, block)
    if (taken === undefined) continue
    next.set(key, { session: set.session, candidateHash: set.candidateHash, state: taken.state })
    accepted.push(taken.set)
  }
  return { records: [...next.values()], accepted }
}

const admit = (
  context: Context,
  known: DisputeState | undefined,
  set: DisputeStatementSet,
  block: Block
): { readonly state: DisputeState; readonly set: DisputeStatementSet } | undefined => {
  const { options } = context
  const n = options.validators.length
  if (set.session > block.session || set.session + options.disputePeriod < block.session) return undefined
  const concludedAt = known?.concludedAt ?? null
  if (concludedAt !== null && block.number > concludedAt + options.disputeAcceptanceBlocks) return undefined
  const before: DisputeState = known ?? {
    validatorsFor: "0".repeat(n),
    validatorsAgainst: "0".repeat(n),
    start: block.number,
    concludedAt: null
  }
  const sides = { Valid: new Set<number>(), Invalid: new Set<number>() }
  const statements = set.statements.filter(([statement, validator, signature]) => {
    const recorded = statement._tag === "Valid" ? before.validatorsFor : before.validatorsAgainst
    if (recorded[validator] !== "0" || sides[statement._tag].has(validator)) return false
    const payload = disputeStatementPayload(statement, set.candidateHash, set.session)
    if (payload === undefined || !context.verify(options.validators[validator]!, payload, signature))
      return false
    sides[statement._tag].add(validator)
    return true
  })
  if (statements.length === 0) return undefined
  const bits = (side: ReadonlySet<number>) =>
    Array.from({ length: n }, (_, at) => (side.has(at) ? "1" : "0")).join("")
  const validatorsFor = union(before.validatorsFor, bits(sides.Valid))
  const validatorsAgainst = union(before.validatorsAgainst, bits(sides.Invalid))
  const voters = count(union(validatorsFor, validatorsAgainst))
  if (count(validatorsFor) === 0 || count(validatorsAgainst) === 0 || voters <= faulty(n)) return undefined
  const state = { ...before, validatorsFor, validatorsAgainst }
  const concluded = concludedFor(options, state) || concludedAgainst(options, state)
  return {
    state: { ...state, concludedAt: concludedAt ?? (concluded ? block.number : null) },
    set: { ...set, statements }
  }
}
