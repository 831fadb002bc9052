import type { Entry, IterateOptions, Write } from "../Store.ts"
import { afterPrefix, compareBytes } from "../keys/ByteOrder.ts"

/** Entries in one array sorted by key: a batch or an iteration is one synchronous step, hence atomic. */
export const memoryStore = () => {
  let entries: Array<Entry> = []
  let closed = false

  /** Position of the first entry whose key is not below `key`. */
  const position = (key: Uint8Array): number => {
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareBytes(entries[middle]!.key, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
  const isAt = (at: number, key: Uint8Array) =>
    at < entries.length && compareBytes(entries[at]!.key, key) === 0
  const copy = ({ key, value }: Entry): Entry => ({ key: key.slice(), value: value.slice() })

  return {
    close: () => {
      closed = true
      entries = []
    },
    closed: () => closed,
    get: (key: Uint8Array): Uint8Array | undefined => {
      const at = position(key)
      return isAt(at, key) ? entries[at]!.value.slice() : undefined
    },
    batch: (writes: ReadonlyArray<Write>): void => {
      for (const write of writes) {
        const at = position(write.key)
        const present = isAt(at, write.key) ? 1 : 0
        if (write._tag === "Delete") entries.splice(at, present)
        else entries.splice(at, present, copy(write))
      }
    },
    range: (prefix: Uint8Array, options: IterateOptions = {}): Iterable<Entry> => {
      const { from, limit, reverse = false } = options
      const after = afterPrefix(prefix)
      let low = position(prefix)
      let high = after === undefined ? entries.length : position(after)
      if (from !== undefined && reverse)
        high = Math.min(high, position(from) + (isAt(position(from), from) ? 1 : 0))
      if (from !== undefined && !reverse) low = Math.max(low, position(from))
      const view = low < high ? entries.slice(low, high) : []
      if (reverse) view.reverse()
      return {
        *[Symbol.iterator]() {
          for (const entry of view.slice(0, limit)) yield copy(entry)
        }
      }
    }
  }
}
