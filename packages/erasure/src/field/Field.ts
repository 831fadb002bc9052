/**
 * The field GF(2^16) in Cantor's basis, as logarithms and powers: addition is XOR, multiplication adds logarithms. The tables
 * are made at the first use.
 */

/** Elements of the field. */
export const fieldSize = 65_536

/** The order of the multiplicative group; as a logarithm, that of zero. */
export const order = fieldSize - 1

/** x^16 + x^5 + x^3 + x^2 + 1, without its highest term. */
const generator = 0x2d

/** Each element's square is the element before it plus itself. */
const cantorBasis = [
  1, 44_234, 15_374, 5694, 50_562, 60_718, 37_196, 16_402, 27_800, 4312, 27_250, 47_360, 64_952, 64_308,
  65_336, 39_198
]

/** Logarithms of all elements, that of zero being `order`, and the elements of all logarithms. */
export interface Tables {
  readonly log: Uint16Array
  readonly exp: Uint16Array
}

const make = (): Tables => {
  const discrete = new Uint16Array(fieldSize)
  for (let power = 0, state = 1; power < order; power++) {
    discrete[state] = power
    state = state >> 15 === 0 ? state << 1 : ((state & 0x7fff) << 1) ^ generator
  }
  discrete[0] = order
  const inBasis = new Uint16Array(fieldSize)
  for (let i = 0; i < 16; i++) {
    for (let j = 0; j < 1 << i; j++) inBasis[j + (1 << i)] = inBasis[j]! ^ cantorBasis[i]!
  }
  const log = inBasis.map((element) => discrete[element]!)
  const exp = new Uint16Array(fieldSize)
  for (let i = 0; i < fieldSize; i++) exp[log[i]!] = i
  exp[order] = exp[0]!
  return { log, exp }
}

let tables: Tables | undefined

/** The tables. */
export const field = (): Tables => (tables ??= make())

/** The sum of two logarithms, as a logarithm; `order` and 0 are the same. */
export const addLogs = (a: number, b: number): number => {
  const sum = a + b
  return (sum & order) + (sum >> 16)
}

/** An element times the one with this logarithm. */
export const multiply = ({ exp, log }: Tables, element: number, byLog: number): number =>
  element === 0 ? 0 : exp[addLogs(log[element]!, byLog)]!
