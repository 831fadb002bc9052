/**
 * What verdicts cost and bring: stakes, and who is disabled. A block's books follow from the votes in the blocks up to it,
 * so a fork has books of its own, and the same votes in another block (or told again after a restart) take nothing twice.
 */
import { fractionPerbill, type Slash } from "@ephor/chain/Slash"
import type { Standing } from "@ephor/chain/Standing"
import type { SessionIndex, ValidatorIndex } from "@ephor/types"
import type { Options } from "../DevRuntime.ts"
import type { Penalty, Rewarded } from "./Accounts.ts"
import { faulty } from "./Disputes.ts"
import { sessionAt } from "./Sessions.ts"

/** The books after a block. Who is not in `standings` stands as it began. */
export interface Books {
  readonly standings: ReadonlyArray<Standing>
  readonly penalties: ReadonlyArray<Penalty>
  readonly rewarded: ReadonlyArray<Rewarded>
}

/** Books in which nothing has happened yet. */
export const empty: Books = { standings: [], penalties: [], rewarded: [] }

/** Where a validator stands. */
export const standingOf = (
  options: Options,
  { standings }: Pick<Books, "standings">,
  validatorIndex: ValidatorIndex
): Standing =>
  standings.find((one) => one.validatorIndex === validatorIndex) ?? {
    validatorIndex,
    stake: options.stake,
    slashes: 0,
    rewards: 0,
    disablings: 0,
    disabled: null
  }

/**
 * Who is disabled in a session: whoever lost most first, and never more than the protocol takes for faulty, so that no
 * verdict can stop a chain (polkadot-sdk's disabling strategy with re-enabling).
 */
export const disabledIn = (
  options: Options,
  { standings }: Pick<Books, "standings">,
  session: SessionIndex
): ReadonlyArray<ValidatorIndex> =>
  standings
    .flatMap(({ disabled, validatorIndex }) =>
      disabled?.session === session ? [{ ...disabled, validatorIndex }] : []
    )
    .sort((a, b) => b.perbill - a.perbill || a.since - b.since || a.validatorIndex - b.validatorIndex)
    .slice(0, faulty(options.validators.length))
    .map(({ validatorIndex }) => validatorIndex)
    .sort((a, b) => a - b)

const withStanding = ({ standings, ...books }: Books, next: Standing): Books => ({
  ...books,
  standings: [...standings.filter((one) => one.validatorIndex !== next.validatorIndex), next].sort(
    (a, b) => a.validatorIndex - b.validatorIndex
  )
})

/** Something that costs a part of the stake. */
export interface Offence {
  /** The session that it belongs to. */
  readonly session: SessionIndex
  readonly validatorIndex: ValidatorIndex
  readonly perbill: number
}

const part = (stake: bigint, perbill: number): bigint => (stake * BigInt(perbill)) / 1_000_000_000n

/**
 * Takes what an offence costs beyond what the validator lost for that session already. From `disablingPerbill` on it is
 * disabled from the next block on, until the session of that block is over.
 */
export const penalise = (options: Options, books: Books, offence: Offence, number: number): Books => {
  const { perbill, session, validatorIndex } = offence
  const before = books.penalties.find(
    (penalty) => penalty.session === session && penalty.validatorIndex === validatorIndex
  )
  if (perbill <= (before?.perbill ?? 0)) return books
  const standing = standingOf(options, books, validatorIndex)
  const exposed = before?.exposed ?? standing.stake
  const due = part(exposed, perbill) - part(exposed, before?.perbill ?? 0)
  const stake = standing.stake > due ? standing.stake - due : 0n
  const penalties = [
    ...books.penalties.filter((penalty) => penalty !== before),
    { session, validatorIndex, exposed, perbill }
  ]
  const cut = { ...standing, stake, slashes: standing.slashes + 1 }
  return disable(options, withStanding({ ...books, penalties }, cut), cut, perbill, number)
}

const disable = (
  options: Options,
  books: Books,
  standing: Standing,
  perbill: number,
  number: number
): Books => {
  const session = sessionAt(options, number + 1)
  const known = standing.disabled?.session === session ? standing.disabled : undefined
  if (perbill < options.disablingPerbill || (known !== undefined && known.perbill >= perbill)) return books
  const disabled = { session, perbill, since: known?.since ?? number }
  const next = withStanding(books, { ...standing, disabled })
  const isNew = known === undefined && disabledIn(options, next, session).includes(standing.validatorIndex)
  return isNew ? withStanding(next, { ...standing, disabled, disablings: standing.disablings + 1 }) : next
}

/** Rewards a validator for its vote about a candidate; once. */
export const reward = (
  options: Options,
  books: Books,
  { candidateHash, session }: Pick<Rewarded, "session" | "candidateHash">,
  validatorIndex: ValidatorIndex
): Books => {
  const before = books.rewarded.find((one) => one.session === session && one.candidateHash === candidateHash)
  const bits = before?.validators ?? "0".repeat(options.validators.length)
  if (bits[validatorIndex] !== "0") return books
  const validators = `${bits.slice(0, validatorIndex)}1${bits.slice(validatorIndex + 1)}`
  const rewarded = [...books.rewarded.filter((one) => one !== before), { session, candidateHash, validators }]
  const standing = standingOf(options, books, validatorIndex)
  const stake = standing.stake + options.voteReward
  return withStanding({ ...books, rewarded }, { ...standing, stake, rewards: standing.rewards + 1 })
}

/** The books after a block that brought these slashes. */
export const settle = (
  options: Options,
  before: Books,
  slashes: ReadonlyArray<Slash>,
  number: number
): Books =>
  slashes.reduce(
    (books, { kind, session, validatorIndex }) =>
      penalise(options, books, { session, validatorIndex, perbill: fractionPerbill(kind) }, number),
    before
  )
