/**
 * sr25519 keys whose nonces follow from a seed. Real schnorrkel signatures take a random nonce, and since signatures are
 * part of blocks and candidates, every hash of a run would differ from the run before.
 *
 * The library draws nonces from a generator of its own, one for the whole process, that asks the platform for a seed at
 * its first signature and after every `noncesPerSeed` of them. `reseed` brings it to such a point and answers; from then on
 * the layer answers. So at most one run at a time may sign in a process.
 */
import { Keystore } from "@ephor/keystore"
import { blake2b256, concatBytes, fromHex } from "@ephor/types"
import { Effect, Layer, Redacted } from "effect"

/** Signatures after which the library's generator asks for a new seed: 64 KiB of nonces of 32 bytes. */
export const noncesPerSeed = 2048

/** Random bytes that follow from a seed: one hash after the other. `drawn` counts the calls. */
const seeded = (seed: Uint8Array) => {
  let block = seed
  const entropy = {
    drawn: 0,
    fill: <T extends ArrayBufferView | null>(output: T): T => {
      entropy.drawn++
      if (output === null) return output
      const bytes = new Uint8Array(output.buffer, output.byteOffset, output.byteLength)
      for (let at = 0; at < bytes.length; at += block.length) {
        block = fromHex(blake2b256(block))
        bytes.set(block.subarray(0, bytes.length - at), at)
      }
      return output
    }
  }
  return entropy
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

/** Makes all signatures that follow in this process depend on nothing but the seed. Takes a third of a second. */
export const reseed = (seed: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    const keystore = yield* Keystore.Keystore
    const entropy = seeded(new TextEncoder().encode(`nonces ${seed}`))
    const sign = keystore.sign(keystore.publicKeys[0]!, new Uint8Array())
    for (let signed = 0; entropy.drawn === 0; signed++) {
      if (signed > noncesPerSeed)
        return yield* Effect.die(
          new Error(
            `no seed was asked for in ${noncesPerSeed} signatures: the sr25519 library draws nonces in another way`
          )
        )
      yield* withEntropy(entropy.fill, () => Effect.runSyncExit(sign))
    }
  }).pipe(Effect.provide(Keystore.layerSr25519({ secrets: [Redacted.make("//Nonces")] })), Effect.orDie)

/** As `Keystore.layerSr25519`, with nonces that follow from the last `reseed`. Anybody verifies the signatures as usual. */
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
          return withEntropy(entropy.fill, () => Effect.runSyncExit(keystore.sign(key, payload)))
        })
    }))
  ).pipe(Layer.provide(Keystore.layerSr25519(options)))
