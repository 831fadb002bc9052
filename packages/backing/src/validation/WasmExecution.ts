/**
 * Runs one prepared validation function once, in an instance of its own. Synchronous: whoever calls it must be
 * able to lose the whole process.
 */
import type { CpuTime, PvfAnswer, PvfTask } from "./NodePvfFrame.ts"
import { WasmRefusal } from "./WasmReader.ts"
import * as WasmPreparation from "./WasmPreparation.ts"
import type { WasmLimits } from "./WasmFeatures.ts"
import { MemoryTooLarge } from "../WasmMemory.ts"

const pageBytes = 65_536

type WithoutTime<A> = A extends CpuTime ? Omit<A, keyof CpuTime> : never
/** An answer whose time is not known yet, and its body. */
export interface Ending {
  readonly answer: WithoutTime<PvfAnswer>
  readonly body?: Uint8Array
  /** Bytes of memory that wait to be collected. */
  readonly heldBytes?: number
}

const describe = (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 512)
const ending = (
  _tag: "Trapped" | "OutOfMemory" | "BadReturn" | "CompileFailure" | "Internal",
  why: string
): Ending => ({
  answer: { _tag, why }
})

/** A compiled module. */
export const compile = (code: Uint8Array<ArrayBuffer>) => new WebAssembly.Module(code)

/** Checks and rewrites code, and compiles it once to see that it compiles. */
export const prepare = (code: Uint8Array<ArrayBuffer>, limits: WasmLimits): Ending => {
  try {
    const { code: prepared, ...memory } = WasmPreparation.prepare(code, limits)
    // What is rewritten must be valid as it came: rewriting must not lend it variables it did not declare.
    // The compiler says why it is not.
    if (!WebAssembly.validate(code)) compile(code)
    compile(prepared)
    return { answer: { _tag: "Prepared", ...memory }, body: prepared }
  } catch (error) {
    if (error instanceof MemoryTooLarge) return ending("OutOfMemory", error.message)
    if (error instanceof WasmRefusal)
      return ending("CompileFailure", `not a module this host can run: ${error.message}`)
    if (error instanceof WebAssembly.CompileError) return ending("CompileFailure", describe(error))
    return ending("Internal", describe(error))
  }
}

/** Where the input goes: where the module's own allocator says, else into pages added behind its memory. */
const place = (memory: WebAssembly.Memory, alloc: unknown, length: number): number => {
  if (typeof alloc === "function") return Number(alloc(length)) >>> 0
  return memory.grow(Math.ceil(length / pageBytes)) * pageBytes
}

const read = (memory: WebAssembly.Memory, packed: bigint, maxBytes: number): Ending => {
  const pointer = Number(BigInt.asUintN(32, packed))
  const length = Number(BigInt.asUintN(32, packed >> 32n))
  if (length > maxBytes) return ending("BadReturn", `a result of ${length} bytes is too long`)
  if (pointer + length > memory.buffer.byteLength)
    return ending("BadReturn", "the result lies outside of its memory")
  return { answer: { _tag: "Output" }, body: new Uint8Array(memory.buffer, pointer, length) }
}

/** What an execution holds while it lasts. */
interface Held {
  memory?: WebAssembly.Memory
  exports?: WebAssembly.Exports
}
const pagesOf = ({ memory }: Held) => (memory === undefined ? 0 : memory.buffer.byteLength / pageBytes)

/** What an exception means: the function's fault only where every machine would see the same. */
const explain = (error: unknown, maxPages: number, held: Held): Ending => {
  const fault = held.exports?.[WasmPreparation.machineFault]
  if (fault instanceof WebAssembly.Global && fault.value !== 0)
    return ending("Internal", "this machine has no memory that the function may have")
  const pages = pagesOf(held)
  if (error instanceof WebAssembly.RuntimeError) {
    // A module that was refused growth can only trap, at its limit.
    return held.memory !== undefined && pages >= maxPages
      ? ending("OutOfMemory", `stopped with ${pages} of at most ${maxPages} pages`)
      : ending("Trapped", describe(error))
  }
  // No memory at all, or a stack too small for what is counted: this machine's fault.
  return ending("Internal", describe(error))
}

type Execute = Extract<PvfTask, { readonly _tag: "Execute" }>

const instantiate = (module: WebAssembly.Module, memory: Execute["memory"]): Held => {
  const held: Held = {}
  const imports: WebAssembly.Imports = {}
  if (memory !== undefined) {
    held.memory = new WebAssembly.Memory({ initial: memory.initialPages, maximum: memory.maxPages })
    imports[memory.module] = { [memory.name]: held.memory }
  }
  held.exports = new WebAssembly.Instance(module, imports).exports
  const own = held.exports["memory"]
  if (own instanceof WebAssembly.Memory) held.memory = own
  return held
}

const run = ({ exports, memory }: Held, task: Execute, input: Uint8Array): Ending => {
  if (memory === undefined)
    return ending("BadReturn", "no memory is exported or imported: there is no place for the result")
  const pages = memory.buffer.byteLength / pageBytes
  const { alloc, validate_block } = exports as {
    readonly alloc?: unknown
    readonly validate_block: (at: number, length: number) => bigint
  }
  if (typeof alloc !== "function" && pages + Math.ceil(input.length / pageBytes) > task.maxPages)
    return ending("OutOfMemory", `stopped with ${pages} of at most ${task.maxPages} pages`)
  const at = place(memory, alloc, input.length)
  if (at + input.length > memory.buffer.byteLength)
    return ending("BadReturn", "its allocator gave a place outside of its memory")
  new Uint8Array(memory.buffer).set(input, at)
  return read(memory, validate_block(at, input.length), task.maxOutputBytes)
}

/** Executes in an instance of its own. The body of an `Output` lies in the function's memory, whose size is told, too. */
export const execute = (module: WebAssembly.Module, task: Execute, input: Uint8Array): Ending => {
  let held: Held = {}
  let ended: Ending
  try {
    held = instantiate(module, task.memory)
    ended = run(held, task, input)
  } catch (error) {
    ended = explain(error, task.maxPages, held)
  }
  return { ...ended, heldBytes: pagesOf(held) * pageBytes }
}
