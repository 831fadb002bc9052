/**
 * Bounds the linear memory of a WebAssembly module before it is compiled.
 *
 * An engine lets a module grow its memory to the maximum the module declares, or to 4 GiB. So the limit is
 * written into the module: the declared maximum becomes the smaller of the two, and `memory.grow` beyond it is
 * refused by the engine itself.
 */
import { Data, Result } from "effect"

/** The module does not parse, or asks for a kind of memory that is not offered. */
export class UnsupportedModule extends Data.TaggedError("UnsupportedModule")<{ readonly why: string }> {
  override get message() {
    return `not a module this host can run: ${this.why}`
  }
}

/** The module needs more memory to start than it may have. */
export class MemoryTooLarge extends Data.TaggedError("MemoryTooLarge")<{
  readonly initialPages: number
  readonly maxPages: number
}> {
  override get message() {
    return `the module starts with ${this.initialPages} pages of memory, the limit is ${this.maxPages}`
  }
}

/** A memory the host must give to the module. Sizes are pages of 64 KiB. */
export interface ImportedMemory {
  readonly module: string
  readonly name: string
  readonly initialPages: number
  readonly maxPages: number
}

/** A module whose memory cannot outgrow the limit, which is the smaller of the host's and its own. */
export interface BoundedModule {
  readonly code: Uint8Array<ArrayBuffer>
  readonly maxPages: number
  readonly imported?: ImportedMemory
}

const textDecoder = new TextDecoder("utf-8", { fatal: true })
const fail = (why: string): never => {
  throw new UnsupportedModule({ why })
}

class Parser {
  readonly bytes: Uint8Array
  at: number
  readonly end: number
  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }
  byte(): number {
    return this.at < this.end ? this.bytes[this.at++]! : fail("it ends too early")
  }
  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value <= 0xffff_ffff ? value : fail("an integer is too large")
    }
    return fail("an integer is too long")
  }
  take(length: number): Uint8Array {
    if (length > this.end - this.at) fail("it ends too early")
    const start = this.at
    this.at += length
    return this.bytes.subarray(start, this.at)
  }
  name(): string {
    try {
      return textDecoder.decode(this.take(this.u32()))
    } catch (error) {
      return error instanceof UnsupportedModule ? fail(error.why) : fail("a name is not UTF-8")
    }
  }
}

const leb = (value: number): Array<number> => {
  const out: Array<number> = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    out.push(rest > 0 ? low + 128 : low)
  } while (rest > 0)
  return out
}

interface Limits {
  readonly initialPages: number
  readonly maxPages: number
}

const readLimits = (parser: Parser, maxPages: number): Limits => {
  const flags = parser.byte()
  if (flags > 1) fail("shared and 64-bit memories are not offered")
  const initialPages = parser.u32()
  const declared = flags === 1 ? parser.u32() : maxPages
  if (initialPages > maxPages) throw new MemoryTooLarge({ initialPages, maxPages })
  return { initialPages, maxPages: Math.min(declared, maxPages) }
}

const limitBytes = (limits: Limits): Array<number> => [
  1,
  ...leb(limits.initialPages),
  ...leb(limits.maxPages)
]

const readImports = (parser: Parser, maxPages: number) => {
  const out: Array<number> = []
  let imported: ImportedMemory | undefined
  const count = parser.u32()
  for (let i = 0; i < count; i++) {
    const start = parser.at
    const module = parser.name()
    const name = parser.name()
    const kind = parser.byte()
    if (kind !== 2) fail(`it imports ${module}.${name}, and nothing but a memory is offered`)
    if (imported !== undefined) fail("it has more than one memory")
    for (let at = start; at < parser.at; at++) out.push(parser.bytes[at]!)
    const limits = readLimits(parser, maxPages)
    imported = { module, name, ...limits }
    out.push(...limitBytes(limits))
  }
  return { bytes: Uint8Array.from([...leb(count), ...out]), imported }
}

const readMemories = (parser: Parser, maxPages: number) => {
  const count = parser.u32()
  if (count > 1) fail("it has more than one memory")
  const limits = count === 1 ? readLimits(parser, maxPages) : undefined
  return {
    bytes: Uint8Array.from([...leb(count), ...(limits === undefined ? [] : limitBytes(limits))]),
    limits
  }
}

const boundOrThrow = (code: Uint8Array, maxPages: number): BoundedModule => {
  const parser = new Parser(code, 0, code.length)
  const header = parser.take(8)
  if (new DataView(header.buffer, header.byteOffset).getBigUint64(0) !== 0x0061736d_01000000n) {
    fail("it does not start with the WebAssembly header")
  }
  const parts: Array<Uint8Array> = [header]
  let imported: ImportedMemory | undefined
  let effectivePages = maxPages
  while (parser.at < parser.end) {
    const start = parser.at
    const section = parser.byte()
    const content = parser.take(parser.u32())
    if (section !== 2 && section !== 5) {
      parts.push(code.subarray(start, parser.at))
      continue
    }
    const inner = new Parser(content, 0, content.length)
    let body: Uint8Array
    if (section === 2) {
      const imports = readImports(inner, maxPages)
      imported = imports.imported
      effectivePages = imported?.maxPages ?? effectivePages
      body = imports.bytes
    } else {
      const own = readMemories(inner, maxPages)
      if (imported !== undefined && own.limits !== undefined) fail("it has more than one memory")
      effectivePages = own.limits?.maxPages ?? effectivePages
      body = own.bytes
    }
    if (inner.at !== inner.end) fail("a section has bytes behind its end")
    parts.push(Uint8Array.from([section, ...leb(body.length)]), body)
  }
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return { code: out, maxPages: effectivePages, ...(imported === undefined ? {} : { imported }) }
}

/** The same module with its memory bounded by `maxPages`, or why it cannot be run at all. */
export const bound = (
  code: Uint8Array,
  maxPages: number
): Result.Result<BoundedModule, UnsupportedModule | MemoryTooLarge> => {
  try {
    return Result.succeed(boundOrThrow(code, maxPages))
  } catch (error) {
    if (error instanceof UnsupportedModule || error instanceof MemoryTooLarge) return Result.fail(error)
    throw error
  }
}
