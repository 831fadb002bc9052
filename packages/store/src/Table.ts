/**
 * A typed view of a part of a `Store`: tuples of numbers, hashes and texts as keys, schemas as values.
 *
 * Keys are written so that their byte order is the order of their parts (numbers big-endian, texts closed by a zero
 * byte): iterating a prefix gives heights, sessions and indices in numeric order. Writes are plain `Store.Write`
 * values, so that one batch can span tables.
 */
import { Array as Arr, Effect, Option, Schema, Stream } from "effect"
import { fromHex, isHex, toHex } from "./keys/Hex.ts"
import { type Entry, type Service as Store, StoreCorrupt, StoreError, type Write } from "./Store.ts"

/** One part of a key: how it becomes bytes whose order is its order, and how it is read back. */
export interface Part<A> {
  readonly name: string
  readonly write: (value: A) => Uint8Array
  /** The value that begins at `at` and where it ends; throws a `RangeError` for bytes that are none. */
  readonly read: (bytes: Uint8Array, at: number) => readonly [value: A, end: number]
}

const take = (bytes: Uint8Array, at: number, size: number): DataView => {
  if (at + size > bytes.length) throw new RangeError(`the key ends ${at + size - bytes.length} bytes early`)
  return new DataView(bytes.buffer, bytes.byteOffset + at, size)
}

const checkNumber = (value: number, maximum: number): void => {
  if (!Number.isInteger(value) || value < 0 || value > maximum)
    throw new RangeError(`${value} is not an integer of 0 to ${maximum}`)
}

/** A number below 2^32, in 4 bytes. */
export const u32: Part<number> = {
  name: "u32",
  write: (value) => {
    checkNumber(value, 0xffff_ffff)
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value)
    return bytes
  },
  read: (bytes, at) => [take(bytes, at, 4).getUint32(0), at + 4]
}

