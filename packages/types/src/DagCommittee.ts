/**
 * The committee of an epoch of a DAG consensus: who may author blocks, with how much stake, and what stake
 * suffices.
 */
import { Schema } from "effect"
import * as Bcs from "./codec/Bcs.ts"
import { fixedHex, SafeU64 } from "./codec/Wire.ts"
import { type DagBlock, dagBlockRef, type DagBlockRef, Epoch, SignedDagBlock } from "./Dag.ts"
import type { AuthorityIndex } from "./Primitives.ts"

/** An ed25519 public key. */
export const DagPublicKey = fixedHex(32, "DagPublicKey")
export type DagPublicKey = typeof DagPublicKey.Type

/** A member: its weight in votes and the key that signs its blocks. */
export const DagAuthority = Schema.Struct({ stake: SafeU64, publicKey: DagPublicKey })
export interface DagAuthority extends Schema.Schema.Type<typeof DagAuthority> {}

const sum = (stakes: ReadonlyArray<number>): number => stakes.reduce((total, stake) => total + stake, 0)

/** The members of an epoch; positions in `authorities` are `AuthorityIndex`. The total stake is not zero. */
export const DagCommittee = Schema.Struct({ epoch: Epoch, authorities: Schema.Array(DagAuthority) }).check(
  Schema.makeFilter(({ authorities }) => {
    const total = sum(authorities.map(({ stake }) => stake))
    return (
      (total > 0 && Number.isSafeInteger(total)) || "the total stake is not an integer from 1 to 2^53 - 1"
    )
  })
)
export interface DagCommittee extends Schema.Schema.Type<typeof DagCommittee> {}

/** All stake of a committee. */
export const totalStake = (committee: DagCommittee): number =>
  sum(committee.authorities.map(({ stake }) => stake))

/** The most stake that may be faulty: less than a third of the total. */
export const faultyStake = (committee: DagCommittee): number => Math.floor((totalStake(committee) - 1) / 3)

/** Stake that any two sets of share honest members: the total without what may be faulty. */
export const quorumStake = (committee: DagCommittee): number => totalStake(committee) - faultyStake(committee)

/** Stake of which some is honest: one more than may be faulty. */
export const validityStake = (committee: DagCommittee): number => faultyStake(committee) + 1

/** Stake of some members, each counted once; positions that do not exist count nothing. */
export const stakeOf = (committee: DagCommittee, members: Iterable<AuthorityIndex>): number =>
  sum([...new Set(members)].map((index) => committee.authorities[index]?.stake ?? 0))

/** Whether some members make a quorum. */
export const hasQuorum = (committee: DagCommittee, members: Iterable<AuthorityIndex>): boolean =>
  stakeOf(committee, members) >= quorumStake(committee)

/** A block of round 0, which everybody derives and nobody sends. */
export interface DagGenesisBlock {
  readonly block: DagBlock
  readonly bytes: Uint8Array
  readonly ref: DagBlockRef
}

/** One empty, unsigned block of round 0 for each member. `timestampMs` is the start of the epoch. */
export const dagGenesis = (
  committee: DagCommittee,
  options: { readonly version?: "V1" | "V2"; readonly timestampMs?: number } = {}
): ReadonlyArray<DagGenesisBlock> =>
  committee.authorities.map((_, author) => {
    const common = {
      epoch: committee.epoch,
      round: 0,
      author,
      timestampMs: options.timestampMs ?? 0,
      ancestors: [],
      transactions: [],
      commitVotes: [],
      misbehaviorReports: []
    }
    const block: DagBlock =
      options.version === "V1"
        ? { _tag: "V1", value: common }
        : { _tag: "V2", value: { ...common, transactionVotes: [] } }
    const bytes = Bcs.encode(SignedDagBlock)({ block, signature: "0x" })
    return { block, bytes, ref: dagBlockRef(block, bytes) }
  })
