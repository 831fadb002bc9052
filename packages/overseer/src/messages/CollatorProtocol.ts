/**
 * The collator protocol, on the side of a validator: fetches what collators advertise, and lets them know what became of it.
 */
import type { CandidateReceipt, Hash, SignedFullStatement } from "@ephor/types"
import * as Subsystem from "../Subsystem.ts"
import { CandidateBacking } from "./CandidateBacking.ts"
import { CandidateSelection } from "./CandidateSelection.ts"

/** We have seconded a candidate: its collator may hear of it. */
export interface SecondedCollation {
  readonly _tag: "Seconded"
  readonly relayParent: Hash
  readonly statement: SignedFullStatement
}

/** A candidate turned out to be invalid: its collator is not to be listened to any longer. */
export interface InvalidCollation {
  readonly _tag: "Invalid"
  readonly relayParent: Hash
  readonly candidate: CandidateReceipt
}

/** What the collator protocol listens to (polkadot-sdk, `CollatorProtocolMessage`). */
export type CollatorProtocolMessage = SecondedCollation | InvalidCollation

/** Address of the collator protocol. */
export class CollatorProtocol extends Subsystem.Service<CollatorProtocol, CollatorProtocolMessage>()(
  "@ephor/overseer/CollatorProtocol",
  { sends: () => [CandidateSelection, CandidateBacking] }
) {}
