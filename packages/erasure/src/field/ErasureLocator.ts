/**
 * The erasure locator: the polynomial whose roots are the positions of what is missing, at all positions. As logarithms it is
 * the convolution, over XOR, of what is missing with the logarithms of the field, and so two Walsh transforms.
 */
import { addLogs, field, order } from "./Field.ts"

/** The fast Walsh transform modulo `order`, in place. */
const walsh = (logs: Uint16Array): void => {
  for (let half = 1; half < logs.length; half <<= 1) {
    for (let j = 0; j < logs.length; j += half << 1) {
      for (let i = j; i < j + half; i++) {
        const a = logs[i]!
        const b = logs[i + half]!
        logs[i] = addLogs(a, b)
        logs[i + half] = addLogs(a, order - b)
      }
    }
  }
}

/**
 * For each position, the logarithm of the locator; at a missing one that of the inverse of its derivative. `missing` has a
 * power of two of positions.
 */
export const erasureLocator = (missing: ReadonlyArray<boolean>): Uint16Array => {
  const size = missing.length
  const locator = Uint16Array.from(missing, Number)
  const logs = field().log.slice(0, size)
  logs[0] = 0
  walsh(locator)
  walsh(logs)
  // Both ways and back multiply by the size, which is undone here: 65,536 is 1 modulo the order.
  const scale = 65_536 / size
  for (let i = 0; i < size; i++) locator[i] = (((locator[i]! * logs[i]!) % order) * scale) % order
  walsh(locator)
  for (let i = 0; i < size; i++) if (missing[i] === true) locator[i] = order - locator[i]!
  return locator
}
