/** What the halves of the votes database share. */
import type { RuntimeApi } from "@ephor/chain"
import type { Keystore } from "@ephor/keystore"
import type { Network } from "@ephor/network"
import type { AvailabilityRecoveryMessage, Mailbox, VotesDatabaseMessage } from "@ephor/overseer"
import { type CandidateHash, type Hash, type SessionIndex } from "@ephor/types"
import { Effect, type Semaphore } from "effect"
import { DisputeError, StoreFailed } from "../DisputeError.ts"
import type * as Disputes from "../Disputes.ts"
import type * as VoteRegister from "../VoteRegister.ts"
import type * as VotesDb from "../VotesDb.ts"
import type { Limits } from "../VotesDatabase.ts"

/** Services of one votes database, and the leaf that it works on. */
export interface State {
  readonly limits: Limits
  readonly db: VotesDb.Service
  readonly register: VoteRegister.Service
  readonly disputes: Disputes.Service
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly network: Network.Service
  readonly self: Mailbox.Mailbox<VotesDatabaseMessage>
  readonly recovery: Mailbox.Mailbox<AvailabilityRecoveryMessage>
  /** Candidates whose proofs are being gathered, by `keyOf`. */
  readonly gathering: Set<string>
  readonly recovering: Semaphore.Semaphore
  /** Disputes that we tell others of, by `keyOf`. */
  readonly telling: Set<string>
  leaf: Hash | undefined
}

/** One name for a candidate in a session. */
export const keyOf = (session: SessionIndex, candidate: CandidateHash) => `${session}/${candidate}`

/** A votes database that fails ends its subsystem. */
export const stored = Effect.mapError(
  (cause: StoreFailed["cause"]) => new DisputeError({ reason: new StoreFailed({ cause }) })
)

/** The validators of a session, as far as the chain's state here knows it. */
export const sessionInfo = ({ leaf, runtime }: State, session: SessionIndex) =>
  leaf === undefined ? Effect.succeedNone : Effect.option(runtime.sessionInfo(leaf, session))

/** Whether a dispute is open still. */
export const isOpen = ({ disputes }: State, session: SessionIndex, candidate: CandidateHash) =>
  Effect.map(disputes.active, (active) =>
    active.some((dispute) => dispute.session === session && dispute.candidateHash === candidate)
  )
