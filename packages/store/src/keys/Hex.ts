/** The `0x` text of key parts, over Effect's own hex: this package needs nothing of a chain. */
import { Result } from "effect"
import * as Hex from "effect/encoding/Hex"

/** Lower-case `0x` text of bytes. */
export const toHex = (bytes: Uint8Array): `0x${string}` => `0x${Hex.encode(bytes)}`

/** Whether `text` is `0x` followed by whole bytes, in either case. */
export const isHex = (text: string): boolean => /^0x([0-9a-fA-F]{2})*$/.test(text)

/** The bytes of `0x` text; throws for text that is none. */
export const fromHex = (text: string): Uint8Array => Result.getOrThrow(Hex.decode(text.slice(2)))
