/** Signatures to be verified, as the bytes that travel to a worker thread. */

/** Sizes in bytes. */
export const keyBytes = 32
export const signatureBytes = 64
/** Bytes of a check before its payload: key, signature, length of the payload. */
export const headBytes = keyBytes + signatureBytes + 4

/** A signature to be verified, as bytes. */
export interface Check {
  readonly key: Uint8Array
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

/** Checks, one behind the other. */
export const packChecks = (checks: ReadonlyArray<Check>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(checks.reduce((sum, { payload }) => sum + headBytes + payload.length, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const { key, payload, signature } of checks) {
    bytes.set(key, at)
    bytes.set(signature, at + keyBytes)
    view.setUint32(at + keyBytes + signatureBytes, payload.length)
    bytes.set(payload, at + headBytes)
    at += headBytes + payload.length
  }
  return bytes
}
