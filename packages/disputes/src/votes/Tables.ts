/** What lies where in the votes database, and how it becomes bytes. Keys are those of polkadot-sdk's coordinator. */
import { Manifest, Store, Table } from "@ephor/store"
import {
  type CandidateHash,
  CandidateReceipt,
  CandidateVotes,
  fromHex,
  InvalidDisputeStatementKind,
  RecentDisputes,
  Scale,
  SessionIndex,
  Signature,
  toHex,
  ValidatorId,
  ValidatorIndex,
  ValidDisputeStatementKind
} from "@ephor/types"
import { Effect, Option, Schema } from "effect"
import { DisputeConclusion } from "../Disputes.ts"
import type { RecentDispute } from "../VotesDb.ts"
import { proofBytes, proofs } from "./Proofs.ts"

const ascii = (text: string) => new TextEncoder().encode(text)
export const votesPrefix = ascii("candidate-votes")
export const recentKey = ascii("recent-disputes")
export const earliestKey = ascii("earliest-session")
export const watermarkKey = ascii("cleaned-votes-watermark")

/** Key of the votes of a session: 15 bytes of text and the session, big-endian. */
export const sessionKey = (session: SessionIndex): Uint8Array => {
  const key = new Uint8Array(votesPrefix.length + 4)
  key.set(votesPrefix)
  new DataView(key.buffer).setUint32(votesPrefix.length, session)
  return key
}

/** Key of the votes about a candidate: 51 bytes. */
export const candidateVotesKey = (session: SessionIndex, candidate: CandidateHash): Uint8Array => {
  const prefix = sessionKey(session)
  const key = new Uint8Array(prefix.length + 32)
  key.set(prefix)
  key.set(fromHex(candidate)!, prefix.length)
  return key
}

const corrupt = (key: string, why: string) =>
  new Store.StoreError({
    operation: "get",
    path: "votes database",
    reason: new Store.StoreCorrupt({ key, why })
  })

/** Session and candidate of a key of votes. */
export const readVotesKey = (
  key: Uint8Array
): Effect.Effect<readonly [SessionIndex, CandidateHash], Store.StoreError> =>
  key.length === votesPrefix.length + 36
    ? Effect.succeed([
        new DataView(key.buffer, key.byteOffset).getUint32(votesPrefix.length),
        toHex(key.subarray(votesPrefix.length + 4))
      ])
    : Effect.fail(corrupt(toHex(key), `a key of votes has 51 bytes, and not ${key.length}`))

const idCodec = Table.json(ValidatorId)
/** Session, index and candidate; the key of the validator, by which cleaning finds its entry in `byIdentity`. */
export const byValidator = Table.make({
  name: "votes-by-validator",
  key: [Table.u32, Table.u32, Table.hash],
  value: ValidatorId,
  // The same bytes as the schema writes: there is one for every vote.
  codec: { encode: (id) => ascii(`"${id}"`), decode: idCodec.decode }
})

const nullCodec = Table.json(Schema.Null)
const nullBytes = ascii("null")
/** Key of a validator, session and index. */
export const byIdentity = Table.make({
  name: "sessions-by-identity",
  key: [Table.hash, Table.u32, Table.u32],
  value: Schema.Null,
  codec: { encode: () => nullBytes, decode: nullCodec.decode }
})

/** Session and candidate; how the dispute ended, with the blocks that were seen to include the candidate. */
export const conclusions = Table.make({
  name: "conclusions",
  key: [Table.u32, Table.hash],
  value: DisputeConclusion
})

type ValidVote = CandidateVotes["valid"][number]
type InvalidVote = CandidateVotes["invalid"][number]
const encodeReceipt = Scale.encode(CandidateReceipt)
const encodeValid = Scale.encode(Schema.Tuple([ValidDisputeStatementKind, ValidatorIndex, Signature]))
const encodeInvalid = Scale.encode(Schema.Tuple([InvalidDisputeStatementKind, ValidatorIndex, Signature]))
/** A record is written again with each vote, and all its other votes are the same objects as before. */
const encoded = new WeakMap<object, Uint8Array>()
const once = <A extends object>(value: A, encode: (value: A) => Uint8Array): Uint8Array => {
  const known = encoded.get(value)
  if (known !== undefined) return known
  const bytes = encode(value)
  encoded.set(value, bytes)
  return bytes
}
const encodeCount = (count: number): Uint8Array => {
  if (count < 1 << 6) return Uint8Array.of(count << 2)
  if (count < 1 << 14) return Uint8Array.of(((count << 2) | 1) & 0xff, count >>> 6)
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, ((count << 2) | 2) >>> 0, true)
  return bytes
}

