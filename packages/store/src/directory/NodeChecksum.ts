/**
 * Records with a checksum: LMDB has none, so that a bit that turned on the disk would be read as if it had been written.
 * Behind each value stand 4 bytes, the CRC-32 of its key and itself (little-endian); it is checked whenever it is read.
 */
import { Array as Arr, Effect, Option, Stream } from "effect"
import { crc32 } from "node:zlib"
import { toHex } from "../keys/Hex.ts"
import { type Entry, type Service, StoreCorrupt, StoreError } from "../Store.ts"

const checksumBytes = 4

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** A value as it is stored. */
export const seal = (key: Uint8Array, value: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(value.length + checksumBytes)
  bytes.set(value)
  viewOf(bytes).setUint32(value.length, crc32(value, crc32(key)), true)
  return bytes
}

/** The value of a stored one, or nothing if its checksum is wrong. */
export const unseal = (key: Uint8Array, bytes: Uint8Array): Uint8Array | undefined => {
  const length = bytes.length - checksumBytes
  if (length < 0) return undefined
  const value = bytes.subarray(0, length)
  return crc32(value, crc32(key)) === viewOf(bytes).getUint32(length, true) ? value : undefined
}

/** A store whose records carry checksums, over one that keeps bytes. */
export const checksummed = (
  store: Service,
  path: string,
  onDamaged: Effect.Effect<void> = Effect.void
): Service => {
  const wrong = (operation: "get" | "iterate", key: Uint8Array) =>
    Effect.andThen(
      onDamaged,
      Effect.fail(
        new StoreError({
          operation,
          path,
          reason: new StoreCorrupt({ key: toHex(key), why: "its checksum is wrong" })
        })
      )
    )
  /** A chunk of entries; the first that is damaged fails them all. */
  const open = (entries: Arr.NonEmptyReadonlyArray<Entry>) =>
    Effect.suspend(() => {
      const opened = Arr.map(entries, ({ key, value }) => ({ key, value: unseal(key, value)! }))
      const damaged = opened.find(({ value }) => value === undefined)
      return damaged === undefined ? Effect.succeed(opened) : wrong("iterate", damaged.key)
    })
  return {
    get: (key) =>
      Effect.flatMap(store.get(key), (found) =>
        Option.match(found, {
          onNone: () => Effect.succeedNone,
          onSome: (bytes) => {
            const value = unseal(key, bytes)
            return value === undefined ? wrong("get", key) : Effect.succeedSome(value)
          }
        })
      ),
    batch: (writes) =>
      Effect.suspend(() =>
        store.batch(
          writes.map((write) =>
            write._tag === "Put" ? { ...write, value: seal(write.key, write.value) } : write
          )
        )
      ),
    iterate: (prefix, options) => Stream.mapArrayEffect(store.iterate(prefix, options), open)
  }
}
