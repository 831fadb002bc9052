/**
 * Ways to damage bytes: what lines do to them, and what an attacker would try.
 */
type Random = () => number

const below = (random: Random, limit: number) => Math.floor(random() * limit)
const pick = <A>(random: Random, items: ReadonlyArray<A>): A => items[below(random, items.length)]!

const join = (...pieces: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat(pieces))

/** Counts that announce more than there is, in SCALE's compact form, in ULEB128, and as plain integers. */
const greedyCounts: ReadonlyArray<Uint8Array> = [
  [0xfc],
  [0xfe, 0xff, 0xff, 0xff],
  [0x03, 0xff, 0xff, 0xff, 0xff],
  [0x13, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x00],
  [0x01, 0x00],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
].map((bytes) => Uint8Array.from(bytes))

/** The count `n` in SCALE's compact form (four bytes), followed by `n` zeros: the most items for the fewest bytes. */
const hollow = (random: Random): Uint8Array => {
  const count = 16 + below(random, random() < 0.1 ? 60_000 : 1500)
  const scale = Buffer.alloc(4)
  scale.writeUInt32LE(((count << 2) | 2) >>> 0)
  const uleb = Uint8Array.of((count & 0x7f) | 0x80, ((count >> 7) & 0x7f) | 0x80, count >> 14)
  return join(random() < 0.5 ? scale : uleb, new Uint8Array(count + below(random, 40)))
}

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array

const replaceByte =
  (value: (old: number, random: Random) => number): Mutation =>
  (bytes, random) => {
    if (bytes.length === 0) return bytes
    const out = Uint8Array.from(bytes)
    const at = below(random, out.length)
    out[at] = value(out[at]!, random)
    return out
  }

const range = (bytes: Uint8Array, random: Random): readonly [from: number, to: number] => {
  const from = below(random, bytes.length + 1)
  return [from, from + below(random, Math.min(bytes.length - from, 64) + 1)]
}

const mutations: ReadonlyArray<Mutation> = [
  replaceByte((old, random) => old ^ (1 << below(random, 8))),
  replaceByte((_, random) => below(random, 256)),
  replaceByte((_, random) => pick(random, [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff])),
  replaceByte((old) => (old + 1) & 0xff),
  (bytes, random) => bytes.slice(0, below(random, bytes.length + 1)),
  (bytes, random) => join(bytes, bytes.subarray(0, 1 + below(random, 8))),
  (bytes, random) => {
    const [from, to] = range(bytes, random)
    return join(bytes.subarray(0, from), bytes.subarray(to))
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random)
    return join(bytes.subarray(0, to), bytes.subarray(from))
  },
  (bytes, random) => {
    const at = below(random, bytes.length + 1)
    const over = random() < 0.5 ? 1 : 0
    return join(bytes.subarray(0, at), pick(random, greedyCounts), bytes.subarray(at + over))
  },
  (bytes, random, other) => {
    const at = below(random, Math.min(bytes.length, other.length) + 1)
    return join(bytes.subarray(0, at), other.subarray(at))
  },
  (bytes, random) => {
    const at = random() < 0.3 ? 0 : below(random, Math.min(bytes.length, 400) + 1)
    return join(
      bytes.subarray(0, at),
      hollow(random),
      random() < 0.5 ? bytes.subarray(at) : new Uint8Array(0)
    )
  }
]

/** One to four damages to `bytes`; `other` is another value of the same type. */
export const mutate: Mutation = (bytes, random, other) => {
  let out = bytes
  for (let rounds = 1 + below(random, 4); rounds > 0; rounds--)
    out = pick(random, mutations)(out, random, other)
  return out
}

const jsonTokens = [
  "null",
  "{}",
  "[]",
  '"0x"',
  '"0x0g"',
  "-1",
  "1e400",
  "9007199254740993",
  "18446744073709551616",
  '"00"',
  "true",
  '{"__proto__":1}',
  '"\\ud800"'
]

/** Damages JSON text at a token, so that most of it still parses. */
export const mutateJson = (text: string, random: Random): string => {
  const tokens = [...text.matchAll(/"[^"]*"|-?[0-9]+|true|false|null|[[\]{}]/g)]
  if (tokens.length === 0 || random() < 0.2) {
    const bytes = mutate(new TextEncoder().encode(text), random, new Uint8Array(0))
    return new TextDecoder().decode(bytes)
  }
  const token = pick(random, tokens)
  const [found] = token
  const inside = found.length > 4 ? 2 + below(random, found.length - 3) : 0
  const swapped =
    random() < 0.5 || inside === 0
      ? pick(random, jsonTokens)
      : found.slice(0, inside) +
        pick(random, ["", "0", "F", "x", "00"]) +
        found.slice(inside + below(random, 2))
  return text.slice(0, token.index) + swapped + text.slice(token.index + found.length)
}