/** A record of votes as bytes: those of `Scale.encode(CandidateVotes)`. */
export const encodeVotes = ({ candidateReceipt, invalid, valid }: CandidateVotes): Uint8Array => {
  const pieces = [
    once(candidateReceipt, encodeReceipt),
    encodeCount(valid.length),
    ...valid.map((vote: ValidVote) => once(vote, encodeValid)),
    encodeCount(invalid.length),
    ...invalid.map((vote: InvalidVote) => once(vote, encodeInvalid))
  ]
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

const decodeRecord = Scale.decode(CandidateVotes)
const encodeRecent = Scale.encode(RecentDisputes)
const decodeRecent = Scale.decode(RecentDisputes)
const decodeNumber = Scale.decode(SessionIndex)
/** A session as the value of a record. */
export const encodeSession = Scale.encode(SessionIndex)

const decoded = <A>(decode: (bytes: Uint8Array) => A, key: string, bytes: Uint8Array) =>
  Effect.try({
    try: () => decode(bytes),
    catch: (cause) => corrupt(key, cause instanceof Error ? cause.message : String(cause))
  })

/** The votes in a record. */
export const decodeVotes = (session: SessionIndex, candidate: CandidateHash, bytes: Uint8Array) =>
  decoded(decodeRecord, `candidate-votes of session ${session}, candidate ${candidate}`, bytes)

/** Disputes in the order of their sessions, then of their candidates. */
export const sorted = <A extends { readonly session: SessionIndex; readonly candidateHash: CandidateHash }>(
  list: Iterable<A>
): ReadonlyArray<A> =>
  [...list].sort((a, b) => a.session - b.session || (a.candidateHash < b.candidateHash ? -1 : 1))

/** The list of recent disputes as bytes. */
export const recentBytes = (recent: ReadonlyArray<RecentDispute>): Uint8Array =>
  encodeRecent(
    sorted(recent).map(({ candidateHash, session, status }) => [[session, candidateHash], status] as const)
  )

/** A session that is a record of its own; 0 if it was never written. */
export const sessionAt = Effect.fnUntraced(function* (store: Store.Service, key: Uint8Array) {
  const bytes = yield* store.get(key)
  return Option.isNone(bytes) ? 0 : yield* decoded(decodeNumber, new TextDecoder().decode(key), bytes.value)
})

/** The list of recent disputes. */
export const readRecent = Effect.fnUntraced(function* (store: Store.Service) {
  const bytes = yield* store.get(recentKey)
  if (Option.isNone(bytes)) return []
  const entries = yield* decoded(decodeRecent, "recent-disputes", bytes.value)
  return entries.map(([[session, candidateHash], status]): RecentDispute => ({
    session,
    candidateHash,
    status
  }))
})

const startsWith = (key: Uint8Array, head: Uint8Array) =>
  key.length >= head.length && head.every((byte, i) => key[i] === byte)
const isKey = (key: Uint8Array, whole: Uint8Array) => key.length === whole.length && startsWith(key, whole)
const singles: ReadonlyArray<readonly [Uint8Array, (bytes: Uint8Array) => unknown]> = [
  [recentKey, decodeRecent],
  [earliestKey, decodeNumber],
  [watermarkKey, decodeNumber]
]
const decoderOf = (key: Uint8Array) =>
  startsWith(key, votesPrefix) ? decodeRecord : singles.find(([whole]) => isKey(key, whole))?.[1]

/** All of them, for the manifest of a data directory. A change of what a record is raises the version. */
export const family = Manifest.family({
  name: "votes",
  version: 1,
  tables: [byValidator, byIdentity, conclusions, proofs, proofBytes],
  owns: (key) => decoderOf(key) !== undefined,
  read: ({ key, value }) => decoderOf(key)?.(value)
})
