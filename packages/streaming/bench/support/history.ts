/** A signed history: every round has a block of each of four authors, and commits; blocks vote for the commit before. */
import { DevAuthors } from "@ephor/devchain"
import { Committee, DagBody } from "@ephor/chain"
import type { CommittedSubDag, Hash } from "@ephor/types"
import { Effect, Result, Stream } from "effect"
import { Subscriber } from "../../src/index.ts"
import * as BlockVerifier from "../../src/BlockVerifier.ts"
import { signatureCheck } from "../../src/NodeBlockVerifier.ts"
import * as NodeGrpcClient from "../../src/NodeGrpcClient.ts"
import { blockBytes, nowMicros } from "./loads.ts"

const authors = DevAuthors.developmentAuthors("bench", 4)
/** Who has made it. */
export const committee = Committee.committeeOf(authors)
/** What surrounds the transaction in a block. */
const overheadBytes = 330

/** The commits, lowest first. */
export const historyOf = (commits: number): ReadonlyArray<CommittedSubDag> =>
  certifiedHistoryOf(commits).map(({ commit }) => commit)

/** The same with their digests. */
export const certifiedHistoryOf = (
  commits: number
): ReadonlyArray<{ readonly commit: CommittedSubDag; readonly digest: Hash }> => {
  const transactions = new Map(
    authors.map((_, author) => [author, [new Uint8Array(blockBytes - overheadBytes)]])
  )
  let state = Committee.initial(committee)
  let tip: Committee.Committed | undefined
  return Array.from({ length: commits }, (_, i) => {
    const votes = tip === undefined ? [] : [{ index: i, digest: tip.digest }]
    state = Committee.nextRound(state, authors, { timestampMs: (i + 1) * 100, transactions, votes })
    tip = Committee.commitUpon(state, tip, i + 1)
    state = Committee.prune(state, i - 1)
    const commit = DagBody.committedSubDag(Result.getOrThrow(DagBody.subDagOf(tip.body)))
    return { commit, digest: tip.digest }
  })
}

/** What catching up took. */
export interface CaughtUp {
  readonly micros: number
  readonly signatureMicros: number
  readonly signatures: number
}

/** Follows a publisher from nothing to a commit, checking everything. */
export const catchUp = (port: number, commits: number): Promise<CaughtUp> =>
  Effect.gen(function* () {
    let signatureMicros = 0
    let signatures = 0
    const check = yield* signatureCheck(committee)
    const timed: BlockVerifier.SignatureCheck = (author, message, signature) => {
      const before = process.hrtime.bigint()
      const right = check(author, message, signature)
      signatureMicros += Number(process.hrtime.bigint() - before) / 1000
      signatures++
      return right
    }
    const api = yield* NodeGrpcClient.connect({ url: `http://127.0.0.1:${port}` })
    const began = nowMicros()
    const subscriber = yield* Subscriber.make([{ name: "publisher", connect: Effect.succeed(api) }]).pipe(
      Effect.provide(BlockVerifier.layerMysticeti({ committee, check: timed }))
    )
    yield* Stream.runDrain(Stream.takeUntil(subscriber.commits, ({ index }) => index >= commits))
    return { micros: nowMicros() - began, signatureMicros, signatures }
  }).pipe(Effect.scoped, Effect.runPromise)
