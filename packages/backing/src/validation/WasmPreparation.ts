/**
 * Prepares a validation function: checks it against what is offered (`WasmFeatures`), rewrites its functions
 * (`WasmFunction`) and bounds its memory (`WasmMemory`), so that the result runs alike on every machine.
 *
 * Of its exports only those remain that the host uses; one more is added, which tells that the machine refused
 * memory the function may have.
 */
import * as WasmMemory from "../WasmMemory.ts"
import * as WasmFeatures from "./WasmFeatures.ts"
import { type FunctionContext, rewriteFunction } from "./WasmFunction.ts"
import { leb, refuse, signedLeb, WasmReader, WasmWriter } from "./WasmReader.ts"

/** Which rules made an artifact: part of the name of one that is kept on a disk. To be raised with every change. */
export const version = 1

/** The export that is 1 after the machine refused memory. It cannot be confused with an export of the function. */
export const machineFault = "machineFault"

/** A function that may be compiled and run. */
export interface PreparedCode {
  readonly code: Uint8Array<ArrayBuffer>
  /** Pages its memory may have: the smaller of its own and the host's limit; 0 without a memory. */
  readonly maxPages: number
  /** The memory that the host must give. */
  readonly imported?: WasmMemory.ImportedMemory
}

const text = (name: string) => {
  const bytes = new TextEncoder().encode(name)
  return [...leb(bytes.length), ...bytes]
}

/** A list with items added behind its end. */
const extended = (
  content: Uint8Array | undefined,
  items: ReadonlyArray<ReadonlyArray<number>>
): Uint8Array => {
  const reader = new WasmReader(content ?? Uint8Array.of(0))
  const out = new WasmWriter()
  out.add(leb(reader.u32() + items.length))
  out.add(reader.take(reader.end - reader.at))
  for (const item of items) out.add(item)
  return out.bytes
}

/**
 * `memory.grow` that sets the mark of a fault of the machine, and traps, if less than the limit is refused:
 * `size + more <= max` in 64 bits.
 */
const growBody = (maxPages: number, faultGlobal: number): ReadonlyArray<number> => {
  const body = [
    [1, 1, 0x7f],
    [0x20, 0, 0x40, 0, 0x22, 1, 0x41, 0x7f, 0x46, 0x04, 0x40],
    [0x3f, 0, 0xad, 0x20, 0, 0xad, 0x7c, 0x42, ...signedLeb(maxPages), 0x58, 0x04, 0x40],
    [0x41, 1, 0x24, ...leb(faultGlobal), 0x00, 0x0b, 0x0b],
    [0x20, 1, 0x0b]
  ].flat()
  return [...leb(body.length), ...body]
}

const rewriteBodies = (
  module: WasmFeatures.WasmModule,
  context: FunctionContext,
  added: ReadonlyArray<ReadonlyArray<number>>
): Uint8Array => {
  const reader = new WasmReader(module.sections.get(10) ?? Uint8Array.of(0))
  const count = reader.count("bodies")
  if (count !== module.functions.length)
    refuse(`it declares ${module.functions.length} functions and has ${count}`)
  const out = new WasmWriter()
  out.add(leb(count + added.length))
  for (const typeIndex of module.functions) {
    const body = rewriteFunction(context, module.types[typeIndex]!, reader.take(reader.u32()))
    out.add(leb(body.length))
    out.add(body)
  }
  reader.done()
  for (const body of added) out.add(body)
  return out.bytes
}

const signatures = {
  validate_block: { params: "7f,7f", results: "7e", text: "(i32, i32) -> i64" },
  alloc: { params: "7f", results: "7f", text: "(i32) -> i32" }
} as const
const hex = (types: ReadonlyArray<number>) => types.map((type) => type.toString(16)).join()

/** The functions that the host calls must be of the types it calls them with. */
const checkExports = ({ exports, functions, types }: WasmFeatures.WasmModule) => {
  if (exports.get("validate_block")?.kind !== 0) refuse("there is no exported function validate_block")
  for (const name of ["validate_block", "alloc"] as const) {
    const found = exports.get(name)
    if (found === undefined || found.kind !== 0) continue
    const type =
      types[functions[found.index] ?? -1] ?? refuse(`it exports a function ${name} that is not there`)
    const { params, results, text } = signatures[name]
    if (hex(type.params) !== params || hex(type.results) !== results) refuse(`${name} is not ${text}`)
  }
}

/** The code as it will be compiled. Throws `WasmRefusal`; whether the code is valid at all, the engine must say. */
export const prepare = (code: Uint8Array, limits: WasmFeatures.WasmLimits): PreparedCode => {
  const module = WasmFeatures.readModule(code, limits)
  checkExports(module)
  const { exports, functions, globals, imported, memory, sections, types } = module
  const [stackGlobal, faultGlobal, growFunction] = [globals, globals + 1, functions.length]
  const context: FunctionContext = { ...limits, types, functions, globals, stackGlobal, growFunction }
  const grow = memory === undefined ? [] : [growBody(memory.maxPages, faultGlobal)]
  const bodies = rewriteBodies(module, context, grow)
  const kept = [...exports].map(([name, { kind, index }]) => [...text(name), kind, ...leb(index)])
  const replaced = new Map<number, Uint8Array>([
    [1, memory === undefined ? sections.get(1)! : extended(sections.get(1), [[0x60, 1, 0x7f, 1, 0x7f]])],
    [3, memory === undefined ? sections.get(3)! : extended(sections.get(3), [leb(types.length)])],
    // Mutable numbers of 32 bits that start at 0.
    [
      6,
      extended(
        sections.get(6),
        [1, 2].map(() => [0x7f, 1, 0x41, 0, 0x0b])
      )
    ],
    [7, extended(undefined, [...kept, [...text(machineFault), 3, ...leb(faultGlobal)]])],
    [10, bodies]
  ])
  if (memory !== undefined && imported === undefined) {
    replaced.set(5, Uint8Array.from([1, ...WasmMemory.limitBytes(memory)]))
  }
  if (imported !== undefined) {
    const place = [...text(imported.module), ...text(imported.name), 2, ...WasmMemory.limitBytes(imported)]
    replaced.set(2, Uint8Array.from([1, ...place]))
  }
  const out = new WasmWriter()
  out.add(WasmFeatures.layout.header)
  for (const id of WasmFeatures.layout.order) {
    const content = replaced.get(id) ?? sections.get(id)
    if (content !== undefined) for (const part of WasmFeatures.section(id, content)) out.add(part)
  }
  return { code: out.bytes, maxPages: memory?.maxPages ?? 0, ...(imported === undefined ? {} : { imported }) }
}
