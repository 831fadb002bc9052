/**
 * The two hash functions of these protocols, synchronous: BLAKE2b-256 (Polkadot and DAG families) and
 * Keccak-256 (OP family). The WebAssembly modules are compiled while this module loads, so importing it
 * suffices.
 */
import { createBLAKE2b, createKeccak } from "hash-wasm"
import { toHex } from "./codec/Hex.ts"
import type { Hash } from "./Primitives.ts"

// A hasher holds the state of one digest. Nothing below suspends between `init` and `digest`, so one of each
// is enough.
const blake2b = await createBLAKE2b(256)
const keccak = await createKeccak(256)

/** The 32 bytes of BLAKE2b with an output length of 32 (not a cut BLAKE2b-512). */
export const blake2b256Bytes = (bytes: Uint8Array): Uint8Array =>
  blake2b.init().update(bytes).digest("binary")

/** `blake2b256Bytes` as a `Hash`. */
export const blake2b256 = (bytes: Uint8Array): Hash => toHex(blake2b256Bytes(bytes))

/** The 32 bytes of Keccak-256 (the padding of Ethereum, not of SHA-3). */
export const keccak256Bytes = (bytes: Uint8Array): Uint8Array => keccak.init().update(bytes).digest("binary")

/** `keccak256Bytes` as a `Hash`. */
export const keccak256 = (bytes: Uint8Array): Hash => toHex(keccak256Bytes(bytes))
