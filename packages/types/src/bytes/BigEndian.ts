/**
 * Big-endian words, as the OP family packs them.
 */

/** The low `size` bytes of an integer, the highest first. */
export const bigEndian = (value: bigint | number, size: number): Uint8Array => {
  const out = new Uint8Array(size)
  let rest = BigInt(value)
  for (let at = size - 1; at >= 0; at--) {
    out[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return out
}

/** The integer that bytes spell, the highest first. */
export const fromBigEndian = (bytes: Uint8Array, from = 0, to = bytes.length): bigint => {
  let value = 0n
  for (let at = from; at < to; at++) value = (value << 8n) | BigInt(bytes[at]!)
  return value
}

/** Whether all bytes of a range are zero. */
export const isZero = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false
  return true
}
