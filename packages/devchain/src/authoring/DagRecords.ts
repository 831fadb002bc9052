/** What a committee's maker keeps of it, and what an author in a process of its own keeps of what it has signed. */
import { AuthorityIndex, Bcs, CommitIndex, DagPublicKey, Round, TimestampMs, Wire } from "@ephor/types"
import { Schema } from "effect"
import * as Table from "@ephor/store/Table"

const StoredRound = Schema.Struct({ blocks: Schema.Array(Wire.Bytes), voted: CommitIndex })

/** The last rounds of the committee. */
export const rounds = Table.make({
  name: "dev/round",
  key: [Table.u32],
  value: StoredRound,
  codec: { encode: Bcs.encode(StoredRound), decode: Bcs.decode(StoredRound) }
})

/** The keys of the committee. */
export const members = Table.make({ name: "dev/committee", key: [], value: Schema.Array(DagPublicKey) })

/** By author: the last block of one that was away afterwards, which its next one refers to. */
export const lastBlocks = Table.make({
  name: "dev/last-block",
  key: [Table.u32],
  value: Wire.Bytes,
  codec: { encode: (bytes) => bytes, decode: (bytes) => bytes }
})

/** What goes into a round beside what it follows from: written before anybody is asked to sign it. */
export const Draft = Schema.Struct({
  round: Round,
  leader: AuthorityIndex,
  timestampMs: TimestampMs,
  transactions: Schema.Array(Wire.Bytes)
})
export interface Draft extends Schema.Schema.Type<typeof Draft> {}

/** The round that was asked for last: what was begun with one content is never asked for with another one. */
export const drafts = Table.make({
  name: "dev/draft",
  key: [],
  value: Draft,
  codec: { encode: Bcs.encode(Draft), decode: Bcs.decode(Draft) }
})

const Signed = Schema.Struct({ round: Round, voted: CommitIndex, bytes: Wire.Bytes })
export interface Signed extends Schema.Schema.Type<typeof Signed> {}

/** By key: the last block that this process has signed for the maker of the chain in another one. */
export const signed = Table.make({
  name: "dev/signed",
  key: [Table.text],
  value: Signed,
  codec: { encode: Bcs.encode(Signed), decode: Bcs.decode(Signed) }
})
