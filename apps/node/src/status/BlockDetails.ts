/** One block in full, for a click on it. */
import { Chain, DagBody, RuntimeApi } from "@ephor/chain"
import { json, type Route, text } from "@ephor/json-rpc/Door"
import { candidateHash, Hash } from "@ephor/types"
import { Effect, Result, Schema } from "effect"

/** Where a block is asked for by its hash. */
const prefix = "/status/blocks/"

/** Logs that are told; a block may have more. */
const toldLogs = 50

const isHash = Schema.is(Hash)

const commitOf = (body: Uint8Array) => {
  const dag = DagBody.subDagOf(body)
  if (Result.isFailure(dag)) return undefined
  const { blocks, commit, digest } = dag.success
  return {
    index: Number(commit.index),
    digest,
    leader: { round: Number(commit.leader.round), author: Number(commit.leader.author) },
    blocks: blocks.length
  }
}

/** `GET /status/blocks/HASH`: header, origin, receipts, candidates, commit and votes. */
export const route = Effect.gen(function* () {
  const chain = yield* Chain.Chain
  const runtime = yield* RuntimeApi.RuntimeApi
  const tell = Effect.fnUntraced(function* (hash: Hash) {
    const { body, receipts, ref } = yield* chain.content(hash)
    const events = yield* runtime.candidateEvents(hash).pipe(Effect.orElseSucceed(() => []))
    const votes = yield* Effect.option(runtime.onChainVotes(hash))
    const logs = receipts.flatMap((receipt) => receipt.logs)
    return {
      header: ref,
      isInvalidated: yield* chain.isInvalidated(hash),
      receipts: receipts.length,
      logs: logs.length,
      firstLogs: logs.slice(0, toldLogs).map(({ address, topics }) => ({ address, topics })),
      candidates: events.map(({ _tag, value }) => ({
        what: _tag.replace("Candidate", "").toLowerCase(),
        hash: candidateHash(value[0]),
        para: value[0].descriptor.paraId
      })),
      commit: commitOf(body),
      votes:
        votes._tag === "None"
          ? undefined
          : {
              backing: votes.value.backingValidatorsPerCandidate.reduce(
                (n, [, voters]) => n + voters.length,
                0
              ),
              disputes: votes.value.disputes.map(({ candidateHash: candidate, statements }) => ({
                candidate,
                votes: statements.length
              }))
            }
    }
  })
  const route: Route = {
    method: "GET",
    path: `${prefix}*`,
    handle: ({ path }) => {
      const hash = path.slice(prefix.length)
      return isHash(hash)
        ? tell(hash).pipe(
            Effect.map((told) => json(told)),
            Effect.mapError(({ message }) => text(404, message))
          )
        : Effect.fail(text(400, "name a block by its hash: /status/blocks/0x..."))
    }
  }
  return route
})
