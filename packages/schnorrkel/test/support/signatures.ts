/** Signatures made by `@polkadot/wasm-crypto`, and what a forger would make of them. */
import type { Checks } from "@ephor/schnorrkel"
import { sr25519KeypairFromSeed, sr25519Sign } from "@polkadot/wasm-crypto"

/** Order of the group, and prime of the field below it. */
export const order = 2n ** 252n + 27742317777372353535851937790883648493n
const prime = 2n ** 255n - 19n

/** A number in 32 bytes, little endian. */
export const toBytes = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n))
const toNumber = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)

const join = (...parts: ReadonlyArray<Uint8Array>) => Uint8Array.from(parts.flatMap((part) => [...part]))

/** The response of a signature without the marker of schnorrkel in its highest bit. */
export const responseOf = (signature: Uint8Array): bigint =>
  toNumber(signature.subarray(32)) & ((1n << 255n) - 1n)
/** The signature with another response; `marker` is the highest bit. */
export const withResponse = (signature: Uint8Array, response: bigint, marker = 1n): Uint8Array =>
  join(signature.subarray(0, 32), toBytes((response % 2n ** 255n) | (marker << 255n)))
const withCommitment = (signature: Uint8Array, commitment: Uint8Array) =>
  join(commitment, signature.subarray(32))

/** A good signature by the key of a number. */
export const signed = (
  number: number,
  message: Uint8Array = new TextEncoder().encode(`message ${number}`)
): Checks.Check => {
  const pair = sr25519KeypairFromSeed(new Uint8Array(32).fill(number % 255).fill(number >> 8, 0, 1))
  const key = pair.slice(64)
  return { key, message, signature: sr25519Sign(key, pair.slice(0, 64), message) }
}

const zeros = new Uint8Array(32)
/** Encodings that are no points: not canonical, negative, not on the curve, of points of small order on Edwards' curve. */
export const noPoints: ReadonlyArray<readonly [string, Uint8Array]> = [
  ["the prime, another zero", toBytes(prime)],
  ["the prime and two", toBytes(prime + 2n)],
  ["all bits", new Uint8Array(32).fill(255)],
  ["the highest bit alone", toBytes(1n << 255n)],
  ["one", toBytes(1n)],
  ["minus one", toBytes(prime - 1n)],
  ["order 8", toBytes(2707385501144840649318225287225658788936804267575313519463743609750303021999n)],
  ["order 8, too", toBytes(55188659117513257062467267217118295137698188065244968500265048394206261417951n)]
]

/** What is near a good signature and known to be treated differently by lax verifiers, with names. */
export const edges = (good: Checks.Check): ReadonlyArray<readonly [string, Checks.Check]> => {
  const { key, message, signature } = good
  const response = responseOf(signature)
  return [
    ["good", good],
    ["without its marker", { ...good, signature: withResponse(signature, response, 0n) }],
    ["response and the order", { ...good, signature: withResponse(signature, response + order) }],
    ["response and twice the order", { ...good, signature: withResponse(signature, response + 2n * order) }],
    ["response 0", { ...good, signature: withResponse(signature, 0n) }],
    ["response is the order", { ...good, signature: withResponse(signature, order) }],
    ["response below the order", { ...good, signature: withResponse(signature, order - 1n) }],
    ["response negated", { ...good, signature: withResponse(signature, order - response) }],
    ["commitment 0", { ...good, signature: withCommitment(signature, zeros) }],
    ["commitment is the key", { ...good, signature: withCommitment(signature, key) }],
    // Zero is a point: whoever takes it as a key has signed everything with nothing.
    ["nothing signed by nobody", { key: zeros, message, signature: withResponse(new Uint8Array(64), 0n) }],
    ["good, by nobody", { ...good, key: zeros }],
    ["halves exchanged", { ...good, signature: join(signature.subarray(32), signature.subarray(0, 32)) }],
    ["longer message", { ...good, message: join(message, Uint8Array.of(0)) }],
    ["no message", { ...good, message: new Uint8Array() }],
    ...noPoints.flatMap(([name, bytes]): ReadonlyArray<readonly [string, Checks.Check]> => [
      [`commitment: ${name}`, { ...good, signature: withCommitment(signature, bytes) }],
      [`key: ${name}`, { ...good, key: bytes }],
      [`key and no commitment: ${name}`, { key: bytes, message, signature: withResponse(zeros64, 0n) }]
    ])
  ]
}
const zeros64 = new Uint8Array(64)

/** A check with one bit turned, of key, signature or message. */
export const mutated = (check: Checks.Check, bit: number): Checks.Check => {
  const parts = { key: check.key.slice(), signature: check.signature.slice(), message: check.message.slice() }
  const all = [parts.key, parts.signature, parts.message]
  let at = bit % (8 * all.reduce((sum, part) => sum + part.length, 0))
  for (const part of all) {
    if (at < 8 * part.length) {
      part[at >> 3]! ^= 1 << (at & 7)
      break
    }
    at -= 8 * part.length
  }
  return parts
}
