/**
 * The author of DAG blocks in a process of its own: signs what the maker of a chain proposes, once per round, and votes for
 * the commits that are final here. The maker is not believed: what a block refers to has to be there, signed.
 */
import { BlockBounds, hasQuorum, openDagBlock, verifyDagBlock } from "@ephor/types"
import { Chain } from "@ephor/chain/Chain"
import { Backend, ChainError, Unsupported } from "@ephor/chain/ChainError"
import * as Committee from "@ephor/chain/Committee"
import { ed25519Verify } from "@ephor/keystore/Signatures"
import { Store, type StoreError } from "@ephor/store/Store"
import { Effect, Layer, Option, Result, Semaphore } from "effect"
import { finalVotes } from "./authoring/DagMaker.ts"
import { signed } from "./authoring/DagRecords.ts"
import { DevChain } from "./DevChain.ts"
import type { RoundProposal } from "./RoundProposal.ts"

/** Final commits further back than that have no use for a vote any more: votes for later ones certify them. */
const votesBehind = 1000

const refused = (what: string) => new ChainError({ method: "sign", reason: new Unsupported({ what }) })

/** The blocks that a proposal's block refers to, or why they are none. */
const ancestorsOf = (
  genesis: Committee.State,
  author: number,
  { ancestors, round }: RoundProposal
): Result.Result<ReadonlyArray<Committee.RoundBlock>, string> => {
  const { committee } = genesis
  if (round === 1) return Result.succeed(Committee.ancestorsOf(genesis, author))
  if (ancestors.length > committee.authorities.length) return Result.fail("more ancestors than authors")
  const first = new Set(genesis.newest.map(({ ref }) => ref.digest))
  const found: Array<Committee.RoundBlock> = []
  for (const [position, bytes] of ancestors.entries()) {
    if (bytes.length > BlockBounds.maxBlockBytes) return Result.fail("an ancestor that is too long")
    const opened = openDagBlock(bytes)
    if (Result.isFailure(opened)) return Result.fail("an ancestor that is no block")
    const { block, ref } = opened.success
    const isThere = first.has(ref.digest) || verifyDagBlock(opened.success, committee, ed25519Verify) === true
    if (!isThere) return Result.fail(`no author signed the ancestor ${ref.digest}`)
    const isOwn = ref.author === author
    if (isOwn !== (position === 0))
      return Result.fail("the own block is not the first ancestor, and no other")
    if (isOwn ? ref.round >= round : ref.round !== round - 1)
      return Result.fail(`an ancestor of round ${ref.round}`)
    if (found.some((other) => other.ref.author === ref.author))
      return Result.fail("two ancestors of one author")
    found.push({ bytes, ref, timestampMs: block.value.timestampMs })
  }
  const before = found.filter(({ ref }) => ref.round === round - 1).map(({ ref }) => ref.author)
  return found.length > 0 && hasQuorum(committee, before)
    ? Result.succeed(found)
    : Result.fail(`the ancestors of round ${round - 1} are no quorum`)
}

const areWithin = (transactions: ReadonlyArray<Uint8Array>): boolean =>
  transactions.length <= BlockBounds.maxTransactions &&
  transactions.every(({ length }) => length <= BlockBounds.maxTransactionBytes) &&
  transactions.reduce((sum, { length }) => sum + length, 0) <= BlockBounds.maxTransactionsBytes

/**
 * Signs until the layer is closed. What was signed stands in the store before anybody sees it: in one round the answer is
 * one block, whatever is proposed, also after a restart. So the store and the key stay together.
 */
export const layer = (
  author: Committee.Author
): Layer.Layer<never, ChainError | StoreError, Chain | DevChain | Store> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const chain = yield* Chain
      const store = yield* Store
      const { committee, provideBlocks } = yield* DevChain
      const index = committee.authorities.findIndex(({ publicKey }) => publicKey === author.publicKey)
      if (index < 0) return yield* refused(`sign with ${author.publicKey}, which is no author of the chain`)
      const key = [author.publicKey] as const
      const genesis = Committee.initial(committee)
      const lock = yield* Semaphore.make(1)

      const blockFor = Effect.fnUntraced(function* (proposal: RoundProposal) {
        const { round, timestampMs, transactions } = proposal
        const last = Option.getOrUndefined(yield* signed.get(store, key))
        if (last?.round === round) return last.bytes
        if (last !== undefined && last.round > round) {
          return yield* refused(`sign a block of round ${round} after one of round ${last.round}`)
        }
        const ancestors = ancestorsOf(genesis, index, proposal)
        if (Result.isFailure(ancestors)) return yield* refused(`sign upon ${ancestors.failure}`)
        if (!areWithin(transactions)) return yield* refused("sign more transactions than a block takes")
        if (ancestors.success.some((one) => one.timestampMs > timestampMs)) {
          return yield* refused("sign a block that is earlier than what it refers to")
        }
        const finalized = yield* chain.head("Finalized")
        const voted = Math.max(
          last?.voted ?? chain.anchor.derived.number,
          finalized.number - votesBehind,
          (yield* chain.history) - 1
        )
        const commitVotes = yield* finalVotes(chain, voted, finalized.number)
        const block = Committee.blockOf(committee.epoch, {
          round,
          author: index,
          timestampMs,
          ancestors: ancestors.success.map(({ ref }) => ref),
          transactions,
          commitVotes
        })
        const { bytes } = Committee.sign(author, block)
        yield* store.batch([signed.put(key, { round, voted: commitVotes.at(-1)?.index ?? voted, bytes })])
        return bytes
      })

      yield* provideBlocks(index, (proposal) =>
        lock
          .withPermits(1)(Effect.uninterruptible(blockFor(proposal)))
          .pipe(
            Effect.catchTag("StoreError", (cause) =>
              Effect.fail(
                new ChainError({
                  method: "sign",
                  reason: new Backend({ what: "nothing can be kept", cause })
                })
              )
            )
          )
      )
    })
  )
