/**
 * How the blocks of a round come together: those of the authors whose keys are here are signed here, the others are asked
 * for theirs. Whoever does not answer in time has no block in the round; without a quorum the round waits.
 */
import {
  type AuthorityIndex,
  BlockBounds,
  type DagBlock,
  type DagCommitRef,
  hasQuorum,
  openDagBlock,
  verifyDagBlock
} from "@ephor/types"
import { ed25519Verify } from "@ephor/keystore/Signatures"
import { Backend, ChainError } from "@ephor/chain/ChainError"
import * as Committee from "@ephor/chain/Committee"
import { Cause, Deferred, Effect, Metric, Result } from "effect"
import type { BlockProvider, Member, Settings } from "../DevChain.ts"
import { blocksMissed } from "../DevMetrics.ts"
import type { RoundProposal } from "../RoundProposal.ts"
import type { Draft } from "./DagRecords.ts"
import { makeRegistry } from "./Providers.ts"

/** Pause before an author that has failed is asked again for the same round. */
const pauseMs = 200

const nobody = { message: "nobody signs for it" }

const noQuorum = (cause: Error) =>
  new ChainError({ method: "DevChain", reason: new Backend({ what: "the authors are no quorum", cause }) })

/** Whether these are the bytes of that block, with whatever votes its author has put in. */
const isBlock = (expected: DagBlock, given: DagBlock, bytes: Uint8Array): boolean => {
  const { commitVotes } = given.value
  if (given._tag !== "V2" || expected._tag !== "V2" || commitVotes.length > Committee.votesPerBlock)
    return false
  const same = Committee.encodeBlock({ ...expected, value: { ...expected.value, commitVotes } })
  return same.length === bytes.length && same.every((byte, at) => byte === bytes[at])
}

