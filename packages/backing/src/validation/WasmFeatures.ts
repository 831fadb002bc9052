/**
 * What a validation function may consist of: the sections of the first version of WebAssembly, and the count of
 * data segments that bulk memory brought. Everything else is refused before an engine sees the module.
 *
 * The parts that are rewritten are read; the others are checked and kept as they are.
 */
import * as WasmMemory from "../WasmMemory.ts"
import type { FunctionType } from "./WasmFunction.ts"
import { leb, refuse, WasmReader } from "./WasmReader.ts"

/** Bounds of a module. What a function may take of its host beside linear memory is bounded here. */
export interface WasmLimits {
  /** Pages of 64 KiB of linear memory. */
  readonly maxMemoryPages: number
  /** Entries of its table, of which there is one at most. */
  readonly maxTableEntries: number
  /** Function types. */
  readonly maxTypes: number
  /** Functions. */
  readonly maxFunctions: number
  /** Entries of all its element segments. */
  readonly maxElements: number
  /** Blocks within blocks. */
  readonly maxNesting: number
  /** Parameters, locals and operands of one function. */
  readonly maxFrameValues: number
  /** The same, of all functions that wait for another one to return. */
  readonly maxStackValues: number
}

/** Defaults of `WasmLimits`. Memory and stack are those of Polkadot's executor. */
export const defaults: WasmLimits = {
  maxMemoryPages: 2080,
  maxTableEntries: 65_536,
  maxTypes: 16_384,
  maxFunctions: 65_536,
  maxElements: 65_536,
  maxNesting: 8192,
  maxFrameValues: 8192,
  maxStackValues: 65_536
}

/** A checked module: its sections by number, and what rewriting must know of them. */
export interface WasmModule {
  readonly sections: ReadonlyMap<number, Uint8Array>
  readonly types: ReadonlyArray<FunctionType>
  readonly functions: ReadonlyArray<number>
  readonly globals: number
  /** Functions and the memory that the host uses, by name: their kind and index. */
  readonly exports: ReadonlyMap<string, { readonly kind: number; readonly index: number }>
  readonly memory?: WasmMemory.MemoryLimits
  readonly imported?: WasmMemory.ImportedMemory
}

const order: ReadonlyArray<number> = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11]
const exportsUsed: ReadonlySet<string> = new Set(["validate_block", "alloc", "memory"])
const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/** Sections by number. Custom sections are for tools, and left out. */
const readSections = (code: Uint8Array): ReadonlyMap<number, Uint8Array> => {
  const reader = new WasmReader(code)
  if (!header.every((byte) => byte === reader.byte())) refuse("it does not start with the WebAssembly header")
  const sections = new Map<number, Uint8Array>()
  let last = -1
  while (reader.at < reader.end) {
    const id = reader.byte()
    const content = reader.take(reader.u32())
    if (id === 0) {
      new WasmReader(content).name()
      continue
    }
    const place = order.indexOf(id)
    if (place < 0)
      refuse(id === 13 ? "it uses exceptions (section 13)" : `it has a section ${id}, which is not offered`)
    if (place <= last) refuse(`section ${id} is not at its place`)
    last = place
    sections.set(id, content)
  }
  return sections
}

const readValueTypes = (reader: WasmReader, max: number): ReadonlyArray<number> => {
  const count = reader.count("parameters or results", max)
  return Array.from(reader.take(count), (type) =>
    type >= 0x7c && type <= 0x7f
      ? type
      : refuse(
          `it uses the type 0x${type.toString(16)}: SIMD, references and garbage collection are not offered`
        )
  )
}

const readType = (reader: WasmReader): FunctionType => {
  const form = reader.byte()
  if (form !== 0x60)
    refuse(`it has types that are not functions (0x${form.toString(16)}): garbage collection`)
  return { params: readValueTypes(reader, 1000), results: readValueTypes(reader, 1) }
}

/** Reads a list of items to the end of its section. */
const list = <A>(
  section: Uint8Array | undefined,
  what: string,
  max: number,
  item: (reader: WasmReader) => A
): Array<A> => {
  if (section === undefined) return []
  const reader = new WasmReader(section)
  const items = Array.from({ length: reader.count(what, max) }, () => item(reader))
  reader.done()
  return items
}

const readImport = (reader: WasmReader, limits: WasmLimits): WasmMemory.ImportedMemory => {
  const module = reader.name()
  const name = reader.name()
  if (reader.byte() !== 2) refuse(`it imports ${module}.${name}, and nothing but a memory is offered`)
  return { module, name, ...WasmMemory.readLimits(reader, limits.maxMemoryPages) }
}

