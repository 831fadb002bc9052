/**
 * JSON text whose numbers are not rounded, at a cost that does not depend on what the text holds: a reviver would be
 * called for every value of a text for the sake of one number.
 */

/** Characters for private use: one that a text does not hold marks the numbers that were put aside. */
const privateFirst = 0xe000
const privateLast = 0xf8ff

const quote = 0x22
const backslash = 0x5c
const minus = 0x2d
const isDigit = (code: number) => code >= 0x30 && code <= 0x39
const isOfNumber = (code: number) =>
  isDigit(code) || code === minus || code === 0x2b || code === 0x2e || code === 0x65 || code === 0x45
const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

const numberToken = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

interface Scan {
  /** Where the numbers begin and end that are put aside. */
  readonly found: ReadonlyArray<readonly [from: number, to: number]>
  /** Characters for private use that the text holds, written out or escaped. */
  readonly used: ReadonlySet<number>
}

/** One look at each character. Text that is no JSON gives anything: whoever parses it then will see. */
const scan = (text: string, isAside: (token: string) => boolean, most: number): Scan => {
  const found: Array<readonly [number, number]> = []
  const used = new Set<number>()
  const { length } = text
  let at = 0
  const skipText = () => {
    for (at++; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code === quote) break
      if (code >= privateFirst && code <= privateLast) used.add(code)
      if (code !== backslash) continue
      at++
      if (text[at] === "u") used.add(Number.parseInt(text.slice(at + 1, at + 5), 16))
    }
    at++
  }
  while (at < length) {
    const code = text.charCodeAt(at)
    if (code === quote) skipText()
    else if (code === minus || isDigit(code)) {
      const from = at
      while (at < length && isOfNumber(text.charCodeAt(at))) at++
      const token = text.slice(from, at)
      if (!isAside(token) || !numberToken.test(token)) continue
      let next = at
      while (next < length && isSpace(text.charCodeAt(next))) next++
      // A number in the place of a key is no JSON, and must not become any.
      if (text[next] !== ":") found.push([from, at])
      if (found.length > most) throw new SyntaxError(`more than ${most} numbers that are not exact`)
    } else at++
  }
  return { found, used }
}

const unusedMark = (used: ReadonlySet<number>): string => {
  for (let code = privateFirst; code <= privateLast; code++) {
    if (!used.has(code)) return String.fromCharCode(code)
  }
  throw new SyntaxError("a text that holds every character for private use and wide numbers")
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Puts `exact` of the digits in the place of every marked text. Without recursion: texts may be nested deeply. */
const restore = (root: unknown, mark: string, exact: (token: string) => unknown): unknown => {
  const restored = (value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? exact(value.slice(1)) : value
  const open: Array<object> = isObject(root) ? [root] : []
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (Array.isArray(node)) {
      for (let i = 0; i < node.length; i++) {
        const value: unknown = node[i]
        if (isObject(value)) open.push(value)
        else if (typeof value === "string") node[i] = restored(value)
      }
      continue
    }
    const record = node as Record<string, unknown>
    for (const key of Object.keys(record)) {
      const value = record[key]
      if (isObject(value)) open.push(value)
      else if (typeof value === "string" && value.startsWith(mark))
        Object.defineProperty(record, key, { value: restored(value), enumerable: true })
    }
  }
  return restored(root)
}

/**
 * JSON text to a value, with `exact` of its digits in the place of each number that `isAside` picks by its token. The
 * cost is linear in the length of the text. Throws `SyntaxError`, also for more than `most` such numbers.
 */
export const parseNumbers = (
  text: string,
  isAside: (token: string) => boolean,
  exact: (token: string) => unknown,
  most = Number.POSITIVE_INFINITY
): unknown => {
  const { found, used } = scan(text, isAside, most)
  if (found.length === 0) return JSON.parse(text)
  const mark = unusedMark(used)
  const parts: Array<string> = []
  let last = 0
  for (const [from, to] of found) {
    parts.push(text.slice(last, from), `"${mark}${text.slice(from, to)}"`)
    last = to
  }
  parts.push(text.slice(last))
  return restore(JSON.parse(parts.join("")), mark, exact)
}
