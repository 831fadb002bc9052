/**
 * The thread in which signatures are verified: entry point of a `node:worker_threads` worker, started by
 * `NodeSignaturePool`. It sees public data only.
 */
import { parentPort } from "node:worker_threads"
import { headBytes, keyBytes, signatureBytes } from "./pool/Checks.ts"
import { load, sr25519Verify } from "./schnorrkel/Schnorrkel.ts"

const verify = (signature: Uint8Array, payload: Uint8Array, key: Uint8Array): boolean => {
  try {
    return sr25519Verify(signature, payload, key)
  } catch {
    return false // no point, no scalar: no valid signature either
  }
}

/** The verdicts on packed checks: 1 for a valid signature, in the order of the checks. */
const judge = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const verdicts: Array<number> = []
  let at = 0
  while (at < bytes.length) {
    const key = bytes.subarray(at, at + keyBytes)
    const signature = bytes.subarray(at + keyBytes, at + keyBytes + signatureBytes)
    const end = at + headBytes + view.getUint32(at + keyBytes + signatureBytes)
    verdicts.push(verify(signature, bytes.subarray(at + headBytes, end), key) ? 1 : 0)
    at = end
  }
  return Uint8Array.from(verdicts)
}

if (parentPort === null) throw new Error("this is the entry of a worker thread: use NodeSignaturePool")
const port = parentPort
load()
port.on("message", (bytes: Uint8Array) => {
  const verdicts = judge(bytes)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker, not a window
  port.postMessage(verdicts, [verdicts.buffer])
})
