/**
 * The instructions a validation function may have: those of the first version of WebAssembly, sign extension and
 * bulk memory. What Polkadot's executor takes; everything else is refused by name.
 */

/** What follows the opcode. */
export type Immediate =
  | "none"
  | "block"
  | "index"
  | "table"
  | "memory"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "zero"

/** How an instruction is written and what it does to the height of the operand stack. */
export interface Instruction {
  readonly immediate: Immediate
  readonly pops: number
  readonly pushes: number
  /** The result is a float that may be a NaN whose bits the processor chooses. */
  readonly nan?: "f32" | "f64"
}

const table: Array<Instruction | undefined> = Array.from({ length: 256 })
const define = (first: number, last: number, immediate: Immediate, pops: number, pushes: number) => {
  for (let opcode = first; opcode <= last; opcode++) table[opcode] = { immediate, pops, pushes }
}
// Control instructions change more than the height; their heights are kept by `WasmFunction`.
define(0x00, 0x01, "none", 0, 0)
define(0x02, 0x03, "block", 0, 0)
define(0x04, 0x04, "block", 1, 0)
define(0x05, 0x05, "none", 0, 0)
define(0x0b, 0x0b, "none", 0, 0)
define(0x0c, 0x0c, "index", 0, 0)
define(0x0d, 0x0d, "index", 1, 0)
define(0x0e, 0x0e, "table", 1, 0)
define(0x0f, 0x0f, "none", 0, 0)
define(0x10, 0x10, "index", 0, 0)
define(0x11, 0x11, "index", 1, 0)
define(0x1a, 0x1a, "none", 1, 0)
define(0x1b, 0x1b, "none", 3, 1)
define(0x20, 0x20, "index", 0, 1)
define(0x21, 0x21, "index", 1, 0)
define(0x22, 0x22, "index", 1, 1)
define(0x23, 0x23, "index", 0, 1)
define(0x24, 0x24, "index", 1, 0)
define(0x28, 0x35, "memory", 1, 1)
define(0x36, 0x3e, "memory", 2, 0)
define(0x3f, 0x3f, "zero", 0, 1)
define(0x40, 0x40, "zero", 1, 1)
define(0x41, 0x41, "i32", 0, 1)
define(0x42, 0x42, "i64", 0, 1)
define(0x43, 0x43, "f32", 0, 1)
define(0x44, 0x44, "f64", 0, 1)
// Tests, comparisons, arithmetic and conversions: two operands where nothing else is said.
define(0x45, 0xa6, "none", 2, 1)
for (const [first, last] of [
  [0x45, 0x45],
  [0x50, 0x50],
  [0x67, 0x69],
  [0x79, 0x7b],
  [0x8b, 0x91],
  [0x99, 0x9f],
  [0xa7, 0xc4]
] as const) {
  define(first, last, "none", 1, 1)
}
// Absolute value, negation and the copied sign are bit operations: they make no NaN of their own.
const floats = (nan: "f32" | "f64", ...opcodes: ReadonlyArray<number>) => {
  for (const opcode of opcodes) table[opcode] = { ...table[opcode]!, nan }
}
floats("f32", 0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0xb6)
floats("f64", 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xbb)

/** The instruction of an opcode of one byte, or `undefined`. */
export const instruction = (opcode: number): Instruction | undefined => table[opcode]

/** The bulk memory instructions behind the prefix 0xfc: how many indices follow; all pop three or nothing. */
export const bulk: ReadonlyMap<number, { readonly indices: number; readonly pops: number }> = new Map([
  [8, { indices: 2, pops: 3 }], // memory.init
  [9, { indices: 1, pops: 0 }], // data.drop
  [10, { indices: 2, pops: 3 }], // memory.copy
  [11, { indices: 1, pops: 3 }], // memory.fill
  [12, { indices: 2, pops: 3 }], // table.init
  [13, { indices: 1, pops: 0 }], // elem.drop
  [14, { indices: 2, pops: 3 }] // table.copy
])

/** What an opcode that is not offered belongs to. */
export const featureOf = (opcode: number): string => {
  if (opcode === 0x12 || opcode === 0x13 || opcode === 0x15) return "tail calls"
  if ((opcode >= 0x06 && opcode <= 0x0a) || opcode === 0x18 || opcode === 0x19 || opcode === 0x1f)
    return "exceptions"
  if (opcode === 0x14 || (opcode >= 0xd3 && opcode <= 0xd6)) return "typed function references"
  if (opcode === 0x1c || opcode === 0x25 || opcode === 0x26 || (opcode >= 0xd0 && opcode <= 0xd2))
    return "reference types"
  if (opcode === 0xfb) return "garbage collection"
  if (opcode === 0xfc) return "saturating conversions and operations of reference types"
  if (opcode === 0xfd) return "SIMD"
  if (opcode === 0xfe) return "threads and atomics"
  return "no known feature"
}
