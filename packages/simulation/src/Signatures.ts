/**
 * sr25519 keys whose signatures are the same for the same message. Real schnorrkel signatures take a random nonce, and
 * since signatures are part of blocks and candidates, every hash of a run would differ from the run before.
 */
import { Keystore } from "@ephor/chain"
import { blake2b256, concatBytes, fromHex } from "@ephor/types"
import { Effect, Layer } from "effect"

/** Random bytes that follow from a seed: one hash after the other. */
const seeded = (seed: Uint8Array) => {
  let block = seed
  return <T extends ArrayBufferView | null>(output: T): T => {
    if (output === null) return output
    const bytes = new Uint8Array(output.buffer, output.byteOffset, output.byteLength)
    for (let at = 0; at < bytes.length; at += block.length) {
      block = fromHex(blake2b256(block))
      bytes.set(block.subarray(0, bytes.length - at), at)
    }
    return output
  }
}

/** Runs `use` with the platform's entropy replaced. `use` is synchronous, so nobody else ever sees the replacement. */
const withEntropy = <A>(entropy: Crypto["getRandomValues"], use: () => A): A => {
  Object.defineProperty(globalThis.crypto, "getRandomValues", { value: entropy, configurable: true })
  try {
    return use()
  } finally {
    Reflect.deleteProperty(globalThis.crypto, "getRandomValues")
  }
}

/** As `Keystore.layerSr25519`, with nonces that follow from key and message. Others verify the signatures as usual. */
export const layerSr25519 = (
  options: Keystore.Options
): Layer.Layer<Keystore.Keystore, Keystore.KeystoreError> =>
  Layer.effect(
    Keystore.Keystore,
    Effect.map(Keystore.Keystore, (keystore) => ({
      ...keystore,
      sign: (key, payload) =>
        Effect.suspend(() => {
          const entropy = seeded(concatBytes(fromHex(key), payload))
          // The inner effect is one synchronous step: run here, it cannot be scheduled outside of the replacement.
          return withEntropy(entropy, () => Effect.runSyncExit(keystore.sign(key, payload)))
        })
    }))
  ).pipe(Layer.provide(Keystore.layerSr25519(options)))
