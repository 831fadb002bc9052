/**
 * What an observer demands of a block before it lets it in. A port: `layerTrusting` believes its publisher,
 * `layerMysticeti` checks everything that the committee's rules say (facts in the order of their cost).
 */
import { Context, Effect, Layer, Metric, Result } from "effect"
import {
  type AuthorityIndex,
  BlockBounds,
  type DagBlockRef,
  type DagCommittee,
  dagGenesis,
  dagSigningMessage,
  fromHex,
  openDagBlock,
  type OpenedDagBlock,
  quorumStake
} from "@ephor/types"
import * as Metrics from "./Metrics.ts"
import { Forged } from "./ObserverError.ts"

/** A signed block taken apart. Its digest is that of `bytes`; whether the signature holds is `verify`'s business. */
export interface ObservedBlock extends OpenedDagBlock {
  readonly bytes: Uint8Array
}

/** Shape of a verifier. */
export interface Service {
  /**
   * The committee whose votes certify commits, and let them be derived from blocks. Without one, commits are taken on
   * the publisher's word, and both streams stay open.
   */
  readonly committee: DagCommittee | undefined
  /** Decodes and names a block: cheap, and enough for blocks that a certified commit covers by digest. */
  readonly open: (bytes: Uint8Array) => Result.Result<ObservedBlock, Forged>
  /** Everything else: what lets a loose block in, and what makes its votes count. */
  readonly verify: (block: ObservedBlock) => Effect.Effect<void, Forged>
  /** Whether a signature of randomness holds. Without it, none of them reaches the application. */
  readonly randomness?: (signature: Uint8Array) => Effect.Effect<void, Forged>
}

/** Decides about blocks. */
export class BlockVerifier extends Context.Service<BlockVerifier, Service>()(
  "@ephor/streaming/BlockVerifier"
) {}

/** Bounds of a block; by default those that authors keep to (`BlockBounds`). */
export interface BlockLimits {
  /** Bytes of a signed block. Default 4 MiB. */
  readonly maxBlockBytes: number
  /** Default 1024. */
  readonly maxTransactions: number
  /** Bytes of one transaction. Default 1 MiB. */
  readonly maxTransactionBytes: number
  /** Bytes of all transactions. Default 2 MiB. */
  readonly maxTransactionsBytes: number
  /** Votes in a block; authors put in at most half of it. Default 200. */
  readonly maxCommitVotes: number
}

/** Documented defaults. */
export const defaults: BlockLimits = {
  maxBlockBytes: BlockBounds.maxBlockBytes,
  maxTransactions: BlockBounds.maxTransactions,
  maxTransactionBytes: BlockBounds.maxTransactionBytes,
  maxTransactionsBytes: BlockBounds.maxTransactionsBytes,
  maxCommitVotes: 200
}

const short = ({ author, digest, round }: DagBlockRef) =>
  `block of author ${author} in round ${round} (${digest})`

/** Decodes strictly and computes the digest over the bytes as they came. */
export const open = (
  bytes: Uint8Array,
  limits: BlockLimits = defaults
): Result.Result<ObservedBlock, Forged> => {
  if (bytes.length > limits.maxBlockBytes) {
    const why = `${bytes.length} bytes are more than ${limits.maxBlockBytes}`
    return Result.fail(new Forged({ what: "block", why }))
  }
  return Result.mapBoth(openDagBlock(bytes), {
    onFailure: (error) => new Forged({ what: "block", why: error.message }),
    onSuccess: (opened) => ({ ...opened, bytes })
  })
}

/** Checks an ed25519 signature of an author of the committee. */
export type SignatureCheck = (author: AuthorityIndex, message: Uint8Array, signature: Uint8Array) => boolean

/** The rules of a committee as pure checks. */
export interface Rules {
  /** Epoch and author. */
  readonly membership: (block: ObservedBlock) => string | undefined
  /** Round, ancestors, votes and transactions. */
  readonly content: (block: ObservedBlock) => string | undefined
}

