/**
 * Dispute distribution: tells the validators of a dispute's session that there is one, until they have heard it.
 */
import type { DisputeRequest } from "@ephor/types"
import * as Subsystem from "../Subsystem.ts"
import { DisputeCoordinator } from "./DisputeCoordinator.ts"

/** Send this pair of votes to everybody who has to know. */
export interface SendDispute {
  readonly _tag: "SendDispute"
  readonly request: DisputeRequest
}

/** What dispute distribution listens to. */
export type DisputeDistributionMessage = SendDispute

/** Address of dispute distribution. */
export class DisputeDistribution extends Subsystem.Service<DisputeDistribution, DisputeDistributionMessage>()(
  "@ephor/overseer/DisputeDistribution",
  { sends: () => [DisputeCoordinator] }
) {}