/** A safe integer, in 8 bytes. */
export const u64: Part<number> = {
  name: "u64",
  write: (value) => {
    checkNumber(value, Number.MAX_SAFE_INTEGER)
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
    return bytes
  },
  read: (bytes, at) => {
    const value = take(bytes, at, 8).getBigUint64(0)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is above 2^53 - 1`)
    return [Number(value), at + 8]
  }
}

/** `0x` text of exactly `size` bytes. */
export const hex = (size: number): Part<`0x${string}`> => ({
  name: `hex(${size})`,
  write: (value) => {
    if (value.length !== 2 + 2 * size || !isHex(value)) {
      throw new RangeError(`${value} is not 0x text of ${size} bytes`)
    }
    return fromHex(value)
  },
  read: (bytes, at) => {
    take(bytes, at, size)
    return [toHex(bytes.subarray(at, at + size)), at + size]
  }
})

/** A 32-byte hash or key. */
export const hash: Part<`0x${string}`> = hex(32)

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

/** Text without zero bytes, closed by one: `"a"` comes before `"ab"`, and neither is a prefix of the other. */
export const text: Part<string> = {
  name: "text",
  write: (value) => {
    if (value.includes("\0")) throw new RangeError("text in a key may not contain a zero character")
    return encoder.encode(`${value}\0`)
  },
  read: (bytes, at) => {
    const end = bytes.indexOf(0, at)
    if (end < 0) throw new RangeError("text in the key is not closed")
    return [decoder.decode(bytes.subarray(at, end)), end + 1]
  }
}

/** How values become bytes. `decode` throws for bytes that are no value; `Scale.encode(schema)` fits as it is. */
export interface Codec<A> {
  readonly encode: (value: A) => Uint8Array
  readonly decode: (bytes: Uint8Array) => A
}

/** Values as JSON text, derived from the schema: the default. */
export const json = <S extends Schema.Codec<unknown, unknown>>(schema: S): Codec<S["Type"]> => {
  const codec = Schema.fromJsonString(Schema.toCodecJson(schema as Schema.Codec<S["Type"], S["Encoded"]>))
  const encode = Schema.encodeSync(codec)
  const decode = Schema.decodeSync(codec)
  return {
    encode: (value) => encoder.encode(encode(value)),
    decode: (bytes) => decode(decoder.decode(bytes))
  }
}

type KeyOf<Parts extends ReadonlyArray<Part<any>>> = {
  readonly [Index in keyof Parts]: Parts[Index] extends Part<infer A> ? A : never
}
/** The first parts of a key: none, some or all of them. */
export type PrefixOf<Key extends ReadonlyArray<unknown>> = Key extends readonly [...infer Init, unknown]
  ? Key | PrefixOf<Init>
  : readonly []

/** Which records `iterate` gives, and in which order. */
export interface IterateOptions<Key> {
  /** Highest key first. */
  readonly reverse?: boolean
  /** Where to begin, inclusive: the first record at or above this key (with `reverse`: at or below it). */
  readonly from?: Key
  /** Records, at most: those beyond are not even read. */
  readonly limit?: number
}

/** A typed view of a part of a store. The store is handed in, so that one table serves many chains. */
export interface Table<Key extends ReadonlyArray<unknown>, A> {
  readonly name: string
  /** The bytes under which a record lies. */
  readonly key: (key: Key) => Uint8Array
  readonly put: (key: Key, value: A) => Write
  readonly delete: (key: Key) => Write
  /** An entry of this table as key and value; throws for bytes that are none. */
  readonly read: (entry: Entry) => readonly [key: Key, value: A]
  readonly get: (store: Store, key: Key) => Effect.Effect<Option.Option<A>, StoreError>
  readonly iterate: (
    store: Store,
    prefix: PrefixOf<Key>,
    options?: IterateOptions<Key>
  ) => Stream.Stream<readonly [key: Key, value: A], StoreError>
}

/**
 * Defines a table. Its name is part of every key (no two tables of a store may share one); `codec` replaces the JSON
 * form of values. A record that does not decode fails as `Corrupt`, naming the table and the key.
 */
export const make = <
  const Parts extends ReadonlyArray<Part<any>>,
  S extends Schema.Codec<any, any>
>(options: {
  readonly name: string
  readonly key: Parts
  readonly value: S
  readonly codec?: Codec<S["Type"]>
}): Table<KeyOf<Parts>, S["Type"]> => {
  type Key = KeyOf<Parts>
  const codec = options.codec ?? json<S>(options.value)
  const head = text.write(options.name)
  const bytesOf = (parts: ReadonlyArray<unknown>): Uint8Array => {
    const pieces = [head, ...parts.map((part, index) => options.key[index]!.write(part))]
    const key = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
    let at = 0
    for (const piece of pieces) {
      key.set(piece, at)
      at += piece.length
    }
    return key
  }
  const keyOf = (bytes: Uint8Array): Key => {
    let at = head.length
    const parts = options.key.map((part) => {
      const [value, end] = part.read(bytes, at)
      at = end
      return value
    })
    if (at !== bytes.length) throw new RangeError(`${bytes.length - at} bytes too many in the key`)
    return parts as Key
  }
  const corrupt = (operation: "get" | "iterate", key: Uint8Array, cause: unknown): StoreError =>
    new StoreError({
      operation,
      path: `table ${options.name}`,
      reason: new StoreCorrupt({
        key: toHex(key),
        why: cause instanceof Error ? cause.message : String(cause)
      })
    })
  /** The records of a chunk of entries; the first that cannot be read fails them all. */
  const recordsOf = (entries: Arr.NonEmptyReadonlyArray<Entry>) =>
    Effect.suspend(() => {
      let key = entries[0].key
      try {
        return Effect.succeed(
          Arr.map(entries, (entry) => {
            key = entry.key
            return [keyOf(key), codec.decode(entry.value)] as const
          })
        )
      } catch (cause) {
        return Effect.fail(corrupt("iterate", key, cause))
      }
    })
  return {
    name: options.name,
    key: bytesOf,
    put: (key, value) => ({ _tag: "Put", key: bytesOf(key), value: codec.encode(value) }),
    delete: (key) => ({ _tag: "Delete", key: bytesOf(key) }),
    read: ({ key, value }) => [keyOf(key), codec.decode(value)],
    get: (store, key) =>
      Effect.suspend(() => {
        const bytes = bytesOf(key)
        return Effect.flatMap(store.get(bytes), (found) =>
          Option.isNone(found)
            ? Effect.succeedNone
            : Effect.try({
                try: () => Option.some(codec.decode(found.value)),
                catch: (cause) => corrupt("get", bytes, cause)
              })
        )
      }),
    iterate: (store, prefix, { from, ...rest } = {}) =>
      Stream.suspend(() =>
        store.iterate(bytesOf(prefix), from === undefined ? rest : { ...rest, from: bytesOf(from) })
      ).pipe(Stream.mapArrayEffect(recordsOf))
  }
}
