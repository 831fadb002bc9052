/**
 * Codec speed against @polkadot-api/substrate-bindings, @polkadot/types, @noble/hashes and hand-written JSON
 * code. Prints one JSON row per measurement: microseconds per operation of both, and how many times faster
 * ours is (median of the ratios of interleaved rounds). A peer that is not installed leaves a row without
 * one. Run with `npm run bench -- types`, or `node --conditions=ephor-source bench/types.bench.ts`.
 */
import { readFileSync } from "node:fs"
import { Schema } from "effect"
import { TypeRegistry } from "@polkadot/types"
import {
  blake2b256,
  blake2b256Bytes,
  BlockRef,
  BlockReplacement,
  candidateHash,
  CandidateReceipt,
  DerivedBlockRefPair,
  DisputeStatementSet,
  fromHex,
  InherentData,
  Json,
  keccak256Bytes,
  Scale,
  toHex,
  toPlain
} from "@ephor/types"
import { compare, load, same } from "./support/compare.ts"
import { checkedEvent } from "./support/handWritten.ts"
import { polkadotApiCodecs } from "./support/polkadotApi.ts"

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../test/vectors/polkadot/${name}.json`, import.meta.url), "utf8"))

const [block] = vectors("12-real-chain").blocks
const inherentBytes = fromHex(block.inherent_scale)
const inherent = Scale.decode(InherentData)(inherentBytes)
const receipt = toPlain(inherent.backedCandidates[0]!.candidate)
const receiptBytes = Scale.encode(CandidateReceipt)(receipt)
const setHex: string = vectors("06-disputes").vectors.find(
  (vector: any) => vector.type === "DisputeStatementSet" && vector.len === 451
).scale
const setBytes = fromHex(setHex)
const set = Scale.decode(DisputeStatementSet)(setBytes)

const decodeReceipt = Scale.decode(CandidateReceipt)
const encodeReceipt = Scale.encode(CandidateReceipt)
const decodeSet = Scale.decode(DisputeStatementSet)
const encodeSet = Scale.encode(DisputeStatementSet)
const decodeInherent = Scale.decode(InherentData)
const encodeInherent = Scale.encode(InherentData)

// A comparison of speed means something only if both sides say the same.
const bindings = await load("@polkadot-api/substrate-bindings")
const api = bindings === undefined ? undefined : polkadotApiCodecs(bindings)
const apiReceipt = api?.receipt.dec(receiptBytes)
const apiSet = api?.disputeSet.dec(setBytes)
if (api !== undefined) {
  same("receipts", toHex(api.receipt.enc(apiReceipt)), toHex(receiptBytes))
  same("hashes in receipts", apiReceipt.commitmentsHash, receipt.commitmentsHash)
  same("dispute sets", toHex(api.disputeSet.enc(apiSet)), setHex)
  same("signatures", apiSet.statements[4][2], set.statements[4]![2])
}

const registry = new TypeRegistry()
registry.register({
  // The release that is current does not know the fifth kind yet.
  ValidDisputeStatementKind: {
    _enum: {
      Explicit: "Null",
      BackingSeconded: "Hash",
      BackingValid: "Hash",
      ApprovalChecking: "Null",
      ApprovalCheckingMultipleCandidates: "Vec<Hash>"
    }
  }
})
const classicReceipt = registry.createType("CandidateReceipt", receiptBytes)
const classicSet = registry.createType("DisputeStatementSet", setBytes)
const classicInherent = registry.createType("ParachainsInherentData", inherentBytes)
same("receipts", toHex(classicReceipt.toU8a()), toHex(receiptBytes))
same("dispute sets", toHex(classicSet.toU8a()), setHex)
same("inherents", toHex(classicInherent.toU8a()), block.inherent_scale)
same(
  "receipts from JSON",
  toHex(registry.createType("CandidateReceipt", classicReceipt.toJSON()).toU8a()),
  toHex(receiptBytes)
)
same("hashes", classicReceipt.hash.toHex(), candidateHash(receipt))

const classic = "@polkadot/types"
const modern = "@polkadot-api/substrate-bindings"

compare(
  `candidate receipt (324 B), decode, against ${modern}`,
  () => decodeReceipt(receiptBytes),
  api && (() => api.receipt.dec(receiptBytes))
)
compare(
  `candidate receipt (324 B), decode, against ${classic}`,
  () => decodeReceipt(receiptBytes),
  () => registry.createType("CandidateReceipt", receiptBytes)
)
compare(
  `candidate receipt (324 B), encode, against ${modern}`,
  () => encodeReceipt(receipt),
  api && (() => api.receipt.enc(apiReceipt))
)
compare(
  `candidate receipt (324 B), encode, against ${classic}`,
  () => encodeReceipt(receipt),
  () => classicReceipt.toU8a()
)
// The peer's objects keep the bytes that they were read from. With plain values on both sides:
const classicJson = classicReceipt.toJSON()
compare(
  `candidate receipt (324 B), decode to plain values, against ${classic}`,
  () => decodeReceipt(receiptBytes),
  () => registry.createType("CandidateReceipt", receiptBytes).toJSON()
)
compare(
  `candidate receipt (324 B), encode from plain values, against ${classic}`,
  () => encodeReceipt(receipt),
  () => registry.createType("CandidateReceipt", classicJson).toU8a()
)
compare(
  `candidate hash, against ${classic}`,
  () => candidateHash(receipt),
  () => classicReceipt.hash.toHex()
)

compare(
  `five dispute statements (451 B), decode, against ${modern}`,
  () => decodeSet(setBytes),
  api && (() => api.disputeSet.dec(setBytes))
)
compare(
  `five dispute statements (451 B), decode, against ${classic}`,
  () => decodeSet(setBytes),
  () => registry.createType("DisputeStatementSet", setBytes)
)
compare(
  `five dispute statements (451 B), encode, against ${modern}`,
  () => encodeSet(set),
  api && (() => api.disputeSet.enc(apiSet))
)
compare(
  `five dispute statements (451 B), encode, against ${classic}`,
  () => encodeSet(set),
  () => classicSet.toU8a()
)

const size = `${inherentBytes.length} B`
compare(
  `inherent of block ${block.number} (${size}), decode, against ${classic}`,
  () => decodeInherent(inherentBytes),
  () => registry.createType("ParachainsInherentData", inherentBytes)
)
compare(
  `inherent of block ${block.number} (${size}), encode, against ${classic}`,
  () => encodeInherent(inherent),
  () => classicInherent.toU8a()
)

// The event in which a managed node moves on to the next L1 block (the shape of supervisor-protocol).
const ManagedEvent = Schema.Struct({
  reset: Schema.optionalKey(Schema.String),
  unsafeBlock: Schema.optionalKey(BlockRef),
  derivationUpdate: Schema.optionalKey(DerivedBlockRefPair),
  exhaustL1: Schema.optionalKey(DerivedBlockRefPair),
  replaceBlock: Schema.optionalKey(BlockReplacement),
  derivationOriginUpdate: Schema.optionalKey(BlockRef)
})
const blockRef = (number: number) => ({
  hash: blake2b256(Uint8Array.of(number)),
  number: 21_000_000 + number,
  parentHash: blake2b256(Uint8Array.of(number - 1)),
  timestamp: 1_760_000_000 + 12 * number
})
const source = blockRef(2)
const event: typeof ManagedEvent.Type = {
  derivationUpdate: { source, derived: blockRef(7) },
  derivationOriginUpdate: source
}
const eventText = JSON.stringify(event)
const parseEvent = Json.parse(ManagedEvent)
const stringifyEvent = Json.stringify(ManagedEvent)
// Text that was put together from pieces is only flattened when somebody reads it.
const flat = (text: string) => text.charCodeAt(text.length - 1)
same("events", JSON.stringify(parseEvent(eventText)), JSON.stringify(checkedEvent(JSON.parse(eventText))))
same("events as text", stringifyEvent(event), eventText)
compare(
  `managed event (${eventText.length} B), parse, against JSON.parse and a check by hand`,
  () => parseEvent(eventText),
  () => checkedEvent(JSON.parse(eventText))
)
compare(
  `managed event (${eventText.length} B), stringify, against JSON.stringify`,
  () => flat(stringifyEvent(event)),
  () => flat(JSON.stringify(event))
)

const blake = await load("@noble/hashes/blake2.js")
const sha3 = await load("@noble/hashes/sha3.js")
for (const [name, bytes] of [
  ["324 B", receiptBytes],
  [size, inherentBytes]
] as const) {
  if (blake !== undefined) same("BLAKE2b", toHex(blake.blake2b(bytes, { dkLen: 32 })), blake2b256(bytes))
  if (sha3 !== undefined) same("Keccak", toHex(sha3.keccak_256(bytes)), toHex(keccak256Bytes(bytes)))
  compare(
    `BLAKE2b-256 of ${name}, against @noble/hashes`,
    () => blake2b256Bytes(bytes),
    blake && (() => blake.blake2b(bytes, { dkLen: 32 }))
  )
  compare(
    `Keccak-256 of ${name}, against @noble/hashes`,
    () => keccak256Bytes(bytes),
    sha3 && (() => sha3.keccak_256(bytes))
  )
}