/** The authors of a committee, here and elsewhere. */
export const makeSigners = (
  members: ReadonlyArray<Member>,
  { quorumTimeoutMs, roundTimeoutMs }: Pick<Settings, "quorumTimeoutMs" | "roundTimeoutMs">
) => {
  const { providers, register } = makeRegistry<BlockProvider>()
  /** The round whose waiting was told. */
  let waiting: number | undefined
  /** Authors whose silence was told. */
  const silent = new Set<AuthorityIndex>()

  const missed = (author: AuthorityIndex, why: string) =>
    Effect.gen(function* () {
      yield* Metric.update(blocksMissed, 1)
      if (!silent.has(author)) yield* Effect.logWarning(`author ${author} has no block in the round: ${why}`)
      silent.add(author)
    })

  /** The block that an author has signed for a proposal, if it is that block. */
  const checked = (committee: Committee.State["committee"], expected: DagBlock, bytes: Uint8Array) => {
    if (bytes.length > BlockBounds.maxBlockBytes) return Result.fail(`it answers ${bytes.length} bytes`)
    const opened = openDagBlock(bytes)
    if (Result.isFailure(opened)) return Result.fail("what it answers is no block")
    const { block, blockBytes, ref } = opened.success
    if (!isBlock(expected, block, blockBytes)) return Result.fail("it answers another block")
    return verifyDagBlock(opened.success, committee, ed25519Verify) === true
      ? Result.succeed<Committee.RoundBlock>({ bytes, ref, timestampMs: block.value.timestampMs })
      : Result.fail("its signature does not hold")
  }

  /** The author's block, or why there is none. */
  const ask = (
    { committee }: Committee.State,
    author: AuthorityIndex,
    proposal: RoundProposal,
    expected: DagBlock
  ): Effect.Effect<Result.Result<Committee.RoundBlock, string>> =>
    Effect.suspend(() => providers.get(author)?.(proposal) ?? Effect.fail(nobody)).pipe(
      Effect.matchCause({
        onFailure: (cause) =>
          Result.fail(cause.reasons.find(Cause.isFailReason)?.error.message ?? Cause.pretty(cause)),
        onSuccess: (answer) => checked(committee, expected, answer)
      })
    )

  /**
   * The blocks of the next round in the order of their authors: as soon as all are there or, with a quorum, whoever is still
   * to answer has had `roundTimeoutMs`. Until then who fails is asked again, and who is slow is waited for. Fails when there
   * is no quorum for long: whoever waits for the round may hold what others need.
   */
  const gather = Effect.fnUntraced(function* (
    state: Committee.State,
    draft: Draft,
    commitVotes: ReadonlyArray<DagCommitRef>
  ) {
    const { committee } = state
    const { leader, round, timestampMs } = draft
    const blocks = new Map<AuthorityIndex, Committee.RoundBlock>()
    const contentOf = (author: AuthorityIndex) => ({
      round,
      author,
      timestampMs,
      ancestors: Committee.ancestorsOf(state, author).map(({ ref }) => ref),
      transactions: author === leader ? draft.transactions : [],
      commitVotes
    })
    const inOrder = () => [...blocks.values()].toSorted((one, other) => one.ref.author - other.ref.author)
    for (const [author, member] of members.entries()) {
      if (!("sign" in member)) continue
      blocks.set(author, Committee.sign(member, Committee.blockOf(committee.epoch, contentOf(author))))
    }
    if (blocks.size === members.length) return inOrder()

    /** Those who have not answered yet, and why those have no block who have. */
    const pending = new Set([...members.keys()].filter((author) => !blocks.has(author)))
    const failures = new Map<AuthorityIndex, string>()
    let isLate = false
    const enough = yield* Deferred.make<void>()
    const judge = Effect.suspend(() =>
      hasQuorum(committee, blocks.keys()) && (isLate || pending.size === 0)
        ? Deferred.succeed(enough, undefined)
        : Effect.void
    )
    const signed = () => `${blocks.size} of ${members.length} authors have signed round ${round}`
    const untilSigned = Effect.fnUntraced(function* (author: AuthorityIndex) {
      const content = contentOf(author)
      const ancestors = round === 1 ? [] : Committee.ancestorsOf(state, author).map(({ bytes }) => bytes)
      const proposal = { round, timestampMs, transactions: content.transactions, ancestors }
      const expected = Committee.blockOf(committee.epoch, content)
      for (;;) {
        const block = yield* ask(state, author, proposal, expected)
        pending.delete(author)
        if (Result.isSuccess(block)) {
          blocks.set(author, block.success)
          return yield* judge
        }
        failures.set(author, block.failure)
        yield* judge
        yield* Effect.sleep(pauseMs)
      }
    })
    const late = Effect.gen(function* () {
      yield* Effect.sleep(roundTimeoutMs)
      isLate = true
      yield* judge
      if (hasQuorum(committee, blocks.keys())) return
      if (waiting !== round) yield* Effect.logWarning(`the chain waits: ${signed()}, which is no quorum`)
      waiting = round
    })
    const asking = Effect.all([late, ...[...pending].map(untilSigned)], {
      concurrency: "unbounded",
      discard: true
    })
    yield* Effect.raceFirst(Deferred.await(enough), Effect.andThen(asking, Effect.never)).pipe(
      Effect.timeoutOrElse({
        duration: quorumTimeoutMs,
        orElse: () => Effect.suspend(() => Effect.fail(noQuorum(new Error(signed()))))
      })
    )
    for (const author of members.keys()) {
      if (blocks.has(author)) silent.delete(author)
      else yield* missed(author, failures.get(author) ?? `no answer within ${roundTimeoutMs} ms`)
    }
    if (waiting === round) yield* Effect.logInfo(`the chain goes on: ${signed()}`)
    waiting = undefined
    return inOrder()
  })

  return { register, gather, areAllHere: members.every((member) => "sign" in member) }
}

/** See `makeSigners`. */
export type Signers = ReturnType<typeof makeSigners>
