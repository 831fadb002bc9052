/**
 * Synchronous signatures for pure code (blocks of a committee, votes in the development runtime).
 */
import { Checks, Schnorrkel } from "@ephor/schnorrkel"
import { fromHex, isHex, type Signature } from "@ephor/types"
import {
  ed25519KeypairFromSeed,
  ed25519Sign as signEd25519,
  ed25519Verify as verifyEd25519
} from "./schnorrkel/Schnorrkel.ts"

/** An ed25519 key pair: 32-byte halves. */
export interface Ed25519KeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** The key pair of a 32-byte secret. */
export const ed25519KeyPair = (secret: Uint8Array): Ed25519KeyPair => {
  const pair = ed25519KeypairFromSeed(secret)
  return { secretKey: pair.slice(0, 32), publicKey: pair.slice(32, 64) }
}

/** Signs; 64 bytes, the same for the same message. */
export const ed25519Sign = ({ publicKey, secretKey }: Ed25519KeyPair, message: Uint8Array): Uint8Array =>
  signEd25519(publicKey, secretKey, message)

const safely = (verify: () => boolean): boolean => {
  try {
    return verify()
  } catch {
    return false
  }
}

/** Whether `signature` is of `key` over `message`; false for bytes that are no key or no signature. */
export const ed25519Verify = (key: `0x${string}`, message: Uint8Array, signature: Signature): boolean =>
  safely(() => verifyEd25519(fromHex(signature), message, fromHex(key)))

/** As `ed25519Verify`, for sr25519 with the context `substrate`. */
export const sr25519Verify = (key: `0x${string}`, message: Uint8Array, signature: Signature): boolean =>
  safely(() => Schnorrkel.verify(fromHex(signature), message, fromHex(key)))

/** A signature to be verified. */
export interface Check {
  readonly key: `0x${string}`
  readonly payload: Uint8Array
  readonly signature: Signature
}

const isText = (text: string, bytes: number): boolean => text.length === 2 + 2 * bytes && isHex(text)

/** A check as bytes; nothing for what cannot be a key or a signature. */
export const toBytes = ({ key, payload, signature }: Check): Checks.Check | undefined =>
  isText(key, Checks.keyBytes) && isText(signature, Checks.signatureBytes)
    ? { key: fromHex(key), message: payload, signature: fromHex(signature) }
    : undefined

const nothing: Checks.Check = {
  key: new Uint8Array(),
  message: new Uint8Array(),
  signature: new Uint8Array()
}

/** The verdicts of `sr25519Verify` on each check, found for all of them together: a third of the work. */
export const sr25519VerifyAll = (checks: ReadonlyArray<Check>): ReadonlyArray<boolean> =>
  Schnorrkel.verifyBatch(checks.map((check) => toBytes(check) ?? nothing))
