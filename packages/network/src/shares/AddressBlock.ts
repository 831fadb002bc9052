/**
 * The part of the internet that an address belongs to: who can take one address of a block can take them all.
 */

/** 16 groups of an IPv6 address as numbers, or nothing if it is none. */
const groupsOf = (address: string): ReadonlyArray<number> | undefined => {
  const [head = "", tail, ...more] = address.split("::")
  if (more.length > 0) return undefined
  const parse = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16))
  const [before, after] = [parse(head), tail === undefined ? [] : parse(tail)]
  const missing = 8 - before.length - after.length
  const groups =
    tail === undefined ? before : [...before, ...Array<number>(Math.max(0, missing)).fill(0), ...after]
  return groups.length === 8 && groups.every((group) => group >= 0 && group <= 0xffff) ? groups : undefined
}

const isV4 = (address: string): boolean => /^\d{1,3}(\.\d{1,3}){3}$/.test(address)

const v4Block = (address: string): string => `${address.split(".").slice(0, 3).join(".")}.0/24`

/**
 * The /24 of an IPv4 address, the /64 of an IPv6 address (of one that carries an IPv4 address, that one's /24); any other
 * text is a block of its own.
 */
export const addressBlock = (address: string): string => {
  if (isV4(address)) return v4Block(address)
  const lower = address.toLowerCase().replace(/%.*$/, "")
  const mapped = /^::(?:ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/.exec(lower)?.[1]
  if (mapped !== undefined) return v4Block(mapped)
  const groups = groupsOf(lower)
  if (groups === undefined) return address
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const [high, low] = [groups[6]!, groups[7]!]
    return v4Block([high >> 8, high & 0xff, low >> 8, low & 0xff].join("."))
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`
}
