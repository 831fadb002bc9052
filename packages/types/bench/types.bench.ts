/**
 * Codec speed against @polkadot/types. Prints one JSON row per measurement: microseconds per operation of
 * both, median of interleaved rounds, and how many times faster ours is. Run with `node --conditions=ephor-
 * source bench/types.bench.ts`.
 */
import { readFileSync } from "node:fs"
import { TypeRegistry } from "@polkadot/types"
import { candidateHash, CandidateReceipt, fromHex, InherentData, Scale, toHex, toPlain } from "@ephor/types"

const file = new URL("../test/vectors/polkadot/12-real-chain.json", import.meta.url)
const [block] = JSON.parse(readFileSync(file, "utf8")).blocks
const inherentBytes = fromHex(block.inherent_scale)
const inherent = Scale.decode(InherentData)(inherentBytes)
const receipt = toPlain(inherent.backedCandidates[0]!.candidate)
const receiptBytes = Scale.encode(CandidateReceipt)(receipt)

const registry = new TypeRegistry()
const peerReceipt = registry.createType("CandidateReceipt", receiptBytes)
const peerInherent = registry.createType("ParachainsInherentData", inherentBytes)
// A comparison of speed means something only if both sides say the same.
if (toHex(peerReceipt.toU8a()) !== toHex(receiptBytes)) throw new Error("receipts differ")
if (toHex(peerInherent.toU8a()) !== block.inherent_scale) throw new Error("inherents differ")
if (peerReceipt.hash.toHex() !== candidateHash(receipt)) throw new Error("hashes differ")

const rounds = 9
const roundMs = 60

/** Microseconds per call, over at least `roundMs`. */
const time = (operation: () => unknown): number => {
  let calls = 0
  const start = process.hrtime.bigint()
  let elapsed = 0n
  while (elapsed < BigInt(roundMs) * 1_000_000n) {
    for (let i = 0; i < 8; i++) operation()
    calls += 8
    elapsed = process.hrtime.bigint() - start
  }
  return Number(elapsed) / 1000 / calls
}

const median = (values: ReadonlyArray<number>) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const round = (value: number) => Number(value.toPrecision(3))

const compare = (what: string, ours: () => unknown, peer: () => unknown) => {
  time(ours)
  time(peer)
  const pairs = Array.from({ length: rounds }, () => [time(ours), time(peer)] as const)
  const row = {
    what,
    ours: round(median(pairs.map(([one]) => one))),
    peer: round(median(pairs.map(([, other]) => other))),
    ratio: round(median(pairs.map(([one, other]) => other / one))),
    unit: "us/op"
  }
  console.log(JSON.stringify(row))
}

const decodeReceipt = Scale.decode(CandidateReceipt)
const encodeReceipt = Scale.encode(CandidateReceipt)
const decodeInherent = Scale.decode(InherentData)
const encodeInherent = Scale.encode(InherentData)

compare(
  "candidate receipt, decode",
  () => decodeReceipt(receiptBytes),
  () => registry.createType("CandidateReceipt", receiptBytes)
)
compare(
  "candidate receipt, encode",
  () => encodeReceipt(receipt),
  () => peerReceipt.toU8a()
)
compare(
  "candidate hash",
  () => candidateHash(receipt),
  () => peerReceipt.hash.toHex()
)
compare(
  `inherent of block ${block.number} (${inherentBytes.length} bytes), decode`,
  () => decodeInherent(inherentBytes),
  () => registry.createType("ParachainsInherentData", inherentBytes)
)
compare(
  `inherent of block ${block.number} (${inherentBytes.length} bytes), encode`,
  () => encodeInherent(inherent),
  () => peerInherent.toU8a()
)
