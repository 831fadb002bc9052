/**
 * Hexadecimal text and bytes. Text is `0x` followed by lower-case digits; reading accepts both cases.
 */
import { Fault, toCodecError } from "./CodecError.ts"

// Not a nibble: its high bits survive in a sum of nibbles.
const notDigit = 0xff
const nibbles = new Uint8Array(256).fill(notDigit)
for (let digit = 0; digit < 16; digit++) {
  nibbles[digit.toString(16).charCodeAt(0)] = digit
  nibbles[digit.toString(16).toUpperCase().charCodeAt(0)] = digit
}
const bytesAsText = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))
let pairsAsText: ReadonlyArray<string> | undefined

/** Two bytes at a time halve the work; the table is 65 536 strings, so it waits for first use. */
const pairs = (): ReadonlyArray<string> =>
  (pairsAsText ??= Array.from({ length: 65_536 }, (_, pair) => pair.toString(16).padStart(4, "0")))

const print = (bytes: Uint8Array, from: number, to: number, table: ReadonlyArray<string>): string => {
  let text = ""
  for (let at = from; at < to; at += 2) text += table[(bytes[at]! << 8) | bytes[at + 1]!]
  return text
}

/** The digits of a range of bytes, by table: for engines without a printer of their own. */
export const digitsByTable = (bytes: Uint8Array, from: number, to: number): string => {
  const even = to - ((to - from) & 1)
  const text = print(bytes, from, even, pairsAsText ?? pairs())
  return even === to ? text : text + bytesAsText[bytes[even]!]
}

// Where there is a `Buffer` its printer takes any `Uint8Array`, is twice as fast and leaves no garbage. There
// is no such luck with its reader, which takes characters outside ASCII for digits.
type Printer = (this: Uint8Array, from: number, to: number) => string
interface Printers {
  readonly hexSlice?: Printer
  readonly latin1Slice?: Printer
}
const { Buffer } = globalThis as { readonly Buffer?: { readonly prototype: Printers } }
const native = Buffer?.prototype.hexSlice
/** The digits of a range of bytes, without `0x`. */
export const printDigits: (bytes: Uint8Array, from: number, to: number) => string =
  native === undefined ? digitsByTable : (bytes, from, to) => native.call(bytes, from, to)

/** The bytes from `from` up to `to` (default: all of them) as `0x` text. */
export const toHex = (bytes: Uint8Array, from = 0, to = bytes.length): `0x${string}` =>
  `0x${printDigits(bytes, from, to)}`

const ascii = new TextEncoder()
const characters = new Uint8Array(1024)

// Reading characters from bytes instead of from the text does not depend on how the engine holds the text,
// nor on what other packages did to `String.prototype`: either can make `charCodeAt` eight times slower.
const charactersOf = (text: string): Uint8Array | undefined => {
  if (text.length > characters.length) {
    const all = ascii.encode(text)
    return all.length === text.length ? all : undefined
  }
  return ascii.encodeInto(text, characters).written === text.length ? characters : undefined
}

// The loop stands alone: V8 compiles it while a long text runs, and code behind it would be compiled without
// having run.
const spell = (digits: Uint8Array, end: number, target: Uint8Array, from: number): number => {
  let bad = 0
  let at = from
  for (let i = 2; i < end; i += 2) {
    const high = nibbles[digits[i]!]!
    const low = nibbles[digits[i + 1]!]!
    bad |= high | low
    target[at++] = (high << 4) | low
  }
  return bad
}

/**
 * Writes the bytes that `text` spells (after its `0x`) to `target` from `at`, and returns the offset behind
 * them. `target` must have room for `(text.length - 2) / 2` bytes. Throws a `Fault` for anything that is not
 * whole bytes.
 */
export const writeHex = (text: string, target: Uint8Array, at: number): number => {
  const { length } = text
  const digits = charactersOf(text)
  if (length < 2 || length % 2 !== 0 || digits === undefined || digits[0] !== 48 || digits[1] !== 120) {
    throw new Fault("Malformed", "whole bytes as 0x-prefixed hex")
  }
  if (spell(digits, length, target, at) > 15) throw new Fault("Malformed", "hex digits after 0x")
  return at + (length - 2) / 2
}

