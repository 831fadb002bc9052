/**
 * Who signs the blocks of the DAG. Their public keys stand in the chain specification; the secret of each is in a file of
 * the process that runs its validator, and whoever makes the chain asks the others for their blocks. A seed that everybody
 * reads stands in for them where nobody has keys of its own, and is refused wherever somebody has.
 */
import type { DevChain } from "@ephor/devchain"
import type { DagPublicKey } from "@ephor/types"
import { Effect, Schema } from "effect"
import { join } from "node:path"
import type { ChainSpec } from "../ChainSpec.ts"
import type { NodeConfig } from "../NodeConfig.ts"
import { authorKeyFile, readAuthorKey, readOrMakeAuthorKey } from "./AuthorKey.ts"
import { isPublicKey, type Membership } from "./Membership.ts"

/** The authors do not fit the chain; the message says what to change. */
export class AuthorsError extends Schema.TaggedError<AuthorsError>()("AuthorsError", {
  message: Schema.String
}) {}

const howTo =
  "make one per validator with ephor-node key generate --scheme ed25519 --out FILE, put the public keys into authors of the chain specification, and give each process the file of its own (--author-key)"

/** The settings that decide who the authors are. */
export type Config = Pick<NodeConfig, "authorKey" | "validatorKey" | "dataDir">
type Place = Pick<Membership, "own" | "isNetworked">

/** Whether somebody has a key that is not for development: then the seed is not for this chain. */
const isReal = (spec: ChainSpec, { validatorKey }: Config): boolean =>
  spec.validators.some(isPublicKey) || validatorKey?.startsWith("//") === false

/** The development seed, where only development keys are in play. */
const seedOf = Effect.fnUntraced(function* (spec: ChainSpec, config: Config) {
  if (config.authorKey.length > 0) {
    return yield* new AuthorsError({
      message:
        "--author-key needs the public keys of the authors: put them into authors of the chain specification"
    })
  }
  if (spec.committeeSeed === undefined) {
    return yield* new AuthorsError({
      message: `the chain specification has neither authors nor committeeSeed: ${howTo}`
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

/** The authors whose secrets are in the files, by their public keys. */
const signersOf = Effect.fnUntraced(function* (
  files: ReadonlyArray<string>,
  authors: ReadonlyArray<DagPublicKey>
) {
  const signers = yield* Effect.forEach(files, (file, index) =>
    Effect.gen(function* () {
      const signer = yield* readAuthorKey(file, index)
      if (authors.some((key) => key === signer.publicKey)) return signer
      return yield* new AuthorsError({
        message: `file ${index + 1} of --author-key holds the key ${signer.publicKey}, which is none of authors of the chain specification: put it there, or give the file of another key`
      })
    })
  )
  return new Map(signers.map((signer) => [signer.publicKey as DagPublicKey, signer]))
})

/** The authors as those know them who follow the chain, and the one that signs here. */
export const known = Effect.fnUntraced(function* (spec: ChainSpec, config: Config, { own }: Place) {
  if (spec.authors === undefined) {
    if (isReal(spec, config)) {
      return yield* new AuthorsError({
        message: `the chain specification has no authors, and a seed that everybody can read does not go with validators' own keys: ${howTo}`
      })
    }
    return { authors: yield* seedOf(spec, config), signer: undefined }
  }
  const publicKeys = yield* checked(spec, spec.authors)
  const members: DevChain.Authors = { members: publicKeys.map((publicKey) => ({ publicKey })) }
  const signers = yield* signersOf(config.authorKey, publicKeys)
  const key = own[0] === undefined ? undefined : publicKeys[own[0].index]
  const stranger = [...signers.keys()].find((one) => one !== key)
  if (stranger !== undefined) {
    return yield* new AuthorsError({
      message:
        key === undefined
          ? "--author-key is for a process that runs a validator: give --validator-key, too"
          : `--author-key names the key ${stranger}, but this process runs validator ${own[0]!.index}, whose author is ${key}: give the file of that one alone`
    })
  }
  const signer = key === undefined ? undefined : signers.get(key)
  if (key !== undefined && signer === undefined) {
    yield* Effect.logWarning(
      `nothing is signed here for author ${key}, which is that of this validator: give the file with its secret (--author-key), unless the process that makes the chain has it`
    )
  }
  return { authors: members, signer }
})

/** Whether keys are to be made here, since nobody has given any. */
const makesKeys = (spec: ChainSpec, config: Config): boolean =>
  spec.authors === undefined && isReal(spec, config) && config.authorKey.length === 0

/** Keys that nobody has given, made here for all authors: strangers cannot sign for them, and nobody else can either. */
const madeHere = Effect.fnUntraced(function* (spec: ChainSpec, { dataDir }: Config) {
  const members = yield* Effect.forEach(spec.validators, (_, index) =>
    readOrMakeAuthorKey(join(dataDir, `${authorKeyFile}-${index}`), index)
  )
  yield* Effect.logWarning(
    `the chain specification has no authors, and a seed that everybody can read does not go with validators' own keys: this process has made keys for all authors (${authorKeyFile}-N in its data directory) and signs alone. To have every validator sign, and to let others follow: ${howTo}`
  )
  return { members }
})

/** The authors with their secrets as far as they are here, for the process that makes the chain. */
export const signing = Effect.fnUntraced(function* (
  spec: ChainSpec,
  config: Config,
  { isNetworked, own }: Place
) {
  if (spec.authors === undefined) {
    const authors: DevChain.Authors = makesKeys(spec, config)
      ? yield* madeHere(spec, config)
      : yield* seedOf(spec, config)
    return authors
  }
  const publicKeys = yield* checked(spec, spec.authors)
  const signers = yield* signersOf(config.authorKey, publicKeys)
  const needed = isNetworked ? own.map(({ index }) => publicKeys[index]!) : publicKeys
  const missing = needed.filter((key) => !signers.has(key))
  if (missing.length > 0) {
    return yield* new AuthorsError({
      message: `this process signs for ${needed.length} authors, and --author-key has no file with the secrets of ${missing.join(", ")}: give one for each`
    })
  }
  const made: DevChain.Authors = {
    members: publicKeys.map((publicKey) => signers.get(publicKey) ?? { publicKey })
  }
  return made
})

/** Refuses what `known` or `signing` refuses, and makes nothing. */
export const check = Effect.fnUntraced(function* (
  spec: ChainSpec,
  config: Config,
  membership: Place & Pick<Membership, "follows">
) {
  if (membership.follows) yield* known(spec, config, membership)
  else if (!makesKeys(spec, config)) yield* signing(spec, config, membership)
})
