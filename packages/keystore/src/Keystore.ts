/**
 * Signs and verifies for validators; private keys never leave it.
 *
 * sr25519 is schnorrkel with the signing context `substrate`, as relay chain validators sign statements, votes and
 * bitfields. Ed25519 is in `NodeKeystore`.
 */
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { fromHex, isHex, type Signature, toHex, type ValidatorId, type ValidatorIndex } from "@ephor/types"
import { Schnorrkel } from "@ephor/schnorrkel"
import { bip39Generate, load, sr25519KeypairFromSeed, sr25519Sign } from "./schnorrkel/Schnorrkel.ts"
import { type Check, sr25519VerifyAll } from "./Signatures.ts"
import { hardDerive, miniSecretOf, parseSecret, softDerive } from "./secret/Suri.ts"

/** The key asked for is not held here. */
export class UnknownKey extends Schema.TaggedError<UnknownKey>()("UnknownKey", { key: Schema.String }) {}
/** The secret could not be read. */
export class BadSecret extends Schema.TaggedError<BadSecret>()("BadSecret", { why: Schema.String }) {}

/** The one public error of `Keystore`. */
export class KeystoreError extends Schema.TaggedError<KeystoreError>()("KeystoreError", {
  reason: Schema.Union([UnknownKey, BadSecret])
}) {
  override get message() {
    return this.reason._tag === "UnknownKey"
      ? `no private key for ${this.reason.key} in this keystore: add its secret, or sign with another key`
      : `the secret cannot be used: ${this.reason.why}`
  }
  /** The same call fails again until somebody changes the keys. */
  get retryable() {
    return false
  }
}

/** Shape of a keystore. */
export interface Service {
  /** The public keys whose private halves are held here, in the order of the secrets. */
  readonly publicKeys: ReadonlyArray<ValidatorId>
  readonly sign: (key: ValidatorId, payload: Uint8Array) => Effect.Effect<Signature, KeystoreError>
  /** False for anything that is not a valid signature, whatever the bytes. */
  readonly verify: (key: ValidatorId, payload: Uint8Array, signature: Signature) => Effect.Effect<boolean>
  /** The verdicts of `verify` on each check. Where the scheme can, they are verified together, for a third of the work. */
  readonly verifyAll: (checks: ReadonlyArray<Check>) => Effect.Effect<ReadonlyArray<boolean>>
  /** Positions in `validators` whose keys are held here. */
  readonly owned: (validators: ReadonlyArray<ValidatorId>) => Effect.Effect<ReadonlyArray<ValidatorIndex>>
}

/** The keys of this process. */
export class Keystore extends Context.Service<Keystore, Service>()("@ephor/keystore/Keystore") {}

/** One private key, as what it can do. */
export interface Signer {
  readonly publicKey: ValidatorId
  readonly sign: (payload: Uint8Array) => Uint8Array
}

/** A keystore of any scheme, from its signers and its verification. */
export const make = (
  signers: ReadonlyArray<Signer>,
  verify: (key: Uint8Array, payload: Uint8Array, signature: Uint8Array) => boolean,
  verifyAll: (checks: ReadonlyArray<Check>) => ReadonlyArray<boolean> = (checks) =>
    checks.map(({ key, payload, signature }) => verifyHex(verify, key, payload, signature))
): Service => {
  const byKey = new Map(signers.map((signer) => [signer.publicKey, signer]))
  return {
    publicKeys: [...byKey.keys()],
    sign: (key, payload) =>
      Effect.suspend(() => {
        const signer = byKey.get(key)
        return signer === undefined
          ? Effect.fail(new KeystoreError({ reason: new UnknownKey({ key }) }))
          : Effect.sync(() => toHex(signer.sign(payload)))
      }),
    verify: (key, payload, signature) => Effect.sync(() => verifyHex(verify, key, payload, signature)),
    verifyAll: (checks) => Effect.sync(() => verifyAll(checks)),
    owned: (validators) =>
      Effect.sync(() => validators.flatMap((validator, index) => (byKey.has(validator) ? [index] : [])))
  }
}

const verifyHex = (
  verify: (key: Uint8Array, payload: Uint8Array, signature: Uint8Array) => boolean,
  key: string,
  payload: Uint8Array,
  signature: string
): boolean => {
  if (key.length !== 2 + 2 * 32 || signature.length !== 2 + 2 * 64 || !isHex(key) || !isHex(signature))
    return false
  try {
    return verify(fromHex(key), payload, fromHex(signature))
  } catch {
    // The libraries throw for bytes that are no point or no scalar: not a valid signature either.
    return false
  }
}

const verifySr25519 = (key: Uint8Array, payload: Uint8Array, signature: Uint8Array): boolean =>
  Schnorrkel.verify(signature, payload, key)

/**
 * Compiles sr25519 now, which otherwise happens at the first key or signature and takes about 40 ms. Idempotent; the layers
 * do it.
 */
export const sr25519Ready: Effect.Effect<void> = Effect.sync(() => {
  load()
  Schnorrkel.load()
})

/**
 * Whether `signature` is `publicKey`'s sr25519 signature of `payload`. False for anything else, whatever the text.
 * Costs about 0.1 ms, the budget of a validator: lists are verified together for less (`Keystore.verifyAll`).
 */
export const sr25519Verify = (publicKey: ValidatorId, payload: Uint8Array, signature: Signature): boolean =>
  verifyHex(verifySr25519, publicKey, payload, signature)

/** A new BIP39 phrase, by the chance of the operating system. */
export const generatePhrase = (words: 12 | 24): Redacted.Redacted<string> =>
  Redacted.make(bip39Generate(words), { label: "secret" })

/** What a keystore is made from. */
export interface Options {
  /**
   * Secrets: a 32-byte mini secret as `0x` text, or a phrase of BIP39 words, each followed by any number of junctions
   * (`//hard`; sr25519 also `/soft`) and a `///password`. Without a phrase (`//Alice`), the well-known development
   * phrase: never for keys that guard anything.
   */
  readonly secrets: ReadonlyArray<Redacted.Redacted<string>>
}

/** The failure of a secret; it never repeats the secret. */
export const badSecret = (index: number, why: string): KeystoreError =>
  new KeystoreError({ reason: new BadSecret({ why: `number ${index + 1}: ${why}` }) })

const sr25519Signer = (secret: string): Signer => {
  const parsed = parseSecret(secret)
  let pair = sr25519KeypairFromSeed(miniSecretOf(parsed))
  for (const junction of parsed.junctions)
    pair = junction.hard ? hardDerive(pair, junction.code) : softDerive(pair, junction.code)
  const publicKey = pair.slice(64)
  const privateKey = pair.slice(0, 64)
  return { publicKey: toHex(publicKey), sign: (payload) => sr25519Sign(publicKey, privateKey, payload) }
}

/** The sr25519 keys of some secrets. */
export const layerSr25519 = ({ secrets }: Options): Layer.Layer<Keystore, KeystoreError> =>
  Layer.effect(
    Keystore,
    Effect.gen(function* () {
      yield* sr25519Ready
      const signers = yield* Effect.forEach(secrets, (secret, index) =>
        Effect.try({
          try: () => sr25519Signer(Redacted.value(secret)),
          catch: (cause) =>
            badSecret(index, cause instanceof RangeError ? cause.message : "it is no phrase and no key")
        })
      )
      return make(signers, verifySr25519, sr25519VerifyAll)
    })
  )
