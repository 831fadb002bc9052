/** Disputes, votes, slashes and governance mode, as the first validator of this process knows them. */
import type { RuntimeApi } from "@ephor/chain"
import type { Status as Told } from "@ephor/cli"
import { Thresholds } from "@ephor/disputes"
import type { DisputeStatus, Hash } from "@ephor/types"
import { Effect, Option } from "effect"
import type { Validators } from "../Validators.ts"

/** Disputes that are told: those that are open, then those that ended last. */
export const told = 12

/** Slashes that are told. */
const toldSlashes = 20

const words: { readonly [Tag in DisputeStatus["_tag"]]: string } = {
  Active: "open",
  Confirmed: "confirmed",
  ConcludedFor: "concluded valid",
  ConcludedAgainst: "concluded invalid"
}

/** When a dispute ended; one that did not counts as the newest. */
const endOf = (status: DisputeStatus): number =>
  status._tag === "ConcludedFor" || status._tag === "ConcludedAgainst" ? status.value : Infinity

const indicesOf = (votes: ReadonlyArray<readonly [unknown, number, unknown]>) =>
  votes.map(([, index]) => index)

/** Candidates that are, or were, disputed. */
export const disputedOf = ({ disputes }: Pick<Told.Courtroom, "disputes">): ReadonlySet<string> =>
  new Set(disputes.map(({ candidateHash }) => candidateHash))

/** What is known at a head; nothing where no validator runs here. */
export const tell = Effect.fnUntraced(function* (
  validators: Validators["Service"],
  runtime: RuntimeApi.Service,
  head: Hash,
  unfreeze: string
) {
  const db = validators.votes[0]
  const count = yield* runtime.validators(head).pipe(
    Effect.map((all) => all.length),
    Effect.orElseSucceed(() => 0)
  )
  const recent = db === undefined ? [] : yield* Effect.orElseSucceed(db.recentDisputes, () => [])
  const newest = recent.toSorted((a, b) => endOf(b.status) - endOf(a.status)).slice(0, told)
  const disputes = yield* Effect.forEach(newest, ({ candidateHash, session, status }) =>
    Effect.map(
      db === undefined
        ? Effect.succeedNone
        : Effect.orElseSucceed(db.votes(session, candidateHash), () => Option.none()),
      (votes): Told.Dispute => ({
        session,
        candidateHash,
        state: words[status._tag],
        valid: Option.match(votes, { onNone: () => [], onSome: ({ valid }) => indicesOf(valid) }),
        invalid: Option.match(votes, { onNone: () => [], onSome: ({ invalid }) => indicesOf(invalid) })
      })
    )
  )
  const slashes = yield* runtime.unappliedSlashes(head).pipe(Effect.orElseSucceed(() => []))
  const frozen = yield* Effect.filter(validators.governance, ({ mode }) =>
    Effect.map(mode, ({ frozen }) => frozen)
  )
  const courtroom: Told.Courtroom = {
    validators: count,
    supermajority: Thresholds.supermajority(count),
    disputes,
    slashes: slashes.slice(-toldSlashes).map(({ blockNumber, candidateHash, kind, validatorIndex }) => ({
      validator: validatorIndex,
      kind: kind._tag,
      candidateHash,
      number: blockNumber
    })),
    governance:
      frozen.length === 0 ? undefined : { validators: frozen.map(({ index }) => index), command: unfreeze }
  }
  return courtroom
})
