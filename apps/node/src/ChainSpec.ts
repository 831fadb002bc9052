/**
 * What all processes of one chain agree upon: when it began, what it derives from, who validates and who authors.
 */
import * as NodeFile from "@ephor/store/NodeFile"
import { BlockRef, ChainId, DagPublicKey, ParaId, Timestamp, ValidatorIndex } from "@ephor/types"
import { Effect, FileSystem, Schema } from "effect"

const Positive = Schema.Int.check(Schema.isGreaterThan(0))

/** The specification of a chain, as its JSON file has it. */
export const ChainSpec = Schema.Struct({
  chainId: ChainId,
  /** Time of the first block in seconds. */
  genesisTime: Timestamp,
  blockTimeMs: Positive,
  /** The L1 block that the chain begins with; without one it is its own L1. */
  l1Genesis: Schema.optionalKey(BlockRef),
  /**
   * The validators in the order of their indices: public keys as `0x` text, or the secret phrases of development
   * validators (`//Alice`), which a single process can run all by itself.
   */
  validators: Schema.Array(Schema.String),
  /** The validator that makes the blocks when the validators are processes of their own. Default 0. */
  sequencer: Schema.optionalKey(ValidatorIndex),
  /** Groups of validators; group n begins on core n. */
  groups: Schema.Array(Schema.Array(ValidatorIndex)),
  minimumBackingVotes: Positive,
  groupRotationFrequency: Schema.Int,
  /** Blocks of a session: as long as that a validator stays disabled. Default: the runtime's. */
  sessionLengthBlocks: Schema.optionalKey(Positive),
  /** Parachains that run the adder, in the order of their cores. */
  paras: Schema.Array(ParaId),
  /** Secret phrase of the collator. */
  collator: Schema.String,
  /** Validators that back whatever they are offered, to show what happens then. */
  faultyValidators: Schema.Array(ValidatorIndex),
  /**
   * Ed25519 public keys of the DAG's authors, one for each validator in their order; the process of each validator has the
   * secret of its own in a file (`--author-key`).
   */
  authors: Schema.optionalKey(Schema.Array(DagPublicKey)),
  /** Seed of their keys where `authors` is left out. Whoever reads it can sign commits: development only. */
  committeeSeed: Schema.optionalKey(Schema.String),
  /** A block may be derived from L1 when this many blocks build on it. */
  derivationDelayBlocks: Schema.Int,
  /**
   * `external`: finality comes from a supervisor. A number: so many blocks behind the head, as far as the validators of the
   * process that makes the chain have approved them.
   */
  finality: Schema.Union([Schema.Literal("external"), Positive])
})
export interface ChainSpec extends Schema.Schema.Type<typeof ChainSpec> {}

/**
 * A development chain of four validators. The first three form a group that backs by a quorum of two; the fourth is a
 * group of its own, so that a single faulty validator can get a bad candidate backed when its turn comes, and the three
 * others are the supermajority that undoes it.
 */
export const development = (
  options: Pick<ChainSpec, "chainId" | "genesisTime"> & Partial<ChainSpec>
): ChainSpec => ({
  blockTimeMs: 1000,
  validators: ["//Alice", "//Bob", "//Charlie", "//Dave"],
  groups: [[0, 1, 2], [3]],
  minimumBackingVotes: 2,
  groupRotationFrequency: 6,
  paras: [2000, 2001],
  collator: "//Ferdie",
  faultyValidators: [],
  committeeSeed: `ephor-${options.chainId}`,
  derivationDelayBlocks: 4,
  finality: "external",
  ...options
})

/** Names of the development validators; further ones are numbered. `//Ferdie` collates. */
const names = ["//Alice", "//Bob", "//Charlie", "//Dave", "//Eve"]

/** How many validators a development committee has, and how many of them are malicious. */
export interface Committee {
  readonly validators: number
  /** At most as many as the others can outvote: fewer than a third. */
  readonly malicious: number
}

/** The most malicious validators that so many tolerate. */
export const toleratedMalicious = (validators: number): number => Math.floor(Math.max(validators - 1, 0) / 3)

/**
 * Who validates in a development committee of this size. The honest are one group, the malicious the other: when its turn
 * comes, they get a bad candidate backed all by themselves. For four and one it is the committee of `development`.
 */
export const committee = ({
  malicious,
  validators
}: Committee): Pick<ChainSpec, "validators" | "groups" | "faultyValidators"> => {
  const indices = Array.from({ length: validators }, (_, index) => index)
  const faultyValidators = indices.slice(validators - malicious)
  return {
    validators: indices.map((index) => names[index] ?? `//validator-${index}`),
    groups: [indices.slice(0, validators - malicious), faultyValidators],
    faultyValidators
  }
}

/** A chain specification cannot be read; the message says which file and what is wrong with it. */
export class ChainSpecError extends Schema.TaggedError<ChainSpecError>()("ChainSpecError", {
  message: Schema.String
}) {}

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(ChainSpec))
const encode = Schema.encodeSync(Schema.fromJsonString(ChainSpec))

/** Reads a specification from its file. */
export const read = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(path).pipe(
    Effect.mapError(
      (error) =>
        new ChainSpecError({
          message:
            error.reason._tag === "NotFound"
              ? `the chain specification ${path} does not exist: create it or correct --chain-spec`
              : `the chain specification ${path} cannot be read: ${error.message}`
        })
    )
  )
  return yield* decode(text).pipe(
    Effect.mapError(
      (error) =>
        new ChainSpecError({
          message: `the chain specification ${path} is not valid: ${error.message.replaceAll("\n", " ")}`
        })
    )
  )
})

/** Writes a specification to its file, whole or not at all. */
export const write = (path: string, spec: ChainSpec): Effect.Effect<void, NodeFile.FileError> =>
  NodeFile.replace(path, encode(spec))
