/**
 * What a block author gets of the provisioner: the inherent, and the evidence among that which is collected. (Overseer
 * protocol, "Provisioner Message".)
 */
import { RuntimeApi } from "@ephor/chain"
import { Provisioner } from "@ephor/overseer"
import type { Evidence, Hash, ProvisionableData } from "@ephor/types"
import { type Cause, Effect, Queue } from "effect"
import { inherents } from "./Provisioner.ts"

/**
 * The evidence in a datum; nothing in one that others would have to believe: verdicts without their votes, that somebody
 * did not vote, a disagreement (which opens a dispute), a report under a relay parent that is not known any more.
 */
export const evidenceOf = Effect.fnUntraced(
  function* (runtime: Pick<RuntimeApi.Service, "sessionIndexForChild">, data: ProvisionableData) {
    if (data._tag === "Verdicts") {
      const verdicts = data.verdicts.filter(({ judgement }) => judgement._tag !== "LightSlash")
      if (data.votes.length === 0 || verdicts.length === 0) return []
      const { candidateHash, session, votes: statements } = data
      const made: Evidence = {
        _tag: "Verdicts",
        value: { votes: { candidateHash, session, statements }, verdicts }
      }
      return [made]
    }
    if (data._tag !== "MisbehaviorReport" || data.report._tag === "CandidateValidityDisagreement") return []
    const { _tag, first, receipt, second } = data.report
    const session = yield* runtime.sessionIndexForChild(data.relayParent)
    const made: Evidence = { _tag, value: { session, relayParent: data.relayParent, receipt, first, second } }
    return [made]
  },
  Effect.orElseSucceed((): ReadonlyArray<Evidence> => [])
)

/** Answers what the child of a block carries: the inherent, and evidence that the provisioner was told of. */
export const make = Effect.gen(function* () {
  const provisioner = yield* Provisioner
  const runtime = yield* RuntimeApi.RuntimeApi
  const ask = yield* inherents
  return Effect.fnUntraced(function* (relayParent: Hash) {
    const sender = yield* Queue.unbounded<ProvisionableData, Cause.Done>()
    yield* provisioner.send({ _tag: "RequestBlockAuthorshipData", relayParent, sender })
    // One mailbox, one order: when this is answered, all data so far was offered.
    const data = yield* ask(relayParent)
    const offered = yield* Queue.clear(sender)
    yield* Queue.shutdown(sender)
    const evidence = yield* Effect.forEach(offered, (datum) => evidenceOf(runtime, datum))
    return { ...data, evidence: evidence.flat() }
  })
})
