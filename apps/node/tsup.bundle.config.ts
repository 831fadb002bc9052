import { bundle } from "../../tsup.bundle.ts"

/** Worker threads and child processes that a node starts. */
export default bundle([
  "../../packages/keystore/src/NodeSignatureWorker.ts",
  "../../packages/backing/src/NodePvfWorker.ts"
])
