/**
 * The additive fast Fourier transform in the novel polynomial basis (Lin, Chung, Han: FOCS 2014, arXiv:1404.3458), over many
 * words at once: what is transformed is rows, and each column is a word of its own.
 */
import { addLogs, field, multiply, order, type Tables } from "./Field.ts"

/** Rows of field elements, one after the other in one array. */
export interface Rows {
  readonly values: Uint16Array
  /** Elements of a row. */
  readonly width: number
}

/** The logarithm of each twiddle factor; `order` stands for the factor zero. */
const makeSkews = (tables: Tables): Uint16Array => {
  const base = Array.from({ length: 15 }, (_, i) => 1 << (i + 1))
  const skews = new Uint16Array(order)
  for (let m = 0; m < 15; m++) {
    const first = (1 << m) - 1
    skews[first] = 0
    for (let i = m; i < 15; i++) {
      const half = 1 << (i + 1)
      for (let j = first; j < half; j += 1 << (m + 1)) skews[j + half] = skews[j]! ^ base[i]!
    }
    const norm = multiply(tables, base[m]!, tables.log[base[m]! ^ 1]!)
    const inverse = order - tables.log[norm]!
    for (let i = m + 1; i < 15; i++) {
      const by = addLogs(tables.log[base[i]! ^ 1]!, inverse) % order
      base[i] = multiply(tables, base[i]!, by)
    }
  }
  // The logarithm of zero is kept apart from that of one.
  return skews.map((skew) => tables.log[skew]!)
}

let skewLogs: Uint16Array | undefined
const skews = (): Uint16Array => (skewLogs ??= makeSkews(field()))

const addRows = ({ values, width }: Rows, to: number, from: number, count: number) => {
  const distance = (from - to) * width
  const end = (to + count) * width
  for (let i = to * width; i < end; i++) values[i]! ^= values[i + distance]!
}

const nibbles = new Uint16Array(64)

/** What each nibble of an element becomes when it is multiplied: four look-ups in a small table instead of two in large ones. */
const prepare = (tables: Tables, byLog: number): Uint16Array => {
  for (let shift = 0; shift < 16; shift += 4) {
    const at = shift * 4
    for (let bit = 0; bit < 4; bit++) {
      const product = multiply(tables, 1 << (shift + bit), byLog)
      for (let low = 0; low < 1 << bit; low++) nibbles[at + (1 << bit) + low] = nibbles[at + low]! ^ product
    }
  }
  return nibbles
}

/** An element times the factor that was prepared. */
const times = (products: Uint16Array, element: number): number =>
  products[element & 15]! ^
  products[16 + ((element >> 4) & 15)]! ^
  products[32 + ((element >> 8) & 15)]! ^
  products[48 + (element >> 12)]!

/** Adds rows times a factor to others. */
const addMultiple = (tables: Tables, rows: Rows, to: number, from: number, count: number, byLog: number) => {
  const { values, width } = rows
  const distance = (from - to) * width
  const end = (to + count) * width
  const products = prepare(tables, byLog)
  for (let i = to * width; i < end; i++) {
    values[i]! ^= times(products, values[i + distance]!)
  }
}

/** Multiplies one row. */
export const scaleRow = ({ values, width }: Rows, row: number, byLog: number): void => {
  const products = prepare(field(), byLog)
  for (let i = row * width; i < (row + 1) * width; i++) values[i] = times(products, values[i]!)
}

/**
 * From values at the points from `point` on to coefficients, in place: the rows from `first` on, as many as `size`, a power of
 * two.
 */
export const inverse = (rows: Rows, first: number, size: number, point: number): void => {
  const tables = field()
  const factors = skews()
  for (let half = 1; half < size; half <<= 1) {
    for (let j = half; j < size; j += half << 1) {
      const low = first + j - half
      addRows(rows, low + half, low, half)
      const skew = factors[j + point - 1]!
      if (skew !== order) addMultiple(tables, rows, low, low + half, half, skew)
    }
  }
}

/** From coefficients to values, the inverse of `inverse`. */
export const forward = (rows: Rows, first: number, size: number, point: number): void => {
  const tables = field()
  const factors = skews()
  for (let half = size >> 1; half > 0; half >>= 1) {
    for (let j = half; j < size; j += half << 1) {
      const low = first + j - half
      const skew = factors[j + point - 1]!
      if (skew !== order) addMultiple(tables, rows, low, low + half, half, skew)
      addRows(rows, low + half, low, half)
    }
  }
}

/** The formal derivative of the polynomial whose coefficients are the rows. */
export const differentiate = (rows: Rows, size: number): void => {
  for (let i = 1; i < size; i++) {
    const length = i & -i
    addRows(rows, i - length, i, length)
  }
}
