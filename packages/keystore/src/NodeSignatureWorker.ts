/**
 * The thread in which signatures are verified: entry point of a `node:worker_threads` worker, started by
 * `NodeSignaturePool`. It sees public data only.
 */
import { Schnorrkel } from "@ephor/schnorrkel"
import { parentPort } from "node:worker_threads"

if (parentPort === null) throw new Error("this is the entry of a worker thread: use NodeSignaturePool")
const port = parentPort
Schnorrkel.load()
port.on("message", (bytes: Uint8Array<ArrayBuffer>) => {
  const verdicts = Schnorrkel.verifyPacked(bytes)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker, not a window
  port.postMessage(verdicts, [verdicts.buffer])
})
