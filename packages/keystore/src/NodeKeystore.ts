/**
 * Keystores of Node: Ed25519 on `node:crypto`, with which committees of DAG chains sign their blocks, and sr25519 whose
 * signatures are verified in worker threads.
 */
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto"
import { Context, Effect, Layer, Redacted } from "effect"
import { toHex } from "@ephor/types"
import { hardDeriveEd25519, miniSecretOf, parseSecret } from "./secret/Suri.ts"
import {
  badSecret,
  Keystore,
  type KeystoreError,
  layerSr25519 as layerSr25519Here,
  make,
  type Options,
  type Signer,
  sr25519Ready
} from "./Keystore.ts"
import { NodeSignaturePool } from "./NodeSignaturePool.ts"

// DER around a raw 32-byte key (RFC 8410): node:crypto takes no raw ones.
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex")
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex")

const ed25519Signer = (secret: string): Signer => {
  const parsed = parseSecret(secret)
  let seed = miniSecretOf(parsed)
  for (const junction of parsed.junctions) {
    if (!junction.hard) throw new RangeError("Ed25519 keys have no soft junctions: write // for each")
    seed = hardDeriveEd25519(seed, junction.code)
  }
  const key = createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: "der", type: "pkcs8" })
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(publicPrefix.length)
  return { publicKey: toHex(publicKey), sign: (payload) => sign(null, payload, key) }
}

/** Whether `signature` (64 bytes) is the Ed25519 signature of `payload` by `publicKey` (32 bytes). Throws for no key. */
const verifyEd25519 = (publicKey: Uint8Array, payload: Uint8Array, signature: Uint8Array): boolean => {
  const key = createPublicKey({ key: Buffer.concat([publicPrefix, publicKey]), format: "der", type: "spki" })
  return verify(null, payload, key, signature)
}

/** The Ed25519 key of one secret, written as for `layerEd25519`; `index` is its place in messages. */
export const signerEd25519 = Effect.fnUntraced(function* (secret: Redacted.Redacted<string>, index = 0) {
  yield* sr25519Ready // phrases and junctions are hashed by the same WebAssembly module
  return yield* Effect.try({
    try: () => ed25519Signer(Redacted.value(secret)),
    catch: (cause) =>
      badSecret(index, cause instanceof RangeError ? cause.message : "it is no phrase and no key")
  })
})

/** The Ed25519 keys of some secrets, written as for sr25519 but without soft junctions. */
export const layerEd25519 = ({ secrets }: Options): Layer.Layer<Keystore, KeystoreError> =>
  Layer.effect(
    Keystore,
    Effect.map(Effect.forEach(secrets, signerEd25519), (signers) => make(signers, verifyEd25519))
  )

/** As `Keystore.layerSr25519`, with the verification in the threads of a pool. Signing stays in this thread. */
export const layerSr25519 = (options: Options): Layer.Layer<Keystore, KeystoreError, NodeSignaturePool> =>
  Layer.effect(
    Keystore,
    Effect.gen(function* () {
      const keystore = Context.get(yield* Layer.build(layerSr25519Here(options)), Keystore)
      const { verify, verifyAll } = yield* NodeSignaturePool
      return { ...keystore, verify, verifyAll }
    })
  )
