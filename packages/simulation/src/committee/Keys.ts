/**
 * Keys of a large simulated committee: who knows a key can sign, and a signature is a hash. Real signatures would take
 * nine tenths of the time, and prove nothing about the protocol.
 */
import { Keystore } from "@ephor/keystore"
import { blake2b256Bytes, concatBytes, type ValidatorId, toHex } from "@ephor/types"
import { Layer } from "effect"

const utf8 = new TextEncoder()

/** The key of a name. */
export const keyOf = (name: string): ValidatorId => toHex(blake2b256Bytes(utf8.encode(`key ${name}`)))

const signatureOf = (key: Uint8Array, payload: Uint8Array): Uint8Array => {
  const digest = blake2b256Bytes(concatBytes(key, payload))
  return concatBytes(digest, digest)
}

const bytesOf = (key: ValidatorId): Uint8Array => Uint8Array.from(Buffer.from(key.slice(2), "hex"))

/** The keys of some names. */
export const keystore = (...names: ReadonlyArray<string>): Keystore.Service =>
  Keystore.make(
    names.map((name) => {
      const publicKey = keyOf(name)
      return { publicKey, sign: (payload) => signatureOf(bytesOf(publicKey), payload) }
    }),
    (key, payload, signature) => Buffer.compare(signatureOf(key, payload), signature) === 0
  )

/** The same as a layer. */
export const layer = (...names: ReadonlyArray<string>): Layer.Layer<Keystore.Keystore> =>
  Layer.succeed(Keystore.Keystore, keystore(...names))
