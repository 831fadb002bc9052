/**
 * The thread in which validation functions run: entry point of a `node:worker_threads` worker, started by
 * `NodePvf`.
 *
 * It holds no secrets and no state between calls: each execution has a fresh instance. It imports nothing but
 * Node, so that a replacement after a timeout starts fast.
 */
import { parentPort } from "node:worker_threads"

/** What the pool asks: compile bounded code, or run a compiled module. */
export type PvfTask =
  | { readonly _tag: "Prepare"; readonly code: Uint8Array<ArrayBuffer> }
  | {
      readonly _tag: "Execute"
      readonly module: WebAssembly.Module
      readonly input: Uint8Array
      readonly maxOutputBytes: number
      readonly memory?: {
        readonly module: string
        readonly name: string
        readonly initialPages: number
        readonly maxPages: number
      }
      readonly maxPages: number
    }

/** What the worker answers. */
export type PvfAnswer =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Prepared"; readonly module: WebAssembly.Module }
  | { readonly _tag: "Output"; readonly bytes: Uint8Array }
  | {
      readonly _tag: "Trapped" | "OutOfMemory" | "BadReturn" | "CompileFailure" | "Internal"
      readonly why: string
    }

const pageBytes = 65_536
const describe = (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 512)

const prepare = (code: Uint8Array<ArrayBuffer>): PvfAnswer => {
  try {
    const module = new WebAssembly.Module(code)
    const exports = new Map(WebAssembly.Module.exports(module).map((item) => [item.name, item.kind]))
    if (exports.get("validate_block") !== "function") {
      return { _tag: "CompileFailure", why: "there is no exported function validate_block" }
    }
    return { _tag: "Prepared", module }
  } catch (error) {
    return { _tag: "CompileFailure", why: describe(error) }
  }
}

/** Where the input goes: where the module's own allocator says, else into pages added behind its memory. */
const place = (memory: WebAssembly.Memory, alloc: unknown, length: number): number => {
  if (typeof alloc === "function") return Number(alloc(length)) >>> 0
  return memory.grow(Math.ceil(length / pageBytes)) * pageBytes
}

const execute = (task: Extract<PvfTask, { readonly _tag: "Execute" }>): PvfAnswer => {
  let memory: WebAssembly.Memory | undefined
  try {
    const imports: WebAssembly.Imports = {}
    if (task.memory !== undefined) {
      memory = new WebAssembly.Memory({ initial: task.memory.initialPages, maximum: task.memory.maxPages })
      imports[task.memory.module] = { [task.memory.name]: memory }
    }
    const { exports } = new WebAssembly.Instance(task.module, imports)
    if (exports["memory"] instanceof WebAssembly.Memory) memory = exports["memory"]
    if (memory === undefined)
      return { _tag: "BadReturn", why: "no memory is exported or imported: there is no place for the result" }
    const at = place(memory, exports["alloc"], task.input.length)
    if (at + task.input.length > memory.buffer.byteLength) {
      return { _tag: "BadReturn", why: "its allocator gave a place outside of its memory" }
    }
    new Uint8Array(memory.buffer).set(task.input, at)
    const packed: unknown = (exports["validate_block"] as (at: number, length: number) => unknown)(
      at,
      task.input.length
    )
    if (typeof packed !== "bigint") return { _tag: "BadReturn", why: "validate_block does not return an i64" }
    const pointer = Number(BigInt.asUintN(32, packed))
    const length = Number(BigInt.asUintN(32, packed >> 32n))
    if (length > task.maxOutputBytes)
      return { _tag: "BadReturn", why: `a result of ${length} bytes is too long` }
    if (pointer + length > memory.buffer.byteLength)
      return { _tag: "BadReturn", why: "the result lies outside of its memory" }
    return { _tag: "Output", bytes: new Uint8Array(memory.buffer).slice(pointer, pointer + length) }
  } catch (error) {
    const pages = memory === undefined ? 0 : memory.buffer.byteLength / pageBytes
    // `memory.grow` from outside throws a RangeError; a module that was refused growth can only trap, at its limit.
    if (
      memory !== undefined &&
      (pages >= task.maxPages || (error instanceof RangeError && /grow/.test(error.message)))
    ) {
      return { _tag: "OutOfMemory", why: `stopped with ${pages} of at most ${task.maxPages} pages` }
    }
    if (error instanceof RangeError && /allocat/i.test(error.message))
      return { _tag: "Internal", why: describe(error) }
    return { _tag: "Trapped", why: describe(error) }
  }
}

parentPort?.on("message", (task: PvfTask) => {
  const answer = task._tag === "Prepare" ? prepare(task.code) : execute(task)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker, not a window
  parentPort?.postMessage(answer)
})
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker, not a window
parentPort?.postMessage({ _tag: "Ready" } satisfies PvfAnswer)
