/**
 * The two hash functions of these protocols, synchronous: BLAKE2b-256 (Polkadot and DAG families) and
 * Keccak-256 (OP family). Their WebAssembly modules are compiled at the first hash: importing this module costs
 * nothing, and it needs no waiting.
 */
import { toHex } from "./codec/Hex.ts"
import { make } from "./hashing/HashModule.ts"
import * as modules from "./hashing/modules.gen.ts"
import type { Hash } from "./Primitives.ts"

/** The 32 bytes of BLAKE2b with an output length of 32 (not a cut BLAKE2b-512). */
export const blake2b256Bytes: (bytes: Uint8Array) => Uint8Array = make(modules.blake2b, 32)

/** `blake2b256Bytes` as a `Hash`. */
export const blake2b256 = (bytes: Uint8Array): Hash => toHex(blake2b256Bytes(bytes))

/** The 32 bytes of Keccak-256 (the padding of Ethereum, not of SHA-3). */
export const keccak256Bytes: (bytes: Uint8Array) => Uint8Array = make(modules.keccak, 32)

/** `keccak256Bytes` as a `Hash`. */
export const keccak256 = (bytes: Uint8Array): Hash => toHex(keccak256Bytes(bytes))
