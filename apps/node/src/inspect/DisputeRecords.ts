/**
 * Questions about disputes to the records of a node: what validators voted, how it ended, and what it cost whom.
 */
import { DevRuntimeStore } from "@ephor/devchain"
import { Slash } from "@ephor/chain"
import { Store } from "@ephor/store"
import { Voters, VotesDb } from "@ephor/disputes"
import {
  type CandidateHash,
  type CandidateVotes,
  type DisputeStatus,
  type SessionIndex,
  toHex,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"
import { Context, Effect, Layer, Option, Stream } from "effect"
import { InspectError, type Voter } from "./Flags.ts"
import { NodeDataError, type NodeData } from "./NodeData.ts"

/** A dispute, with how many voted on each side. */
export interface DisputeRow {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly status: DisputeStatus["_tag"] | "Undisputed"
  /** Seconds since 1970. */
  readonly concludedAt: number | null
  readonly valid: number
  readonly invalid: number
}

/** One vote. */
export interface VoteRow {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly validatorIndex: ValidatorIndex
  readonly validatorId: ValidatorId | null
  readonly side: "valid" | "invalid"
  readonly kind: string
}

/** What a validator lost by a dispute. */
export interface SlashRow {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly validatorIndex: ValidatorIndex
  readonly validatorId: ValidatorId
  readonly kind: Slash.Slash["kind"]["_tag"]
  readonly fractionPerbill: number
  readonly blockNumber: number
  /** The block whose votes proved it is final. */
  readonly final: boolean
}

/** The slashes of a chain at a block. */
export interface Slashes {
  readonly head: { readonly number: number; readonly hash: string }
  readonly finalized: { readonly number: number; readonly hash: string }
  readonly slashes: ReadonlyArray<SlashRow>
}

/** What to leave out. */
export interface Filter {
  readonly session: SessionIndex | undefined
  readonly voter: Voter | undefined
}

/** The votes database of one validator. */
export const openVotes = Effect.fnUntraced(function* (store: Store.Service) {
  const layer = VotesDb.layer.pipe(Layer.provide(Layer.succeed(Store.Store, store)))
  return Context.get(yield* Layer.build(layer), VotesDb.VotesDb)
})

const concludedAt = (status: DisputeStatus | undefined): number | null =>
  status !== undefined && "value" in status ? status.value : null

const rowOf = (
  session: SessionIndex,
  candidateHash: CandidateHash,
  status: DisputeStatus | undefined,
  votes: CandidateVotes | undefined
): DisputeRow => ({
  session,
  candidateHash,
  status: status?._tag ?? "Undisputed",
  concludedAt: concludedAt(status),
  valid: votes?.valid.length ?? 0,
  invalid: votes?.invalid.length ?? 0
})

/** The disputes of the window, by session and candidate. */
export const disputes = Effect.fnUntraced(function* (db: VotesDb.Service, only: SessionIndex | undefined) {
  const recent = (yield* db.recentDisputes).filter(({ session }) => only === undefined || session === only)
  return yield* Effect.forEach(recent, ({ candidateHash, session, status }) =>
    Effect.map(db.votes(session, candidateHash), (votes) =>
      rowOf(session, candidateHash, status, Option.getOrUndefined(votes))
    )
  )
})

const votesIn = (
  { candidateHash, session, votes }: VotesDb.VotesRecord,
  identities: ReadonlyMap<ValidatorIndex, ValidatorId>
): ReadonlyArray<VoteRow> => {
  const row =
    (side: VoteRow["side"]) =>
    ([kind, validatorIndex]: readonly [{ readonly _tag: string }, ValidatorIndex, unknown]): VoteRow => ({
      session,
      candidateHash,
      validatorIndex,
      validatorId: identities.get(validatorIndex) ?? null,
      side,
      kind: kind._tag
    })
  return [...votes.valid.map(row("valid")), ...votes.invalid.map(row("invalid"))]
}

/** Whether a validator of a session is the one that is asked for. */
const matcherOf = Effect.fnUntraced(function* (store: Store.Service, voter: Voter | undefined) {
  if (voter === undefined) return () => true
  if ("index" in voter) return (_: SessionIndex, index: ValidatorIndex) => index === voter.index
  const positions = new Set(
    (yield* Voters.positionsOf(store, voter.id)).map(([session, index]) => `${session}/${index}`)
  )
  return (session: SessionIndex, index: ValidatorIndex) => positions.has(`${session}/${index}`)
})

const wanted = (message: string) => new InspectError({ message })

/** The candidates that a key voted about in any session, or an index in one. */
export const hashes = Effect.fnUntraced(function* (
  db: VotesDb.Service,
  voter: Voter | undefined,
  session: SessionIndex | undefined
) {
  if (voter === undefined) return yield* wanted("whose votes? Give --validator INDEX|KEY")
  if ("id" in voter && session === undefined) return yield* db.queryByValidatorId(voter.id)
  if ("id" in voter)
    return yield* wanted("a key is looked for in all sessions: leave --session out, or give an index")
  if (session === undefined)
    return yield* wanted(
      `index ${voter.index} is another validator in each session: give --session, or a key`
    )
  return yield* db.queryByValidatorAndSessionIndex(session, voter.index)
})

/** A disputed candidate with its proof of validity, if it could be recovered. */
export interface PovRow {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly para: number
  readonly pov: string | null
}

/** The disputed candidates that a key voted about. */
export const povs = Effect.fnUntraced(function* (
  db: VotesDb.Service,
  voter: Voter | undefined,
  limit: number
) {
  if (voter === undefined || "index" in voter)
    return yield* wanted("proofs are looked up by key: give --validator KEY")
  return (yield* db.proofsOf(voter.id, limit)).map(({ candidate, candidateHash, pov, session }): PovRow => ({
    session,
    candidateHash,
    para: candidate.descriptor.paraId,
    pov: pov === null ? null : toHex(pov.blockData)
  }))
})

/** Votes in the order of sessions and candidates, at most `limit`. */
export const votes = Effect.fnUntraced(function* (
  store: Store.Service,
  db: VotesDb.Service,
  { session: only, voter }: Filter,
  limit: number
) {
  const isAsked = yield* matcherOf(store, voter)
  let known: { readonly session: SessionIndex; readonly ids: ReadonlyMap<number, ValidatorId> } | undefined
  return yield* db.records.pipe(
    Stream.filter(({ session }) => only === undefined || session === only),
    Stream.mapEffect(
      Effect.fnUntraced(function* (record) {
        const { session } = record
        if (known?.session !== session) known = { session, ids: yield* Voters.identitiesOf(store, session) }
        return votesIn(record, known.ids).filter((row) => isAsked(session, row.validatorIndex))
      })
    ),
    Stream.flatMap(Stream.fromIterable),
    Stream.take(limit),
    Stream.runCollect
  )
})

/** What the chain of a node holds against validators at its head. */
export const slashes = Effect.fnUntraced(function* (
  { dataDir, store }: NodeData,
  { session, voter }: Filter
) {
  const newest = yield* DevRuntimeStore.readNewest(store)
  if (Option.isNone(newest)) {
    return yield* new NodeDataError({
      message: `${dataDir} holds no chain with validators: give --data-dir of a node that runs or follows one`
    })
  }
  const { at, finalized, state } = newest.value
  const isAsked = (slash: Slash.Slash) =>
    (session === undefined || slash.session === session) &&
    (voter === undefined ||
      ("index" in voter ? slash.validatorIndex === voter.index : slash.validatorId === voter.id))
  const found: Slashes = {
    head: { number: at.number, hash: at.hash },
    finalized: { number: finalized.number, hash: finalized.hash },
    slashes: DevRuntimeStore.slashesOf(state)
      .filter(isAsked)
      .map(({ kind, ...slash }) => ({
        ...slash,
        kind: kind._tag,
        fractionPerbill: Slash.fractionPerbill(kind),
        final: slash.blockNumber <= finalized.number
      }))
  }
  return found
})

/** Everything about a candidate: its votes, how a dispute about it ended, and where it was included. */
export const candidate = Effect.fnUntraced(function* (
  chain: Store.Service,
  store: Store.Service,
  db: VotesDb.Service,
  candidateHash: CandidateHash
) {
  const sessions = yield* Voters.sessionsOf(store, candidateHash)
  const recent = yield* db.recentDisputes
  const reports = yield* Effect.forEach(
    sessions,
    Effect.fnUntraced(function* (session) {
      const found = yield* db.votes(session, candidateHash)
      // Forgotten meanwhile: the node may be running.
      if (Option.isNone(found)) return []
      const votes = found.value
      const status = recent.find(
        (dispute) => dispute.session === session && dispute.candidateHash === candidateHash
      )?.status
      const conclusion = Option.getOrUndefined(yield* db.conclusion(session, candidateHash))
      const including = yield* Effect.forEach(conclusion?.including ?? [], ({ hash, number }) =>
        Effect.map(DevRuntimeStore.isCanonical(chain, { hash, number }), (canonical) => ({
          number,
          hash,
          // Nothing is known of heights that are so old that they were pruned.
          canonical: canonical ?? null
        }))
      )
      const { paraId, relayParent } = votes.candidateReceipt.descriptor
      const report = {
        ...rowOf(session, candidateHash, status, votes),
        paraId,
        relayParent,
        including,
        votes: votesIn({ session, candidateHash, votes }, yield* Voters.identitiesOf(store, session))
      }
      return [report]
    })
  )
  return reports.flat()
})

/** See `candidate`. */
export type CandidateReport = Effect.Success<ReturnType<typeof candidate>>[number]
