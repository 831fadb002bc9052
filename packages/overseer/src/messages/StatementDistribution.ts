/**
 * Statement distribution: gossips signed statements among validators.
 */
import type { Hash, SignedFullStatement } from "@ephor/types"
import * as Subsystem from "../Subsystem.ts"

/** A statement came from a peer, by another way than this subsystem's own gossip. */
export interface PeerStatement {
  readonly _tag: "Peer"
  readonly relayParent: Hash
  /** Name of the peer in the network, so that its reputation can follow. */
  readonly peer: string
  readonly statement: SignedFullStatement
}

/** We have judged and signed: tell our peers. */
export interface ShareStatement {
  readonly _tag: "Share"
  readonly relayParent: Hash
  readonly statement: SignedFullStatement
}

/** What statement distribution listens to (overseer protocol, "Statement Distribution Message"). */
export type StatementDistributionMessage = PeerStatement | ShareStatement

/** Address of statement distribution. */
export class StatementDistribution extends Subsystem.Service<
  StatementDistribution,
  StatementDistributionMessage
>()("@ephor/overseer/StatementDistribution", {
  priority: true,
  // Backing shares through here and waits while this is full: the way back must not wait.
  sendsNow: () => ["@ephor/overseer/CandidateBacking", "@ephor/overseer/MisbehaviorArbitration"]
}) {}
