/**
 * Dispute votes on chain: which sets are taken, and what they make of a dispute's record.
 */
import {
  type DisputeState,
  type DisputeStatement,
  type DisputeStatementSet,
  disputeStatementPayload,
  type MultiDisputeStatementSet
} from "@ephor/types"
import type { Context, DisputeRecord, Options } from "../DevRuntime.ts"

/** Largest number of faulty validators that n of them tolerate. */
export const faulty = (validators: number) => Math.floor(Math.max(validators - 1, 0) / 3)
const count = (bits: string) => bits.split("1").length - 1
const supermajority = (options: Options) => options.validators.length - faulty(options.validators.length)

/** A supermajority voted that the candidate is invalid. */
export const concludedAgainst = (options: Options, state: DisputeState): boolean =>
  count(state.validatorsAgainst) >= supermajority(options)

/** A supermajority voted that the candidate is valid. */
export const concludedFor = (options: Options, state: DisputeState): boolean =>
  count(state.validatorsFor) >= supermajority(options)

interface Block {
  readonly number: number
  readonly session: number
}

/** What became of the sets of a block. */
interface Admitted {
  readonly records: ReadonlyArray<DisputeRecord>
  readonly accepted: MultiDisputeStatementSet
  /** The records that the accepted sets changed. */
  readonly changed: ReadonlyArray<DisputeRecord>
}

/**
 * Takes the sets that bring something: known session, valid signatures only, nothing that is recorded already; both
 * sides, a backing vote and more than f voters on record afterwards; and not long after the conclusion.
 */
export const admitDisputes = (
  context: Context,
  records: ReadonlyArray<DisputeRecord>,
  sets: MultiDisputeStatementSet,
  block: Block
): Admitted => {
  const next = new Map(records.map((record) => [`${record.session}/${record.candidateHash}`, record]))
  const accepted: Array<DisputeStatementSet> = []
  const changed: Array<DisputeRecord> = []
  const seen = new Set<string>()
  for (const set of sets) {
    const key = `${set.session}/${set.candidateHash}`
    if (seen.has(key)) continue
    seen.add(key)
    const taken = admit(context, next.get(key), set, block)
    if (taken === undefined) continue
    next.set(key, taken.record)
    changed.push(taken.record)
    accepted.push(taken.set)
  }
  return { records: [...next.values()], accepted, changed }
}

const isBacking = (statement: DisputeStatement): boolean =>
  statement._tag === "Valid" && statement.value._tag.startsWith("Backing")

type Vote = DisputeStatementSet["statements"][number]

/** Those of the votes of a set whose signatures are valid, looked at together. */
const signedOf = (
  { options, verify, verifyAll }: Context,
  { candidateHash, session }: DisputeStatementSet,
  votes: ReadonlyArray<Vote>
): ReadonlySet<Vote> => {
  const known = votes.flatMap((vote) => {
    const [statement, validator, signature] = vote
    const key = options.validators[validator]
    const payload = disputeStatementPayload(statement, candidateHash, session)
    return key === undefined || payload === undefined ? [] : [{ vote, key, payload, signature }]
  })
  const verdicts =
    verifyAll?.(known) ?? known.map(({ key, payload, signature }) => verify(key, payload, signature))
  return new Set(known.flatMap(({ vote }, at) => (verdicts[at] === true ? [vote] : [])))
}

const admit = (
  context: Context,
  known: DisputeRecord | undefined,
  set: DisputeStatementSet,
  block: Block
): { readonly record: DisputeRecord; readonly set: DisputeStatementSet } | undefined => {
  const { options } = context
  const n = options.validators.length
  const { candidateHash, session } = set
  if (session > block.session || session + options.disputePeriod < block.session) return undefined
  const concludedAt = known?.state.concludedAt ?? null
  if (concludedAt !== null && block.number > concludedAt + options.disputeAcceptanceBlocks) return undefined
  const nobody = "0".repeat(n)
  const votesFor = Array.from(known?.state.validatorsFor ?? nobody)
  const votesAgainst = Array.from(known?.state.validatorsAgainst ?? nobody)
  const backed = Array.from(known?.backers ?? nobody)
  // Who said that it is valid may be found to have backed it; a backer that says so again says nothing new.
  const isNew = ([statement, validator]: Vote) =>
    (statement._tag === "Valid" ? votesFor : votesAgainst)[validator] === "0" ||
    (isBacking(statement) && backed[validator] === "0")
  const signed = signedOf(context, set, set.statements.filter(isNew))
  const statements = set.statements.filter((vote) => {
    if (!isNew(vote) || !signed.has(vote)) return false
    const [statement, validator] = vote
    const side = statement._tag === "Valid" ? votesFor : votesAgainst
    side[validator] = "1"
    if (isBacking(statement)) backed[validator] = "1"
    return true
  })
  if (statements.length === 0) return undefined
  const voters = votesFor.filter((bit, at) => bit === "1" || votesAgainst[at] === "1").length
  const sides = [votesFor, votesAgainst, backed]
  if (sides.some((side) => !side.includes("1")) || voters <= faulty(n)) return undefined
  const state = {
    validatorsFor: votesFor.join(""),
    validatorsAgainst: votesAgainst.join(""),
    start: known?.state.start ?? block.number,
    concludedAt
  }
  const concluded = concludedFor(options, state) || concludedAgainst(options, state)
  return {
    record: {
      session,
      candidateHash,
      state: { ...state, concludedAt: concludedAt ?? (concluded ? block.number : null) },
      backers: backed.join("")
    },
    set: { ...set, statements }
  }
}
