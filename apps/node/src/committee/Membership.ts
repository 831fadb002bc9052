/**
 * Which validators of a specification this process runs, and whether it makes the chain or follows it.
 */
import { Keystore } from "@ephor/keystore"
import { isHex, type ValidatorId, type ValidatorIndex } from "@ephor/types"
import { Context, Effect, Redacted, Schema } from "effect"
import type { ChainSpec } from "../ChainSpec.ts"

/** The key of this validator does not fit the chain; the message says what to change. */
export class MembershipError extends Schema.TaggedError<MembershipError>()("MembershipError", {
  message: Schema.String
}) {}

/** A validator that this process runs. */
export interface OwnValidator {
  readonly index: ValidatorIndex
  readonly key: ValidatorId
  readonly secret: Redacted.Redacted<string>
}

/** This process in the committee of its chain. */
export interface Membership {
  /** Public keys of all validators. */
  readonly validators: ReadonlyArray<ValidatorId>
  /** The validators that run here: all of them without a network, else the one whose key was given, or none. */
  readonly own: ReadonlyArray<OwnValidator>
  /** The other validators are processes of their own. */
  readonly isNetworked: boolean
  /** Another process makes the chain: the validator that the specification names as the sequencer. */
  readonly follows: boolean
  /** Who makes the chain. */
  readonly sequencer: ValidatorId
}

const publicKeyOf = (secret: Redacted.Redacted<string>) =>
  Effect.map(Keystore.Keystore, ({ publicKeys }) => publicKeys[0]!).pipe(
    Effect.provide(Keystore.layerSr25519({ secrets: [secret] }))
  )

/** Whether a validator of a specification stands there by its public key. */
export const isPublicKey = (entry: string): entry is ValidatorId => entry.length === 66 && isHex(entry)

/** What the settings say about this process. */
export interface Options {
  /** The secret of the validator to run; without one all run here, or none where the chain is followed. */
  readonly validatorSecret: Redacted.Redacted<string> | undefined
  /** This process has a chain of its own (`--dev`, an execution client, an extension). */
  readonly makes: boolean
  /** Addresses to listen on or to dial were given. */
  readonly isNetworked: boolean
}

/** Finds this process's place. */
export const resolve = Effect.fn("Membership.resolve")(function* (spec: ChainSpec, options: Options) {
  const validators = yield* Effect.forEach(spec.validators, (entry) =>
    isPublicKey(entry) ? Effect.succeed(entry) : publicKeyOf(Redacted.make(entry))
  )
  const sequencerIndex = spec.sequencer ?? 0
  const sequencer = validators[sequencerIndex]
  if (sequencer === undefined) {
    return yield* new MembershipError({
      message: `the chain specification names validator ${sequencerIndex} as the sequencer, but has ${validators.length} validators: correct sequencer`
    })
  }
  const { isNetworked, makes, validatorSecret } = options
  const membership = (own: ReadonlyArray<OwnValidator>): Membership => ({
    validators,
    own,
    isNetworked,
    follows: !makes,
    sequencer
  })
  if (validatorSecret !== undefined) {
    const key = yield* publicKeyOf(validatorSecret)
    const index = validators.indexOf(key)
    if (index < 0) {
      return yield* new MembershipError({
        message: `the validator key ${key} is not among the ${validators.length} validators of the chain specification: give the key of one of them, or add it to validators`
      })
    }
    if (makes !== (index === sequencerIndex)) {
      return yield* new MembershipError({
        message: makes
          ? `validator ${index} does not make this chain, validator ${sequencerIndex} does (sequencer in the chain specification): leave out --dev and --execution-rpc, and give --peer`
          : `validator ${index} makes this chain (sequencer in the chain specification): give it --dev or --execution-rpc`
      })
    }
    if (!isNetworked) {
      return yield* new MembershipError({
        message: `validator ${index} alone cannot work: give --listen and --peer to meet the others, or leave out --validator-key to run them all here`
      })
    }
    return membership([{ index, key, secret: validatorSecret }])
  }
  if (!makes) return membership([])
  if (isNetworked) {
    return yield* new MembershipError({
      message:
        "a node that makes the chain for others needs to know which validator it is: give --validator-key"
    })
  }
  if (spec.validators.some(isPublicKey)) {
    return yield* new MembershipError({
      message:
        "the chain specification names validators by public key, so this process cannot run them all: give --validator-key, --listen and --peer"
    })
  }
  return membership(
    validators.map((key, index) => ({ index, key, secret: Redacted.make(spec.validators[index]!) }))
  )
})

/** The place of this process in the committee, as a service. */
export class OwnMembership extends Context.Service<OwnMembership, Membership>()("@ephor/node/Membership") {}
