/**
 * What statement distribution knows while it runs, and how it speaks to a peer.
 */
import { Effect } from "effect"
import type { RuntimeApi } from "@ephor/chain"
import type { Keystore } from "@ephor/keystore"
import { type Network, Protocol, Reputation } from "@ephor/network"
import { type Hash, type SignedFullStatement, toCompact } from "@ephor/types"
import type { Session } from "../shared/Session.ts"
import type { Limits } from "../StatementDistribution.ts"
import type * as StatementKnowledge from "../StatementKnowledge.ts"
import type * as Awaited from "./Awaited.ts"
import * as Gossip from "./Gossip.ts"
import * as LargeCandidates from "./LargeCandidates.ts"
import * as StatementMessage from "./StatementMessage.ts"

/** A checked statement of a peer that waits for its candidate. */
export interface Parked {
  readonly peer: Network.PeerId
  /** A vote as it is, or an announcement, whose statement is made when its candidate is here. */
  readonly statement: SignedFullStatement | StatementMessage.LargeStatement
  readonly message: Uint8Array
}

/** What is known at a leaf that we work on. */
export interface Head {
  readonly relayParent: Hash
  readonly session: Session
  /** With the message of each statement: it is written once, however many peers it goes to. */
  readonly knowledge: StatementKnowledge.HeadKnowledge<Uint8Array>
  readonly awaited: Awaited.Awaited<Network.PeerId, Parked>
}

/** The message of a statement; of a long one, which is kept for those who ask, the announcement. */
export const messageOf = (
  large: LargeCandidates.Kept,
  relayParent: Hash,
  { payload, signature, validatorIndex }: SignedFullStatement
): Uint8Array => {
  const statement = { payload, signature, validatorIndex }
  const message = StatementMessage.encode({ _tag: "Statement", value: [relayParent, statement] })
  if (payload._tag !== "Seconded" || StatementMessage.fits(message)) return message
  const candidateHash = toCompact(payload).value
  LargeCandidates.keep(large, relayParent, candidateHash, payload.value, message.length)
  return StatementMessage.encode({
    _tag: "LargeStatement",
    value: { relayParent, candidateHash, validatorIndex, signature }
  })
}

/** A statement as the bookkeeping takes it, with its message. */
export const toStored = (
  statement: SignedFullStatement,
  message: Uint8Array
): StatementKnowledge.Stored<Uint8Array> => {
  const compact = toCompact(statement.payload)
  return {
    kind: compact._tag,
    candidateHash: compact.value,
    validatorIndex: statement.validatorIndex,
    signature: statement.signature,
    item: message
  }
}

/** What the subsystem knows while it runs. */
export interface State {
  readonly limits: Limits
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly gossip: Gossip.Gossip<Head, StatementKnowledge.PeerKnowledge>
  readonly large: LargeCandidates.Kept
  readonly fetchLarge: ReturnType<typeof LargeCandidates.fetch>
  finalizedNumber: number
}

/** Sends statements to a peer, one message each. */
export const transmit = (
  { gossip }: State,
  peer: Network.PeerId,
  statements: ReadonlyArray<StatementKnowledge.Stored<Uint8Array>>
) =>
  Effect.forEach(statements, ({ item }) => Gossip.transmit(gossip, Protocol.statement, [peer], item), {
    discard: true
  })

/** Credits a peer, or holds against it, what it did. */
export const judge = ({ gossip }: State, peer: Network.PeerId, conduct: StatementKnowledge.Conduct) =>
  Gossip.judge(gossip, peer, conduct, Reputation.changes[conduct])
