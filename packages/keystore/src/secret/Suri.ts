/** Secret texts of Substrate: `<phrase or 0x seed>//hard/soft///password`. */
import { blake2b256Bytes, fromHex, isHex } from "@ephor/types"
import {
  bip39ToMiniSecret,
  bip39Validate,
  sr25519DeriveKeypairHard,
  sr25519DeriveKeypairSoft
} from "../schnorrkel/Schnorrkel.ts"

/** The phrase that every development tool of the ecosystem knows. */
const developmentPhrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"

/** One step of derivation. */
export interface Junction {
  readonly hard: boolean
  /** 32 bytes: the SCALE form of the junction, padded with zeros, or its blake2b-256 when longer. */
  readonly code: Uint8Array
}

/** A secret text, taken apart. */
export interface ParsedSecret {
  readonly phrase: string
  readonly password: string
  readonly junctions: ReadonlyArray<Junction>
}

const encoder = new TextEncoder()

const compactLength = (length: number): ReadonlyArray<number> =>
  length < 64 ? [length << 2] : [((length << 2) | 1) & 0xff, length >> 6]

/** Whole numbers below 2^64 are written as u64, everything else as text. */
const chainCode = (text: string): Uint8Array => {
  const code = new Uint8Array(32)
  if (/^[0-9]+$/.test(text) && BigInt(text) < 1n << 64n) {
    new DataView(code.buffer).setBigUint64(0, BigInt(text), true)
    return code
  }
  const bytes = encoder.encode(text)
  if (bytes.length >= 16_384) throw new RangeError("a junction is longer than 16383 bytes")
  const encoded = Uint8Array.from([...compactLength(bytes.length), ...bytes])
  if (encoded.length > 32) return blake2b256Bytes(encoded)
  code.set(encoded)
  return code
}

/** Takes a secret text apart. Throws a `RangeError` that does not repeat the secret. */
export const parseSecret = (secret: string): ParsedSecret => {
  const match =
    /^(?<phrase>0x[0-9a-fA-F]*|[\p{L} ]*)(?<path>(?:\/\/?[^/]+)*)(?:\/\/\/(?<password>.*))?$/su.exec(secret)
  if (match?.groups === undefined)
    throw new RangeError("it is not of the form <phrase or 0x seed>//junction///password")
  const { password = "", path = "", phrase = "" } = match.groups
  const junctions = [...path.matchAll(/(\/\/?)([^/]+)/g)].map(([, slashes, text]) => ({
    hard: slashes === "//",
    code: chainCode(text!)
  }))
  if (phrase.trim() === "" && junctions.length === 0) throw new RangeError("it is empty")
  return { phrase: phrase.trim() === "" ? developmentPhrase : phrase, password, junctions }
}

/** The 32 bytes that the key begins with. Throws a `RangeError` for a seed or phrase that is none. */
export const miniSecretOf = ({ password, phrase }: ParsedSecret): Uint8Array => {
  if (phrase.startsWith("0x")) {
    if (phrase.length !== 2 + 2 * 32 || !isHex(phrase))
      throw new RangeError("a 0x seed must be exactly 32 bytes")
    return fromHex(phrase)
  }
  if (!bip39Validate(phrase))
    throw new RangeError("the words are not a BIP39 phrase (a word is unknown, or the checksum is wrong)")
  return bip39ToMiniSecret(phrase, password)
}

/** The sr25519 pair (64 bytes private, 32 public) one hard junction on. */
export const hardDerive = (pair: Uint8Array, code: Uint8Array): Uint8Array =>
  sr25519DeriveKeypairHard(pair, code)

/** The sr25519 pair one soft junction on. */
export const softDerive = (pair: Uint8Array, code: Uint8Array): Uint8Array =>
  sr25519DeriveKeypairSoft(pair, code)

const ed25519Context = Uint8Array.from([11 << 2, ...encoder.encode("Ed25519HDKD")])

/** The Ed25519 seed one hard junction on. */
export const hardDeriveEd25519 = (seed: Uint8Array, code: Uint8Array): Uint8Array =>
  blake2b256Bytes(Uint8Array.from([...ed25519Context, ...seed, ...code]))