const readTable = (reader: WasmReader, limits: WasmLimits) => {
  if (reader.byte() !== 0x70) refuse("it has a table of references: reference types")
  const flags = reader.byte()
  if (flags > 1) refuse("shared and 64-bit tables are not offered")
  const entries = reader.u32()
  // A table cannot grow without reference types, so that its maximum costs nothing.
  if (flags === 1) reader.u32()
  if (entries > limits.maxTableEntries)
    refuse(`its table has ${entries} entries, the limit is ${limits.maxTableEntries}`)
}

/** A constant and the end of its expression. Globals cannot be referred to, for none can be imported. */
const readConstant = (reader: WasmReader) => {
  const opcode = reader.byte()
  if (opcode === 0x41) reader.skipSigned(5)
  else if (opcode === 0x42) reader.skipSigned(10)
  else if (opcode === 0x43) reader.take(4)
  else if (opcode === 0x44) reader.take(8)
  else refuse(`it has an initial value that is not a constant (opcode 0x${opcode.toString(16)})`)
  if (reader.byte() !== 0x0b) refuse("it has an initial value that is calculated: extended constants")
}

const readGlobal = (reader: WasmReader) => {
  const type = reader.byte()
  if (type < 0x7c || type > 0x7f)
    refuse(`it has a global of the type 0x${type.toString(16)}, which is not offered`)
  if (reader.byte() > 1) refuse("shared globals are not offered")
  readConstant(reader)
}

const readExport = (reader: WasmReader) => {
  const name = reader.name()
  const kind = reader.byte()
  if (kind > 3) refuse(`it exports ${name}, which is no function, table, memory or global`)
  return { name, kind, index: reader.u32() }
}

/** How many functions an element segment names. */
const readElements = (reader: WasmReader): number => {
  const flags = reader.u32()
  if (flags > 2) refuse("it has element segments of references: reference types")
  if (flags === 2 && reader.u32() !== 0) refuse("it has more than one table")
  if (flags !== 1) readConstant(reader)
  if (flags !== 0 && reader.byte() !== 0) refuse("it has element segments of references: reference types")
  const count = reader.count("elements of a segment")
  for (let i = 0; i < count; i++) reader.u32()
  return count
}

const readData = (reader: WasmReader) => {
  const flags = reader.u32()
  if (flags > 2 || (flags === 2 && reader.u32() !== 0)) refuse("it has more than one memory")
  if (flags !== 1) readConstant(reader)
  reader.take(reader.u32())
}

/** Reads and checks everything but the bodies of functions. Throws `WasmRefusal`. */
export const readModule = (code: Uint8Array, limits: WasmLimits): WasmModule => {
  const sections = readSections(code)
  const any = Number.POSITIVE_INFINITY
  const types = list(sections.get(1), "types", limits.maxTypes, readType)
  const imports = list(sections.get(2), "imports", any, (reader) => readImport(reader, limits))
  const functions = list(sections.get(3), "functions", limits.maxFunctions, (reader) => reader.u32())
  const tables = list(sections.get(4), "tables", any, (reader) => readTable(reader, limits))
  const memories = list(sections.get(5), "memories", any, (reader) =>
    WasmMemory.readLimits(reader, limits.maxMemoryPages)
  )
  const globals = list(sections.get(6), "globals", any, readGlobal).length
  const named = list(sections.get(7), "exports", any, readExport)
  if (tables.length > 1) refuse("it has more than one table")
  if (imports.length + memories.length > 1) refuse("it has more than one memory")
  if (functions.some((type) => type >= types.length)) refuse("a function has an unknown type")
  const elements = list(sections.get(9), "element segments", any, readElements)
  const total = elements.reduce((sum, count) => sum + count, 0)
  if (total > limits.maxElements)
    refuse(`its segments have ${total} elements, the limit is ${limits.maxElements}`)
  list(sections.get(11), "data segments", any, readData)
  const memory = imports[0] ?? memories[0]
  const exports = new Map<string, { readonly kind: number; readonly index: number }>()
  for (const { name, kind, index } of named) if (exportsUsed.has(name)) exports.set(name, { kind, index })
  return {
    sections,
    types,
    functions,
    globals,
    exports,
    ...(memory === undefined ? {} : { memory }),
    ...(imports[0] === undefined ? {} : { imported: imports[0] })
  }
}

/** A section with its number and length. */
export const section = (id: number, content: Uint8Array): ReadonlyArray<Uint8Array> => [
  Uint8Array.from([id, ...leb(content.length)]),
  content
]

/** The order in which sections are written, and the header before them. */
export const layout = { header: Uint8Array.from(header), order }