/** The rules that a committee's blocks obey (fact sheet 2.9 and 3.9). */
export const rules = (committee: DagCommittee, limits: BlockLimits = defaults): Rules => {
  const genesis = new Set(dagGenesis(committee).map(({ ref }) => ref.digest))
  for (const { ref } of dagGenesis(committee, { version: "V1" })) genesis.add(ref.digest)
  const size = committee.authorities.length
  const quorum = quorumStake(committee)
  const ancestors = (block: ObservedBlock): string | undefined => {
    const { ancestors: refs, author, round } = block.block.value
    if (refs.length === 0 || refs.length > size) return `${refs.length} ancestors`
    if (refs[0]!.author !== author) return "the first ancestor is not the author's own block"
    const seen = new Set<number>()
    let stake = 0
    for (const ref of refs) {
      if (ref.author >= size) return `ancestor of unknown author ${ref.author}`
      if (seen.has(ref.author)) return `two ancestors of author ${ref.author}`
      if (ref.round >= round) return `ancestor of round ${ref.round}`
      if (ref.round === 0 && !genesis.has(ref.digest))
        return "ancestor of round 0 that is not a genesis block"
      seen.add(ref.author)
      if (ref.round === round - 1) stake += committee.authorities[ref.author]!.stake
    }
    return stake < quorum
      ? `ancestors of round ${round - 1} hold ${stake} stake, a quorum is ${quorum}`
      : undefined
  }
  const transactions = ({ block }: ObservedBlock): string | undefined => {
    const all = block.value.transactions
    if (all.length > limits.maxTransactions) return `${all.length} transactions`
    const bytes = all.reduce((sum, one) => sum + one.length, 0)
    if (bytes > limits.maxTransactionsBytes) return `${bytes} bytes of transactions`
    const large = all.find((one) => one.length > limits.maxTransactionBytes)
    return large === undefined ? undefined : `a transaction of ${large.length} bytes`
  }
  return {
    membership: ({ block: { value } }) => {
      if (value.epoch !== committee.epoch) return `epoch ${value.epoch}, ours is ${committee.epoch}`
      return value.author < size ? undefined : `unknown author ${value.author}`
    },
    content: (block) => {
      const { commitVotes, round } = block.block.value
      if (round === 0) return "genesis blocks are never sent"
      if (commitVotes.length > limits.maxCommitVotes) return `${commitVotes.length} commit votes`
      return ancestors(block) ?? transactions(block)
    }
  }
}

/**
 * Believes the publisher: blocks are decoded and hashed, nothing else. With a committee its votes are counted (unsigned
 * claims), so that commits can be derived from blocks; without one, both streams stay open.
 */
export const layerTrusting = (
  options: { readonly committee?: DagCommittee; readonly limits?: Partial<BlockLimits> } = {}
): Layer.Layer<BlockVerifier> => {
  const limits = { ...defaults, ...options.limits }
  return Layer.succeed(BlockVerifier, {
    committee: options.committee,
    open: (bytes) => open(bytes, limits),
    verify: () => Effect.void,
    randomness: () => Effect.void
  })
}

/** Options of `layerMysticeti`. */
export interface MysticetiOptions {
  readonly committee: DagCommittee
  readonly check: SignatureCheck
  readonly limits?: Partial<BlockLimits>
  /**
   * Checks a signature of randomness with the key that the committee has generated for it, which is none of the keys of
   * its authors. Default: such signatures are dropped.
   */
  readonly randomness?: (signature: Uint8Array) => boolean
}

/** Checks everything, given a way to check signatures (`NodeBlockVerifier.layerMysticeti` brings OpenSSL's). */
export const layerMysticeti = (options: MysticetiOptions): Layer.Layer<BlockVerifier> => {
  const limits = { ...defaults, ...options.limits }
  const { content, membership } = rules(options.committee, limits)
  const reject = (block: ObservedBlock, why: string) => new Forged({ what: short(block.ref), why })
  return Layer.succeed(BlockVerifier, {
    committee: options.committee,
    open: (bytes) =>
      Result.flatMap(open(bytes, limits), (block) => {
        const why = membership(block)
        return why === undefined ? Result.succeed(block) : Result.fail(reject(block, why))
      }),
    verify: (block) =>
      Effect.suspend(() => {
        const why = signatureFault(block, options.check) ?? content(block)
        const counted = Metric.update(Metrics.signaturesVerified, 1)
        return why === undefined ? counted : Effect.andThen(counted, Effect.fail(reject(block, why)))
      }),
    ...(options.randomness === undefined ? {} : { randomness: randomness(options.randomness) })
  })
}

const randomness = (holds: (signature: Uint8Array) => boolean) => (signature: Uint8Array) =>
  Effect.suspend(() =>
    holds(signature)
      ? Effect.void
      : Effect.fail(new Forged({ what: "signature of randomness", why: "the signature is wrong" }))
  )

const signatureFault = ({ block, blockBytes, signature }: ObservedBlock, check: SignatureCheck) => {
  const bytes = fromHex(signature)
  if (bytes.length !== 64) return `a signature of ${bytes.length} bytes`
  return check(block.value.author, dagSigningMessage(blockBytes), bytes)
    ? undefined
    : "the signature is wrong"
}
