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
const { Buffer } = globalThis as { readonly Buffer?: { readonly prototype: { readonly hexSlice?: Printer } } }
const native = Buffer?.prototype.hexSlice
const digits: (bytes: Uint8Array, from: number, to: number) => string =
  native === undefined ? digitsByTable : (bytes, from, to) => native.call(bytes, from, to)

/** The bytes from `from` up to `to` (default: all of them) as `0x` text. */
export const toHex = (bytes: Uint8Array, from = 0, to = bytes.length): `0x${string}` =>
  `0x${digits(bytes, from, to)}`

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
