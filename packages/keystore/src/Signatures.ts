/**
 * Synchronous signatures for pure code (blocks of a committee, votes in the development runtime).
 */
import { fromHex, type Signature } from "@ephor/types"
import {
  ed25519KeypairFromSeed,
  ed25519Sign as signEd25519,
  ed25519Verify as verifyEd25519,
  sr25519Verify as verifySr25519
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
  safely(() => verifySr25519(fromHex(signature), message, fromHex(key)))
