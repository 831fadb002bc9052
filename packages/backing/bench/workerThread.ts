/** The thread of the executor that `backing.bench.ts` compares with: a new instance for each input, nothing checked. */
import { parentPort } from "node:worker_threads"

/** What the thread is asked. */
export interface Task {
  readonly module: WebAssembly.Module
  readonly input: Uint8Array
}

parentPort?.on("message", ({ input, module }: Task) => {
  const { alloc, memory, validate_block } = new WebAssembly.Instance(module).exports as {
    readonly alloc: (length: number) => number
    readonly memory: WebAssembly.Memory
    readonly validate_block: (at: number, length: number) => bigint
  }
  const at = alloc(input.length)
  new Uint8Array(memory.buffer).set(input, at)
  const packed = validate_block(at, input.length)
  const pointer = Number(BigInt.asUintN(32, packed))
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker, not a window
  parentPort?.postMessage(new Uint8Array(memory.buffer).slice(pointer, pointer + Number(packed >> 32n)))
})
