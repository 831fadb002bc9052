/**
 * Keys and signing with schnorrkel, Ed25519 and BIP39 as the relay chain runs them: the WebAssembly module of
 * `@polkadot/wasm-crypto`, whose own interface has to be waited for. Here it is unpacked and compiled at the first call, or
 * by `load`, without waiting. sr25519 is verified by `@ephor/schnorrkel`.
 */
import { bytes, lenOut } from "@polkadot/wasm-crypto-wasm/cjs/bytes"
import { unzlibSync } from "@polkadot/wasm-util/fflate"

type Slice = readonly [pointer: number, length: number]
type Answer = (result: number, ...values: ReadonlyArray<number>) => void
type Verdict = (...values: ReadonlyArray<number>) => number

interface Exports {
  readonly memory: WebAssembly.Memory
  readonly __wbindgen_malloc: (length: number) => number
  readonly __wbindgen_free: (pointer: number, length: number) => void
  readonly ext_sr_from_seed: Answer
  readonly ext_sr_derive_keypair_hard: Answer
  readonly ext_sr_derive_keypair_soft: Answer
  readonly ext_sr_sign: Answer
  readonly ext_ed_from_seed: Answer
  readonly ext_ed_sign: Answer
  readonly ext_ed_verify: Verdict
  readonly ext_bip39_generate: Answer
  readonly ext_bip39_to_mini_secret: Answer
  readonly ext_bip39_validate: Verdict
}

let wasm: Exports | undefined

const slice = (pointer: number, length: number) =>
  new Uint8Array(wasm!.memory.buffer, pointer >>> 0, length >>> 0)

/** The module knows objects by handles; the one object that it asks for is the source of chance. */
const chance = 36

const wbg = {
  __wbindgen_is_undefined: () => 0,
  __wbindgen_object_drop_ref: () => undefined,
  __wbg_self_1b7a39e3a92c949c: () => chance,
  __wbg_crypto_968f1772287e2df0: () => chance,
  __wbg_getRandomValues_a3d34b4fee3c2869: () => chance,
  __wbg_getRandomValues_f5e14ab7ac8e995d: (_: number, pointer: number, length: number) => {
    globalThis.crypto.getRandomValues(slice(pointer, length))
  },
  __wbg_require_604837428532a733: () => {
    throw new Error("the module looks for another source of chance than crypto.getRandomValues")
  },
  __wbg_randomFillSync_d5bd2d655fdf256a: () => {
    throw new Error("the module looks for another source of chance than crypto.getRandomValues")
  }
}

const unpack = (base64: string, length: number): Uint8Array<ArrayBuffer> =>
  unzlibSync(
    Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)),
    new Uint8Array(length)
  ) as Uint8Array<ArrayBuffer>

/** Unpacks and compiles the module if nobody has yet: about 30 ms. */
export const load = (): Exports =>
  (wasm ??= new WebAssembly.Instance(new WebAssembly.Module(unpack(bytes, lenOut)), { wbg })
    .exports as unknown as Exports)

/** The module frees what it is given. */
const give = (value: Uint8Array): Slice => {
  const pointer = load().__wbindgen_malloc(value.length)
  slice(pointer, value.length).set(value)
  return [pointer, value.length]
}
const giveText = (value: string): Slice => give(new TextEncoder().encode(value))

/** Where the module puts pointer and length of what it answers. */
const resultAt = 8

const taken = (): Uint8Array => {
  const view = new DataView(load().memory.buffer)
  const pointer = view.getUint32(resultAt, true)
  const length = view.getUint32(resultAt + 4, true)
  const copy = slice(pointer, length).slice()
  load().__wbindgen_free(pointer, length)
  return copy
}

/** The pair of a 32-byte mini secret: 64 bytes private, 32 public. */
export const sr25519KeypairFromSeed = (seed: Uint8Array): Uint8Array => {
  load().ext_sr_from_seed(resultAt, ...give(seed))
  return taken()
}

/** The pair one hard junction on. */
export const sr25519DeriveKeypairHard = (pair: Uint8Array, code: Uint8Array): Uint8Array => {
  load().ext_sr_derive_keypair_hard(resultAt, ...give(pair), ...give(code))
  return taken()
}

/** The pair one soft junction on. */
export const sr25519DeriveKeypairSoft = (pair: Uint8Array, code: Uint8Array): Uint8Array => {
  load().ext_sr_derive_keypair_soft(resultAt, ...give(pair), ...give(code))
  return taken()
}

/** A signature with the context `substrate` and a random nonce. */
export const sr25519Sign = (
  publicKey: Uint8Array,
  privateKey: Uint8Array,
  message: Uint8Array
): Uint8Array => {
  load().ext_sr_sign(resultAt, ...give(publicKey), ...give(privateKey), ...give(message))
  return taken()
}

/** The pair of a 32-byte seed: the seed, then the public key. */
export const ed25519KeypairFromSeed = (seed: Uint8Array): Uint8Array => {
  load().ext_ed_from_seed(resultAt, ...give(seed))
  return taken()
}

/** The one signature of a message. */
export const ed25519Sign = (publicKey: Uint8Array, seed: Uint8Array, message: Uint8Array): Uint8Array => {
  load().ext_ed_sign(resultAt, ...give(publicKey), ...give(seed), ...give(message))
  return taken()
}

/** Whether the signature is valid. Throws for bytes that are no point or no scalar. */
export const ed25519Verify = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean =>
  load().ext_ed_verify(...give(signature), ...give(message), ...give(publicKey)) !== 0

/** A new phrase of so many words. */
export const bip39Generate = (words: 12 | 15 | 18 | 21 | 24): string => {
  load().ext_bip39_generate(resultAt, words)
  return new TextDecoder().decode(taken())
}

/** Whether the words are known and their checksum is right. */
export const bip39Validate = (phrase: string): boolean => load().ext_bip39_validate(...giveText(phrase)) !== 0

/** The mini secret of a phrase, as Substrate derives it. */
export const bip39ToMiniSecret = (phrase: string, password: string): Uint8Array => {
  load().ext_bip39_to_mini_secret(resultAt, ...giveText(phrase), ...giveText(password))
  return taken()
}
