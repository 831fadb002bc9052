/**
 * Bounds the linear memory of a WebAssembly module before it is compiled.
 *
 * An engine lets a module grow its memory to the maximum the module declares, or to 4 GiB. So the limit is
 * written into the module: the declared maximum becomes the smaller of the two, and `memory.grow` beyond it is
 * refused by the engine itself.
 */
import { leb, refuse, WasmRefusal, type WasmReader } from "./validation/WasmReader.ts"

/** The module needs more memory to start than it may have. */
export class MemoryTooLarge extends WasmRefusal {
  override readonly name = "MemoryTooLarge"
  constructor(initialPages: number, maxPages: number) {
    super(`the module starts with ${initialPages} pages of memory, the limit is ${maxPages}`)
  }
}

/** Sizes of a memory in pages of 64 KiB. */
export interface MemoryLimits {
  readonly initialPages: number
  readonly maxPages: number
}

/** A memory the host must give to the module. */
export interface ImportedMemory extends MemoryLimits {
  readonly module: string
  readonly name: string
}

/** Reads the limits of a memory; the maximum is the smaller of its own and the host's. Throws `WasmRefusal`. */
export const readLimits = (reader: WasmReader, maxPages: number): MemoryLimits => {
  if (reader.byte() > 1) refuse("shared and 64-bit memories are not offered")
  const declared = reader.bytes[reader.at - 1] === 1
  const initialPages = reader.u32()
  const own = declared ? reader.u32() : maxPages
  if (initialPages > maxPages) throw new MemoryTooLarge(initialPages, maxPages)
  return { initialPages, maxPages: Math.min(own, maxPages) }
}

/** The limits as they are written into the module. */
export const limitBytes = ({ initialPages, maxPages }: MemoryLimits): ReadonlyArray<number> => [
  1,
  ...leb(initialPages),
  ...leb(maxPages)
]
