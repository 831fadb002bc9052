/**
 * All subsystems of this package as one list of addresses and one layer: what a validator's page needs of
 * backing.
 */
import { Layer } from "effect"
import type { Chain, RuntimeApi } from "@ephor/chain"
import type { Keystore } from "@ephor/keystore"
import type { Store } from "@ephor/store"
import type { Network, NetworkError } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import * as ApprovalVoting from "./ApprovalVoting.ts"
import * as AvailabilityDistribution from "./AvailabilityDistribution.ts"
import * as AvailabilityRecovery from "./AvailabilityRecovery.ts"
import * as AvailabilityStore from "./AvailabilityStore.ts"
import * as BitfieldDistribution from "./BitfieldDistribution.ts"
import * as BitfieldSigning from "./BitfieldSigning.ts"
import * as CandidateBacking from "./CandidateBacking.ts"
import * as CandidateSelection from "./CandidateSelection.ts"
import * as CandidateValidation from "./CandidateValidation.ts"
import * as CollatorProtocol from "./CollatorProtocol.ts"
import * as Malus from "./Malus.ts"
import * as MisbehaviorArbitration from "./MisbehaviorArbitration.ts"
import * as PoVDistribution from "./PoVDistribution.ts"
import * as Provisioner from "./Provisioner.ts"
import type { Pvf } from "./Pvf.ts"
import * as StatementDistribution from "./StatementDistribution.ts"

/**
 * The addresses, for `Overseer.layer`. The dispute coordinator's is not among them: it belongs to another
 * package.
 */
export const addresses = [
  Overseer.CollatorProtocol,
  Overseer.CandidateSelection,
  Overseer.CandidateBacking,
  Overseer.CandidateValidation,
  Overseer.StatementDistribution,
  Overseer.PoVDistribution,
  Overseer.MisbehaviorArbitration,
  Overseer.Provisioner,
  Overseer.AvailabilityStore,
  Overseer.AvailabilityRecovery,
  AvailabilityDistribution.AvailabilityDistribution,
  Overseer.BitfieldSigning,
  Overseer.BitfieldDistribution,
  Overseer.ApprovalVoting
] as const

/** Options of every subsystem; those not given have their defaults. */
export interface Options {
  readonly collators?: Partial<CollatorProtocol.Limits>
  readonly selection?: Partial<CandidateSelection.Options>
  readonly backing?: Partial<CandidateBacking.Limits>
  readonly validation?: Partial<CandidateValidation.Limits>
  readonly statements?: Partial<StatementDistribution.Limits>
  readonly povs?: Partial<PoVDistribution.Limits>
  readonly misbehavior?: Partial<MisbehaviorArbitration.Limits>
  readonly provisioner?: Partial<Provisioner.Options>
  readonly availability?: Partial<AvailabilityStore.Limits>
  readonly recovery?: Partial<AvailabilityRecovery.Limits>
  readonly fetching?: Partial<AvailabilityDistribution.Limits>
  readonly bitfieldSigning?: Partial<BitfieldSigning.Limits>
  readonly bitfields?: Partial<BitfieldDistribution.Limits>
  readonly approval?: Partial<ApprovalVoting.Limits>
  /** Makes the validator faulty: development and simulation only. */
  readonly malus?: Malus.Options
}

/** What the subsystems need besides each other. */
export type Requirements =
  | (typeof addresses)[number]["Identifier"]
  | Overseer.DisputeCoordinator
  | Overseer.Overseer.Overseer
  | Chain.Chain
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore
  | Store.Store
  | Network.Network
  | Pvf

/** Runs all of them. */
export const layer = (
  options: Options = {}
): Layer.Layer<never, NetworkError | Store.StoreError, Requirements> =>
  Layer.mergeAll(
    // Both know when it is our turn.
    CollatorProtocol.layer({
      turnMs: options.selection?.turnMs ?? CandidateSelection.defaults.turnMs,
      ...options.collators
    }),
    CandidateSelection.layer(options.selection),
    CandidateBacking.layer(options.backing),
    options.malus === undefined ? CandidateValidation.layer(options.validation) : Malus.layer(options.malus),
    StatementDistribution.layer(options.statements),
    PoVDistribution.layer(options.povs),
    MisbehaviorArbitration.layer(options.misbehavior),
    Provisioner.layer(options.provisioner),
    AvailabilityStore.layer(options.availability),
    AvailabilityRecovery.layer(options.recovery),
    AvailabilityDistribution.layer(options.fetching),
    BitfieldSigning.layer(options.bitfieldSigning),
    BitfieldDistribution.layer(options.bitfields),
    ApprovalVoting.layer(options.approval)
  )
