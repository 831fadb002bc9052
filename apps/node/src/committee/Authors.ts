/**
 * Who signs the blocks of the DAG. Their public keys stand in the chain specification; the process that makes the chain has
 * the secrets in files. Without keys of their own they are made of a seed that everybody reads, which is refused wherever
 * validators have keys of their own.
 */
import type { DevChain, FollowedChain } from "@ephor/devchain"
import * as NodeKeystore from "@ephor/keystore/NodeKeystore"
import type { DagPublicKey } from "@ephor/types"
import { Effect, Schema } from "effect"
import type { ChainSpec } from "../ChainSpec.ts"
import { readSecret } from "../KeyFile.ts"
import type { NodeConfig } from "../NodeConfig.ts"
import { isPublicKey } from "./Membership.ts"

/** The authors do not fit the chain; the message says what to change. */
export class AuthorsError extends Schema.TaggedError<AuthorsError>()("AuthorsError", {
  message: Schema.String
}) {}

const howTo =
  "make one per validator with ephor-node key generate --scheme ed25519 --out FILE, put the public keys into authors of the chain specification, and give the files to the process that makes the chain (--author-key)"

/** The settings that decide who the authors are. */
export type Config = Pick<NodeConfig, "authorKey" | "validatorKey">

/** The development seed, where only development keys are in play. */
const seedOf = Effect.fnUntraced(function* (spec: ChainSpec, { validatorKey }: Config) {
  const isReal = spec.validators.some(isPublicKey) || validatorKey?.startsWith("//") === false
  if (isReal || spec.committeeSeed === undefined) {
    return yield* new AuthorsError({
      message: isReal
        ? `the chain specification has no authors, and a seed that everybody can read does not go with validators' own keys: ${howTo}`
        : `the chain specification has neither authors nor committeeSeed: ${howTo}`
    })
  }
  yield* Effect.logWarning(
    "the authors of this chain sign with keys made of committeeSeed: whoever reads the chain specification can sign commits; for development only"
  )
  return { seed: spec.committeeSeed, size: spec.validators.length }
})

const checked = Effect.fnUntraced(function* (spec: ChainSpec, authors: ReadonlyArray<DagPublicKey>) {
  if (authors.length !== spec.validators.length || new Set(authors).size !== authors.length) {
    return yield* new AuthorsError({
      message: `authors of the chain specification has ${new Set(authors).size} different keys for ${spec.validators.length} validators: give one for each`
    })
  }
  return authors
})

/** The authors as those know them who follow the chain. */
export const known = Effect.fnUntraced(function* (spec: ChainSpec, config: Config) {
  if (config.authorKey.length > 0) {
    return yield* new AuthorsError({
      message: "--author-key is for the process that makes the chain: leave it out here"
    })
  }
  const authors: NonNullable<FollowedChain.Options["authors"]> =
    spec.authors === undefined
      ? yield* seedOf(spec, config)
      : { publicKeys: yield* checked(spec, spec.authors) }
  return authors
})

/** The authors with their secrets, for the process that makes the chain. */
export const signing = Effect.fnUntraced(function* (spec: ChainSpec, config: Config) {
  const files = config.authorKey
  if (spec.authors === undefined) {
    if (files.length > 0) {
      return yield* new AuthorsError({
        message:
          "--author-key needs the public keys of the authors: put them into authors of the chain specification"
      })
    }
    const seed: DevChain.Authors = yield* seedOf(spec, config)
    return seed
  }
  const authors = yield* checked(spec, spec.authors)
  if (files.length !== authors.length) {
    return yield* new AuthorsError({
      message: `the chain has ${authors.length} authors, but --author-key names ${files.length} files: give one for each, in their order`
    })
  }
  const signers = yield* Effect.forEach(files, (file, index) =>
    Effect.gen(function* () {
      const signer = yield* NodeKeystore.signerEd25519(yield* readSecret(file), index)
      if (signer.publicKey === authors[index]) return signer
      return yield* new AuthorsError({
        message: `file ${index + 1} of --author-key holds the key ${signer.publicKey}, but author ${index} of the chain specification is ${authors[index]}: give the files in the order of authors`
      })
    })
  )
  const made: DevChain.Authors = { signers }
  return made
})
