/**
 * Block signatures with OpenSSL's ed25519, about ten times as fast as JavaScript.
 */
import { Effect, Layer } from "effect"
import { type DagCommittee, fromHex } from "@ephor/types"
import { createPublicKey, type KeyObject, verify } from "node:crypto"
import * as BlockVerifier from "./BlockVerifier.ts"
import { Misconfigured, ObserverError } from "./ObserverError.ts"

const spkiPrefix = fromHex("0x302a300506032b6570032100")

// Points of small order, in every encoding: keys with which a signature says nothing about who made it.
const smallOrder = new Set([
  `0x01${"00".repeat(31)}`,
  `0x01${"00".repeat(30)}80`,
  `0x${"00".repeat(32)}`,
  `0x${"00".repeat(31)}80`,
  `0xec${"ff".repeat(30)}7f`,
  `0xec${"ff".repeat(31)}`,
  "0x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "0x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "0xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "0xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"
])

/** Whether the y coordinate is below the field's prime 2^255 - 19: the only encoding that all verifiers agree on. */
const isCanonical = (key: Uint8Array): boolean =>
  !((key[31]! & 0x7f) === 0x7f && key.subarray(1, 31).every((byte) => byte === 0xff) && key[0]! >= 0xed)

const keyOf = (publicKey: `0x${string}`): KeyObject | undefined => {
  const raw = fromHex(publicKey)
  if (smallOrder.has(publicKey) || !isCanonical(raw)) return undefined
  try {
    return createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: "der", type: "spki" })
  } catch {
    return undefined
  }
}

/** A signature check for a committee; fails with `Misconfigured` for keys that prove nothing. */
export const signatureCheck = Effect.fnUntraced(function* (
  committee: DagCommittee
): Effect.fn.Return<BlockVerifier.SignatureCheck, ObserverError> {
  const keys: Array<KeyObject> = []
  for (const [author, { publicKey }] of committee.authorities.entries()) {
    const key = keyOf(publicKey)
    if (key === undefined) {
      const why = `the key ${publicKey} of author ${author} is not a usable ed25519 public key`
      return yield* new ObserverError({ where: "NodeBlockVerifier", reason: new Misconfigured({ why }) })
    }
    keys.push(key)
  }
  return (author, message, signature) => {
    const key = keys[author]
    return key !== undefined && verify(null, message, key, signature)
  }
})

/** Bytes of an ed25519 signature. */
const signatureBytes = 64

/**
 * A check for signatures of randomness by one ed25519 key: each is what was signed, followed by the 64 bytes of the
 * signature. Fails with `Misconfigured` for a key that proves nothing.
 */
export const randomnessCheck = (
  publicKey: string
): Effect.Effect<(item: Uint8Array) => boolean, ObserverError> => {
  const key = isPublicKey(publicKey) ? keyOf(publicKey) : undefined
  if (key === undefined) {
    const why = `the key of randomness ${publicKey} is not a usable ed25519 public key (0x and 64 hexadecimal digits)`
    return Effect.fail(new ObserverError({ where: "NodeBlockVerifier", reason: new Misconfigured({ why }) }))
  }
  return Effect.succeed((item) => {
    const signed = item.length - signatureBytes
    return signed > 0 && verify(null, item.subarray(0, signed), key, item.subarray(signed))
  })
}

const isPublicKey = (text: string): text is `0x${string}` => /^0x[0-9a-f]{64}$/.test(text)

/** Checks every rule of the committee and every signature that counts. */
export const layerMysticeti = (
  options: Omit<BlockVerifier.MysticetiOptions, "check">
): Layer.Layer<BlockVerifier.BlockVerifier, ObserverError> =>
  Layer.unwrap(
    Effect.map(signatureCheck(options.committee), (check) =>
      BlockVerifier.layerMysticeti({ ...options, check })
    )
  )
