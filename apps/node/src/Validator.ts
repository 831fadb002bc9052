/**
 * One validator on one page: its subsystems over the chain, the network and the keys that it is given.
 */
import { Subsystems } from "@ephor/backing"
import { DevAuthor, DevFinality } from "@ephor/devchain"
import {
  DisputeCoordinator,
  DisputeDistribution,
  DisputeParticipation,
  Disputes,
  Enforcement,
  VoteRegister,
  VotesDatabase,
  VotesDb
} from "@ephor/disputes"
import { Overseer } from "@ephor/overseer"
import type { AuthorityIndex } from "@ephor/types"
import { Layer } from "effect"
import type { Extension } from "./Extension.ts"
import * as Standstill from "./Standstill.ts"

/** The addresses of the reference subsystems. */
export const addresses = [
  ...Subsystems.addresses,
  DisputeCoordinator.DisputeCoordinator,
  DisputeParticipation.DisputeParticipation,
  DisputeDistribution.DisputeDistribution,
  VotesDatabase.VotesDatabase
] as const

/** How this validator differs from others. */
export interface Options {
  /** The author whose blocks take in what this validator provides. */
  readonly author: AuthorityIndex
  /** Back what a faulty collator offers, to show what happens then. */
  readonly faulty: boolean
  /** Pause between two tries to tell a peer about a dispute. */
  readonly disputeRetryDelayMs: number
}

/** Everything that one validator runs. */
export const layer = (options: Options, extension: Extension) =>
  Layer.mergeAll(
    // from collator to inclusion
    Subsystems.layer(options.faulty ? { malus: {} } : {}),
    DevAuthor.layer(options.author, Standstill.inherents),
    DevFinality.layer(Standstill.finalityVote),
    // who lied
    DisputeCoordinator.layer(),
    DisputeParticipation.layer(),
    DisputeDistribution.layer({ retryDelayMs: options.disputeRetryDelayMs }),
    VotesDatabase.layer({ retryDelayMs: options.disputeRetryDelayMs }),
    // what others added
    extension.layer
  ).pipe(
    Layer.provideMerge([Enforcement.layer, VoteRegister.layer()]),
    Layer.provideMerge([Disputes.layer, VotesDb.layer]),
    Layer.provideMerge(Overseer.layer([...addresses, ...extension.subsystems]))
  )
