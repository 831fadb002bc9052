/** Numbers, texts and bytes in JSON. */
import { Fault } from "../codec/CodecError.ts"
import { parseHex, isHex, toHex } from "../codec/Hex.ts"
import type { UInt } from "../layout/Layout.ts"
import { type JsonForm, malformed } from "./Form.ts"

/** An integer: as a number, as decimal text, or as hex. */
export const integer = ({ bits: width, form, json: printed }: UInt): JsonForm => {
  const limit = (1n << BigInt(width)) - 1n
  const safe = width >= 53 ? Number.MAX_SAFE_INTEGER : Number(limit)
  const expected =
    printed === "number"
      ? `an integer from 0 to ${form === "number" ? safe : limit}`
      : printed === "text"
        ? "an integer as decimal text"
        : "an integer as 0x-prefixed hex without leading zeros"
  const exact = (json: unknown): bigint | number => {
    if (printed === "number") {
      if (typeof json === "number" && Number.isSafeInteger(json)) return json
      if (typeof json === "bigint") return json
    } else if (typeof json === "string") {
      const text = printed === "text" || form === "decimal"
      if (text && /^(0|[1-9][0-9]{0,77})$/.test(json)) return BigInt(json)
      const quantity = printed === "quantity" || form === "decimal"
      if (quantity && /^0[xX](0|[1-9a-fA-F][0-9a-fA-F]{0,63})$/.test(json)) return BigInt(json)
    }
    throw malformed(expected)
  }
  const print = (value: bigint | number): unknown => {
    if (printed === "number") return Number.isSafeInteger(Number(value)) ? Number(value) : value
    return printed === "text" ? value.toString() : `0x${value.toString(16)}`
  }
  return {
    read: (json) => {
      const value = exact(json)
      if (value < 0 || value > (form === "number" ? safe : limit)) throw new Fault("OutOfRange", expected)
      return form === "number" ? Number(value) : form === "bigint" ? BigInt(value) : value.toString()
    },
    write: (value) => {
      const number = form === "decimal" ? BigInt(value) : value
      const whole = typeof number === "bigint" || Number.isSafeInteger(number)
      if (!whole || number < 0 || number > (form === "number" ? safe : limit))
        throw new Fault("OutOfRange", expected)
      return print(number)
    }
  }
}

const same = (check: (json: unknown) => boolean, expected: string): JsonForm => {
  const pass = (json: unknown) => {
    if (!check(json)) throw malformed(expected)
    return json
  }
  return { read: pass, write: pass }
}

/** `true` or `false`. */
export const bool = same((json) => typeof json === "boolean", "true or false")
/** Text. */
export const text = same((json) => typeof json === "string", "text")
/** Bits as text of `0` and `1`. */
export const bits = same((json) => typeof json === "string" && /^[01]*$/.test(json), "text of 0 and 1")

/** One of some words. */
export const words = (all: ReadonlyArray<string>): JsonForm =>
  same((json) => typeof json === "string" && all.includes(json), `one of ${all.join(", ")}`)

/** So many bytes as hex; they are read in either case. */
export const fixedHex = (size: number): JsonForm => {
  const lower = new RegExp(`^0x[0-9a-f]{${size * 2}}$`)
  const form = same(
    (json) => typeof json === "string" && json.length === size * 2 + 2 && isHex(json),
    `${size} bytes as 0x-prefixed hex`
  )
  const isLower = (json: unknown) => typeof json === "string" && lower.test(json)
  return {
    read: (json) => (isLower(json) ? json : form.read(json).toLowerCase()),
    write: (value) => (isLower(value) ? value : form.write(value))
  }
}

/** Bytes as hex, that stay text. */
export const hexText: JsonForm = {
  read: (json) => {
    if (typeof json !== "string" || !isHex(json)) throw malformed("whole bytes as 0x-prefixed hex")
    return json.toLowerCase()
  },
  write: (value) => value
}

/** Bytes as hex. */
export const bytes: JsonForm = {
  read: (json) => parseHex(hexText.read(json)),
  write: (value) => toHex(value)
}
