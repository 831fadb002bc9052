/**
 * Signs and verifies for validators; private keys never leave it.
 */
import { Context, type Effect, Schema } from "effect"
import type { Signature, ValidatorId, ValidatorIndex } from "@ephor/types"

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
}

/** Shape of a keystore. */
export interface Service {
  readonly sign: (key: ValidatorId, payload: Uint8Array) => Effect.Effect<Signature, KeystoreError>
  /** False for anything that is not a valid signature, whatever the bytes. */
  readonly verify: (key: ValidatorId, payload: Uint8Array, signature: Signature) => Effect.Effect<boolean>
  /** Positions in `validators` whose keys are held here. */
  readonly owned: (validators: ReadonlyArray<ValidatorId>) => Effect.Effect<ReadonlyArray<ValidatorIndex>>
}

/** The keys of this process. */
export class Keystore extends Context.Service<Keystore, Service>()("@ephor/chain/Keystore") {}
