/** Orders keys as unsigned bytes, shorter first. */
export const compareBytes = (left: Uint8Array, right: Uint8Array): number => {
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const difference = left[i]! - right[i]!
    if (difference !== 0) return difference
  }
  return left.length - right.length
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