// Several texts of hex are turned into characters at once, and two characters into a byte at once.
const run = new Uint8Array(4096)
const runPairs = new Uint16Array(run.buffer)
const notPair = 0x100
const pairOf = (text: string) => new Uint16Array(ascii.encode(text).buffer)[0]!
const prefix = pairOf("0x")

const makePairBytes = (): Uint16Array => {
  const table = new Uint16Array(65_536).fill(notPair)
  const digits = "0123456789abcdefABCDEF"
  for (const high of digits) {
    for (const low of digits) table[pairOf(high + low)] = Number.parseInt(high + low, 16)
  }
  return table
}

// A constant, and not made on first use: V8 folds what it knows of constants into the loop.
const pairBytes = makePairBytes()

/** How many characters `loadRun` takes. */
export const runLimit = run.length

/** Takes texts of `0x` hex, put together to `length` ASCII characters; false if they are anything else. */
export const loadRun = (text: string, length: number): boolean => {
  if (typeof text !== "string" || text.length !== length) return false
  return ascii.encodeInto(text, run).written === length
}

/**
 * Writes the `count` bytes that the text at character `2 * from` of the run spells. Anything but 0 says that
 * they are none.
 */
export const spellRun = (from: number, count: number, target: Uint8Array, at: number): number => {
  let bad = runPairs[from]! ^ prefix
  for (let i = 0; i < count; i++) {
    const byte = pairBytes[runPairs[from + 1 + i]!]!
    bad |= byte & notPair
    target[at + i] = byte
  }
  return bad
}

const byteBits = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(2).padStart(8, "0").split("").toReversed().join("")
)
const bitCharacters = ascii.encode(byteBits.join(""))
const latin1: Printer | undefined = Buffer?.prototype.latin1Slice

/** The `count` bits from byte `from`, lowest bit of each byte first, as `0` and `1`. */
export const printBits = (bytes: Uint8Array, from: number, count: number): string => {
  if (latin1 === undefined || count > run.length) return printBitsByTable(bytes, from, count)
  for (let at = 0, i = from; at < count; i++) {
    for (let digit = bytes[i]! * 8, end = digit + 8; digit < end; digit++) run[at++] = bitCharacters[digit]!
  }
  return latin1.call(run, 0, count)
}

/** As `printBits`, for engines without a printer of their own and for long texts. */
export const printBitsByTable = (bytes: Uint8Array, from: number, count: number): string => {
  let text = ""
  for (let i = from; (i - from) * 8 < count; i++) text += byteBits[bytes[i]!]
  return text.slice(0, count)
}

/** Writes the bits that `text` spells to `target` from byte `from`; false if it is not all `0` and `1`. */
export const spellBits = (text: string, target: Uint8Array, from: number): boolean => {
  const { length } = text
  const characters = charactersOf(text)
  if (characters === undefined) return false
  let bad = 0
  for (let i = 0, at = from; i < length; at++) {
    let byte = 0
    for (let bit = 0; bit < 8 && i < length; bit++) {
      const code = characters[i++]! ^ 48
      bad |= code
      byte |= code << bit
    }
    target[at] = byte
  }
  return bad < 2
}

/** The bytes that `0x` text spells. Throws a `Fault`, for layouts; everybody else takes `fromHex`. */
export const parseHex = (text: string): Uint8Array => {
  const bytes = new Uint8Array(Math.max(0, (text.length - 2) >> 1))
  writeHex(text, bytes, 0)
  return bytes
}

/**
 * The bytes that `0x` text spells. Throws `CodecError` for odd lengths, a missing `0x` or other characters.
 */
export const fromHex = (text: string): Uint8Array => {
  try {
    return parseHex(text)
  } catch (error) {
    throw toCodecError(error, "Hex", "decode")
  }
}

/** Whether `text` is `0x` followed by whole bytes, in either case. */
export const isHex = (text: string): boolean => /^0x([0-9a-fA-F]{2})*$/.test(text)
