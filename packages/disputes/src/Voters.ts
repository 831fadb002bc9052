/**
 * Who is behind the indices of the votes in a store, for tools that look at a node from outside (votes-db, "Storage").
 */
import type { Store } from "@ephor/store"
import type { CandidateHash, SessionIndex, ValidatorId, ValidatorIndex } from "@ephor/types"
import { Effect, Stream } from "effect"
import { byIdentity, byValidator, readVotesKey, votesPrefix } from "./votes/Tables.ts"

/** Where a key voted: session and index, in that order. */
export const positionsOf = (
  store: Store.Service,
  validator: ValidatorId
): Effect.Effect<ReadonlyArray<readonly [SessionIndex, ValidatorIndex]>, Store.StoreError> =>
  byIdentity.iterate(store, [validator]).pipe(
    Stream.map(([[, session, index]]) => [session, index] as const),
    Stream.runCollect
  )

/** The keys of all who voted in a session, by their indices in it. */
export const identitiesOf = (
  store: Store.Service,
  session: SessionIndex
): Effect.Effect<ReadonlyMap<ValidatorIndex, ValidatorId>, Store.StoreError> =>
  byValidator.iterate(store, [session]).pipe(
    Stream.runFold(
      () => new Map<ValidatorIndex, ValidatorId>(),
      (known, [[, index], id]) => known.set(index, id)
    ),
    Effect.map((known): ReadonlyMap<ValidatorIndex, ValidatorId> => known)
  )

/** The sessions with votes about a candidate. What else is in the store, and how it looks, does not matter. */
export const sessionsOf = (
  store: Store.Service,
  candidate: CandidateHash
): Effect.Effect<ReadonlyArray<SessionIndex>, Store.StoreError> =>
  store.iterate(votesPrefix).pipe(
    Stream.mapEffect(({ key }) => readVotesKey(key)),
    Stream.filter(([, candidateHash]) => candidateHash === candidate),
    Stream.map(([session]) => session),
    Stream.runCollect
  )
