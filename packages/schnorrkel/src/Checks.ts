/**
 * Signatures to be verified, one behind the other in one piece of memory: as they travel between threads, and as the module
 * reads them.
 */

/** Sizes in bytes. */
export const keyBytes = 32
/** Bytes of a signature. */
export const signatureBytes = 64
/** Bytes in front of the first check, which `Schnorrkel.verifyPacked` fills with randomness. */
export const seedBytes = 32
/** Bytes of a check before its message: key, signature, length of the message (big endian). */
export const headBytes = keyBytes + signatureBytes + 4

/** A signature to be verified, as bytes. */
export interface Check {
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** Whether key and signature are as long as they have to be. */
export const isSized = ({ key, signature }: Check): boolean =>
  key.length === keyBytes && signature.length === signatureBytes

/** Bytes of the checks, packed. */
export const packedBytes = (checks: ReadonlyArray<Check>): number =>
  checks.reduce((sum, { message }) => sum + headBytes + message.length, seedBytes)

/** Checks of the right sizes, one behind the other. */
export const pack = (checks: ReadonlyArray<Check>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(packedBytes(checks))
  const view = new DataView(bytes.buffer)
  let at = seedBytes
  for (const { key, message, signature } of checks) {
    bytes.set(key, at)
    bytes.set(signature, at + keyBytes)
    view.setUint32(at + keyBytes + signatureBytes, message.length)
    bytes.set(message, at + headBytes)
    at += headBytes + message.length
  }
  return bytes
}
