/** Orders keys as unsigned bytes, shorter first. */
export const compareBytes = (left: Uint8Array, right: Uint8Array): number => {
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const difference = left[i]! - right[i]!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

/** Whether `bytes` begins with `prefix`. */
export const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean => {
  if (bytes.length < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false
  return true
}

/** The lowest key above every key that begins with `prefix`; nothing when there is none (`ff ff …`, or empty). */
export const afterPrefix = (prefix: Uint8Array): Uint8Array | undefined => {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  if (length === 0) return undefined
  const after = prefix.slice(0, length)
  after[length - 1]!++
  return after
}

/** Bytes as `0x` text, for messages and for keys that are printed. */
export const toHex = (bytes: Uint8Array): `0x${string}` => {
  let text = ""
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0")
  return `0x${text}`
}

/** The bytes of `0x` text, or nothing when it is not whole bytes of hex. */
export const fromHex = (text: string): Uint8Array | undefined => {
  if (!/^0x([0-9a-fA-F]{2})*$/.test(text)) return undefined
  const bytes = new Uint8Array((text.length - 2) / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 + i * 2, 4 + i * 2), 16)
  return bytes
}
